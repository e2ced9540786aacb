//! Counts the mails that callers ask for.

use super::{AccountPolicy, LoginAttempts, login_attempts::Taken};
use crate::kernel::{Actor, Fingerprints, TooManyAttempts, WiderNetworks, counter_name};
use skep_domain::shared::EmailLookup;
use std::sync::Arc;

/// Counts requests for mails per network, and mails per address. An address without an account has the same limits.
#[derive(Clone)]
pub(super) struct MailAttempts {
    attempts: LoginAttempts,
    fingerprints: Arc<dyn Fingerprints>,
    networks: WiderNetworks,
    policy: AccountPolicy,
}

impl MailAttempts {
    pub(super) const fn new(
        attempts: LoginAttempts,
        fingerprints: Arc<dyn Fingerprints>,
        networks: WiderNetworks,
        policy: AccountPolicy,
    ) -> Self {
        Self { attempts, fingerprints, networks, policy }
    }

    /// Counts a request of the caller's network.
    pub(super) async fn take_of_network(&self, actor: &Actor) -> Result<(), TooManyAttempts> {
        for (network, limit) in self.networks.limits(actor.network, self.policy.requests_per_network) {
            self.attempts.take(format!("account_mail:network:{network}"), limit, &mut Taken::default()).await?;
        }
        Ok(())
    }

    /// Counts a mail about a login to this address. `None` if it has had enough of them.
    pub(super) async fn take_of_login(&self, email: &EmailLookup) -> Option<Taken> {
        let name = format!("login_mail:to:{}", counter_name(&*self.fingerprints, email.account()));
        let mut taken = Taken::default();
        self.attempts.take(name, self.policy.mails_per_address, &mut taken).await.ok()?;
        Some(taken)
    }

    /// Gives back what a mail has taken that is not sent.
    pub(super) async fn give_back(&self, taken: Taken) {
        self.attempts.give_back(taken).await;
    }

    /// Counts a mail to this address. Returns whether it may be sent, which no caller may learn.
    pub(super) async fn take_of_address(&self, email: &EmailLookup) -> bool {
        let name = format!("account_mail:to:{}", counter_name(&*self.fingerprints, email.account()));
        self.attempts.take(name, self.policy.mails_per_address, &mut Taken::default()).await.is_ok()
    }
}
