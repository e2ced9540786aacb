//! Reads the limits of single operations.

use super::near::nearest_of;
use skep_application::kernel::{Limit, LimitKind};
use skep_http::api::{Api, CountedBy, Operation, OperationLimit};
use std::time::Duration;

/// How many operations may have a limit of their own.
pub(super) const MOST: usize = 64;
/// The most requests in the time of a limit.
pub(super) const MOST_REQUESTS: u32 = 1_000_000;

const PERIODS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
const KINDS: [(&str, LimitKind); 3] =
    [("smooth", LimitKind::Smooth), ("fixed", LimitKind::Fixed), ("sliding", LimitKind::Sliding)];

/// Reads parts like `place_order=10/m fixed per user`, with commas between them. Each fault names its part.
///
/// # Errors
/// All faults. They show only names that are close to that of an operation, because a text at the wrong
/// place may be a secret.
pub(super) fn read(text: &str) -> Result<Vec<OperationLimit>, Vec<String>> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > MOST {
        return Err(vec![format!("has {} parts; at most {MOST} operations may have a limit", parts.len())]);
    }
    let (mut limits, mut faults) = (Vec::<OperationLimit>::new(), vec![]);
    for (place, part) in (1..).zip(parts) {
        match read_part(part) {
            Ok(limit) if limits.iter().any(|known| known.operation == limit.operation) => {
                faults.push(format!("part {place}: {} has a limit in an earlier part", limit.operation));
            }
            Ok(limit) => limits.push(limit),
            Err(fault) => faults.push(format!("part {place}: {fault}")),
        }
    }
    if faults.is_empty() { Ok(limits) } else { Err(faults) }
}

fn read_part(part: &str) -> Result<OperationLimit, String> {
    let (id, rest) = part.split_once('=').ok_or("expected a limit like place_order=10/m")?;
    let operation = find(id.trim())?;
    let of = |fault: &str| format!("{}: {fault}", operation.id);
    let (rate, words) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let (most, period) = rate.split_once('/').ok_or_else(|| of("expected a rate like 10/m"))?;
    let burst = most.parse().ok().filter(|most| (1..=MOST_REQUESTS).contains(most));
    let burst = burst.ok_or_else(|| of(&format!("expected a number from 1 to {MOST_REQUESTS} before the slash")))?;
    let period = PERIODS.into_iter().find(|(name, _)| *name == period);
    let (_, seconds) = period.ok_or_else(|| of("expected s, m, h or d after the slash"))?;
    let (kind, counted_by) = read_words(words, operation).map_err(|fault| of(&fault))?;
    let limit = Limit { burst, period: Duration::from_secs(seconds), kind };
    Ok(OperationLimit { operation: operation.id, limit, counted_by })
}

/// Reads what stands behind the rate: the kind and the clients, each at most once, in any order.
fn read_words(words: &str, operation: &Operation) -> Result<(LimitKind, CountedBy), String> {
    let (mut kind, mut clients) = (None, None);
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        let known_kind = KINDS.into_iter().find(|(name, _)| *name == word);
        let is_second = match known_kind {
            Some((_, known)) => kind.replace(known).is_some(),
            None if word == "per" => {
                let counted_by = match words.next() {
                    Some("address") => CountedBy::Address,
                    Some("user") if operation.action.is_none() => {
                        return Err("its callers are not signed in; expected per address".to_owned());
                    }
                    Some("user") => CountedBy::User,
                    _ => return Err("expected user or address after per".to_owned()),
                };
                clients.replace(counted_by).is_some()
            }
            None => {
                return Err(
                    "expected smooth, fixed, sliding, per user, per address or nothing after the rate".to_owned()
                );
            }
        };
        if is_second {
            return Err("expected at most one kind and one of per user and per address after the rate".to_owned());
        }
    }
    Ok((kind.unwrap_or_default(), clients.unwrap_or_default()))
}

fn find(id: &str) -> Result<&'static Operation, String> {
    if let Some(operation) = Api::operations().find(|operation| operation.id == id) {
        return Ok(operation);
    }
    Err(match nearest_of(Api::operations().map(|operation| operation.id), id) {
        Some(near) => format!("there is no operation {id}; did you mean {near}?"),
        None => "expected the operationId of an operation before the equals sign".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        read(text).unwrap_err()
    }

    #[test]
    fn limits_of_operations_are_read() {
        let limit = |operation, burst, seconds, counted_by| OperationLimit {
            operation,
            limit: Limit::smooth(burst, Duration::from_secs(seconds)),
            counted_by,
        };
        let read = read("place_order=10/m, log_in = 5/s  per address ,list_search_results=60/h per user,set_up=1/d,");
        assert_eq!(
            read.unwrap(),
            [
                limit("place_order", 10, 60, CountedBy::Caller),
                limit("log_in", 5, 1, CountedBy::Address),
                limit("list_search_results", 60, 3_600, CountedBy::User),
                limit("set_up", 1, 86_400, CountedBy::Caller),
            ]
        );
        assert!(super::read("").unwrap().is_empty());
    }

    #[test]
    fn the_kind_and_the_clients_stand_in_any_order() {
        for (text, kind, counted_by) in [
            ("place_order=1/h smooth", LimitKind::Smooth, CountedBy::Caller),
            ("place_order=1/h fixed", LimitKind::Fixed, CountedBy::Caller),
            ("place_order=1/h sliding per user", LimitKind::Sliding, CountedBy::User),
            ("place_order=1/h  per  address  fixed ", LimitKind::Fixed, CountedBy::Address),
        ] {
            let read = read(text).unwrap();
            assert_eq!((read[0].limit.kind, read[0].counted_by), (kind, counted_by), "{text}");
        }
    }

    #[test]
    fn each_fault_names_its_part_and_says_what_is_expected() {
        for (text, expected) in [
            ("place_order", "part 1: expected a limit like place_order=10/m"),
            ("plac_order=10/m", "part 1: there is no operation plac_order; did you mean place_order?"),
            ("zzz=10/m", "part 1: expected the operationId of an operation before the equals sign"),
            ("/api/v1/orders=10/m", "part 1: expected the operationId of an operation before the equals sign"),
            ("place_order=10", "part 1: place_order: expected a rate like 10/m"),
            ("place_order=0/m", "part 1: place_order: expected a number from 1 to 1000000 before the slash"),
            ("place_order=-1/m", "part 1: place_order: expected a number from 1 to 1000000 before the slash"),
            ("place_order=1000001/m", "part 1: place_order: expected a number from 1 to 1000000 before the slash"),
            ("place_order=10/w", "part 1: place_order: expected s, m, h or d after the slash"),
            ("place_order=10/m per key", "part 1: place_order: expected user or address after per"),
            ("place_order=10/m fixed per", "part 1: place_order: expected user or address after per"),
            (
                "place_order=10/m rolling",
                "part 1: place_order: expected smooth, fixed, sliding, per user, per address or nothing after the rate",
            ),
            (
                "place_order=10/m fixed sliding",
                "part 1: place_order: expected at most one kind and one of per user and per address after the rate",
            ),
            (
                "place_order=10/m per user fixed per address",
                "part 1: place_order: expected at most one kind and one of per user and per address after the rate",
            ),
            ("log_in=10/m per user", "part 1: log_in: its callers are not signed in; expected per address"),
            ("log_in=1/m,log_in=2/m per address", "part 2: log_in has a limit in an earlier part"),
        ] {
            assert_eq!(faults(text), [expected], "{text}");
        }
        assert_eq!(faults("log_in=0/m,set_up=1/m,place_order=x").len(), 2, "all faults are reported");
    }

    #[test]
    fn the_number_of_limits_is_bounded() {
        let text = |parts: usize| {
            let operations = Api::operations().take(parts).map(|operation| format!("{}=1/m", operation.id));
            operations.collect::<Vec<_>>().join(",")
        };
        assert_eq!(read(&text(MOST)).unwrap().len(), MOST);
        assert_eq!(faults(&text(MOST + 1)), ["has 65 parts; at most 64 operations may have a limit"]);
    }

    #[test]
    fn a_text_at_the_wrong_place_is_not_shown() {
        for text in ["redis://:hunter2@h:6379", "host=h user=skep Password=hunter2", "place_order=hunter2/m hunter2"] {
            assert!(faults(text).iter().all(|fault| !fault.contains("hunter2")), "{text}");
        }
    }
}
