//! Counts the attempts to log in.

use super::SessionPolicy;
use crate::kernel::{Fingerprints, Limit, RateLimits, TooManyAttempts, counter_name};
use skep_domain::{
    identity::{AuthEpoch, DeviceId, NetworkMark},
    shared::{EmailLookup, Network},
};
use std::sync::Arc;

/// Counts attempts per account and network, per account, and per device.
///
/// An attempt is taken before the password is verified, so that parallel guesses cannot exceed the limit (ASVS 15.4.2).
/// If the counter does not answer, the login goes on.
#[derive(Clone)]
pub(super) struct LoginAttempts {
    limits: Arc<dyn RateLimits>,
    fingerprints: Arc<dyn Fingerprints>,
}

/// Attempts that were taken.
#[derive(Default)]
pub(super) struct Taken(Vec<(String, Limit)>);

impl LoginAttempts {
    /// `fingerprints` hides addresses in the names of counters.
    pub(super) const fn new(limits: Arc<dyn RateLimits>, fingerprints: Arc<dyn Fingerprints>) -> Self {
        Self { limits, fingerprints }
    }

    /// Takes an attempt of the network, and of the wider networks around it.
    pub(super) async fn take_of_network(
        &self,
        email: &EmailLookup,
        network: Network,
        policy: &SessionPolicy,
        taken: &mut Taken,
    ) -> Result<(), TooManyAttempts> {
        let account = self.name(email);
        for (network, limit) in policy.networks.limits(network, policy.attempts) {
            self.take(format!("login:network:{account}:{network}"), limit, taken).await?;
        }
        Ok(())
    }

    /// Takes an attempt of the account.
    pub(super) async fn take_of_account(
        &self,
        email: &EmailLookup,
        policy: &SessionPolicy,
        taken: &mut Taken,
    ) -> Result<(), TooManyAttempts> {
        self.take(format!("login:account:{}", self.name(email)), policy.account_attempts, taken).await
    }

    /// Takes an attempt of the device.
    pub(super) async fn take_of_device(
        &self,
        device: DeviceId,
        policy: &SessionPolicy,
        taken: &mut Taken,
    ) -> Result<(), TooManyAttempts> {
        self.take(format!("login:device:{}", device.uuid().simple()), policy.device_attempts, taken).await
    }

    /// Takes an attempt under any name.
    pub(super) async fn take(&self, key: String, limit: Limit, taken: &mut Taken) -> Result<(), TooManyAttempts> {
        match self.limits.take(&key, 1, limit).await {
            Ok(verdict) if !verdict.allowed => Err(TooManyAttempts { retry_after: verdict.retry_after }),
            Ok(_) => {
                taken.0.push((key, limit));
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// Gives the attempts back. If the counter does not answer, they come back as time passes.
    pub(super) async fn give_back(&self, taken: Taken) {
        for (key, limit) in taken.0 {
            let _ = self.limits.give_back(&key, 1, limit).await;
        }
    }

    /// The name of the account in the names of counters.
    fn name(&self, email: &EmailLookup) -> String {
        counter_name(&*self.fingerprints, email.account())
    }

    /// The mark of the network in the list of the account. A new epoch forgets all networks, as it ends the tokens of all
    /// devices: a thief's may be among them. The first epoch is not named, because the first versions named none.
    pub(super) fn mark(&self, email: &EmailLookup, epoch: AuthEpoch, network: Network) -> NetworkMark {
        // No part contains a line break, so two marks never have one text.
        let mut text = format!("known network\n{}\n{network}", email.account());
        if epoch != AuthEpoch::FIRST {
            text = format!("{text}\n{}", epoch.get());
        }
        let mut mark = [0; 16];
        mark.copy_from_slice(&self.fingerprints.fingerprint(text.as_bytes())[..16]);
        NetworkMark(mark)
    }
}
