//! Idempotency keys.

use super::{Model, Now, Step, owner_of};
use crate::call::{Answer, Call, Command};
use skep_application::{kernel::ErrorKind, kernel::Swept};
use skep_domain::shared::Timestamp;

/// 24 h, in milliseconds.
const KEPT: i64 = 86_400_000;
/// A week, in milliseconds.
const WEEK: i64 = 7 * 86_400_000;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    command: Command,
    answer: Answer,
    expires_at: Timestamp,
}

impl Model {
    /// Carries out a command once per key: a refusal is not kept.
    pub(super) fn once(&mut self, now: &Now<'_>, call: &Call, work: impl FnOnce(&mut Self) -> Step) -> Step {
        let Some((use_case, key)) = call.key() else { return work(self) };
        let (owner, command) = (owner_of(now.actor, use_case, key), call.command.clone());
        if let Some(kept) = self.keys.get(&owner).filter(|kept| now.at < kept.expires_at) {
            if kept.command == command {
                return Ok(kept.answer.clone());
            }
            return Err(Answer::refusal(ErrorKind::Invalid, "idempotency_key_reused"));
        }
        let answer = work(self)?;
        let expires_at = now.at.plus_millis(KEPT);
        self.keys.insert(owner, Kept { command, answer: answer.clone(), expires_at });
        Ok(answer)
    }

    /// Forgets the keys whose time is over, and the sessions that ended a week ago.
    pub(super) fn sweep(&mut self, at: Timestamp) -> Swept {
        let before = (self.keys.len(), self.sessions.len());
        self.keys.retain(|_, kept| at < kept.expires_at);
        self.sessions.retain(|_, (_, expires_at)| at < expires_at.plus_millis(WEEK));
        let count = |before: usize, after: usize| u64::try_from(before - after).unwrap_or(u64::MAX);
        let (idempotency_keys, sessions) = (count(before.0, self.keys.len()), count(before.1, self.sessions.len()));
        Swept::from([("idempotency keys", idempotency_keys), ("sessions", sessions)])
    }
}
