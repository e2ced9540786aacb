//! Idempotency keys, and the sweep.

use super::Model;
use crate::{
    call::{Command, Commands, Failure, Now, Outcome},
    context::CONTEXTS,
    item::{Item, downcast},
};
use skep_application::kernel::{ErrorKind, Swept};
use skep_domain::shared::{Timestamp, UserId};
use std::sync::Arc;
use uuid::Uuid;

/// How long a key is stored: 24 h in milliseconds.
const KEPT: i64 = 86_400_000;

/// The stored command and answer of a key.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    command: Command,
    answer: Arc<dyn Item>,
    expires_at: Timestamp,
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.expires_at == other.expires_at && self.command == other.command && self.answer.equals(&*other.answer)
    }
}

impl Eq for Kept {}

impl Model {
    /// Executes a command once per key. Refusals are not stored.
    pub(crate) fn once<C: Commands>(
        &mut self,
        now: &Now<'_>,
        command: &C,
        work: impl FnOnce(&mut Self) -> Outcome<C::Answer>,
    ) -> Outcome<C::Answer> {
        let Some((use_case, key)) = command.use_case().zip(now.key) else { return work(self) };
        let owner = (now.actor.user_id().map_or(Uuid::nil(), UserId::uuid), use_case, key.as_str().to_owned());
        let command = Command::new(command.clone());
        if let Some(kept) = self.keys.get(&owner).filter(|kept| now.at < kept.expires_at) {
            let same = Some(&kept.answer).filter(|_| kept.command == command);
            let answer = same.and_then(|answer| downcast::<C::Answer>(&**answer)).cloned();
            return answer.ok_or(Failure::refusal(ErrorKind::Invalid, "idempotency_key_reused"));
        }
        let answer = work(self)?;
        let expires_at = now.at.plus_millis(KEPT);
        self.keys.insert(owner, Kept { command, answer: Arc::new(answer.clone()), expires_at });
        Ok(answer)
    }

    /// Deletes the expired rows of all contexts, and the expired keys.
    pub(crate) fn sweep(&mut self, at: Timestamp) -> Swept {
        let before = self.keys.len();
        self.keys.retain(|_, kept| at < kept.expires_at);
        let keys = u64::try_from(before - self.keys.len()).unwrap_or(u64::MAX);
        let mut swept = Swept::from([("idempotency keys", keys)]);
        for (name, rows) in CONTEXTS.iter().flat_map(|context| context.sweep(self, at)) {
            swept.add(name, rows);
        }
        swept
    }
}
