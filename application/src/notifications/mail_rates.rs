//! Counts the mails that are sent.

use super::{MailOutcome, MailPolicy, ServerWords};
use crate::kernel::{Fingerprints, Limit, RateLimits, counter_name};
use skep_domain::{notifications::MailAddress, shared::Email};
use std::sync::Arc;

/// Counts mails per recipient, and all mails together. A mail over a rate is sent later.
pub(super) struct MailRates {
    limits: Arc<dyn RateLimits>,
    fingerprints: Arc<dyn Fingerprints>,
    per_recipient: Limit,
    in_all: Limit,
}

/// Mails that were counted.
pub(super) struct Taken([(String, Limit); 2]);

impl MailRates {
    pub(super) fn new(limits: Arc<dyn RateLimits>, fingerprints: Arc<dyn Fingerprints>, policy: &MailPolicy) -> Self {
        let MailPolicy { per_recipient, in_all, .. } = policy;
        Self { limits, fingerprints, per_recipient: *per_recipient, in_all: *in_all }
    }

    /// Counts a mail to this recipient. If the limiter does not answer, the mail waits, because no user waits for it.
    pub(super) async fn take(&self, to: &MailAddress) -> Result<Taken, MailOutcome> {
        let recipient = (format!("mail:to:{}", self.name(to)), self.per_recipient);
        let all = ("mail:all".to_owned(), self.in_all);
        self.take_one(&recipient, "too many mails to this recipient").await?;
        if let Err(outcome) = self.take_one(&all, "too many mails").await {
            self.give_one_back(&recipient).await;
            return Err(outcome);
        }
        Ok(Taken([recipient, all]))
    }

    /// Gives back what an unavailable server did not use. A mail that is tried often must not use up its rate.
    pub(super) async fn give_back(&self, taken: Taken) {
        for one in &taken.0 {
            self.give_one_back(one).await;
        }
    }

    async fn take_one(&self, (key, limit): &(String, Limit), reason: &str) -> Result<(), MailOutcome> {
        match self.limits.take(key, 1, *limit).await {
            Ok(verdict) if verdict.allowed => Ok(()),
            Ok(verdict) => {
                Err(MailOutcome::Limited { reason: ServerWords::of(reason), retry_after: verdict.retry_after })
            }
            Err(error) => Err(MailOutcome::later(error, None)),
        }
    }

    async fn give_one_back(&self, (key, limit): &(String, Limit)) {
        // If the limiter does not answer, the rate is lower for a while.
        drop(self.limits.give_back(key, 1, *limit).await);
    }

    /// The name of a recipient's counter. All spellings of an address have the same one.
    fn name(&self, to: &MailAddress) -> String {
        let address = to.to_string();
        let key = Email::parse(&address).map_or(address, |email| email.address().to_owned());
        counter_name(&*self.fingerprints, &key)
    }
}
