//! What the answers of a server mean that cannot run our scripts, or loses data.

use redis::RedisError;
use skep_application::{kernel::StoreError, operations::Defect};

/// What a server is used for.
pub(crate) struct Use {
    /// The commands of the scripts, as an access list names them.
    commands: &'static str,
    /// What does not happen while the server refuses.
    lost: &'static str,
}

pub(crate) const LIMITS: Use = Use { commands: "+time +get +set +del +ping", lost: "it counts nothing" };
pub(crate) const TICKETS: Use = Use {
    commands: "+time +hget +hset +hdel +zadd +zrem +zrange +zrangebyscore +zscore +zcard +pexpire +ping",
    lost: "it takes no jobs",
};

/// Why a script was refused. Returns the error if the server did not answer.
pub(crate) fn refused(error: StoreError, prefix: &str, Use { commands, lost }: &Use) -> Result<Defect, StoreError> {
    let StoreError::Unavailable(cause) = &error else { return Err(error) };
    let Some(answer) = cause.downcast_ref::<RedisError>() else { return Err(error) };
    let Some(code) = answer.code() else { return Err(error) };
    let (text, remedy) = match code {
        "NOPERM" => (
            "the user of the address may not run our scripts, or not use our keys".to_owned(),
            format!("as an admin of the server: ACL SETUSER name ~{prefix}* +evalsha +eval +script|load {commands}"),
        ),
        "READONLY" => {
            ("the server is a replica, which takes no writes".to_owned(), "name the primary in REDIS_URL".to_owned())
        }
        "OOM" => (
            format!("the memory of the server is full (maxmemory), so {lost}"),
            "give it more memory, or delete keys".to_owned(),
        ),
        _ => ("the server refuses our scripts".to_owned(), "see the cause".to_owned()),
    };
    Ok(Defect::fatal(format!("{text}: {answer}"), remedy))
}

/// What the section `memory` of INFO means for our counts.
pub(crate) fn may_evict(memory: &str) -> Option<Defect> {
    let value = |name: &str| memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let policy = value("maxmemory_policy").filter(|policy| *policy != "noeviction")?;
    // 0 means no limit.
    value("maxmemory").filter(|limit| *limit != "0")?;
    Some(Defect::minor(
        format!(
            "when its memory is full, Redis deletes counts of rate limits (maxmemory-policy is {policy}): clients then have \
             all their attempts again"
        ),
        "set maxmemory-policy to noeviction, or give the limits a Redis of their own",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_limit_with_a_policy_that_evicts_is_a_defect() {
        let info = |limit: &str, policy: &str| {
            may_evict(&format!("# Memory\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{policy}\r\n"))
        };
        assert_eq!(info("0", "allkeys-lru"), None);
        assert_eq!(info("1048576", "noeviction"), None);
        let defect = info("1048576", "volatile-ttl").unwrap();
        assert!(!defect.is_fatal && defect.text.contains("volatile-ttl"), "{defect:?}");
        assert_eq!(may_evict(""), None);
    }
}
