//! The settings of mails that a deployment can change.

use crate::kernel::Limit;
use skep_domain::notifications::{Locale, MailAddress};
use std::time::Duration;

/// The sender of mails, and how many are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailPolicy {
    /// The address of the shop. By default one that cannot be answered, for mails that are written to a folder.
    pub from: MailAddress,
    /// The address that answers go to, if it is another one.
    pub reply_to: Option<MailAddress>,
    /// The language of mails to customers.
    pub locale: Locale,
    /// The address of the pages that the links in mails open, with `http` or `https`.
    pub link_url: String,
    /// The mails to one address.
    pub per_recipient: Limit,
    /// All mails together.
    pub in_all: Limit,
}

impl Default for MailPolicy {
    fn default() -> Self {
        let limit = |burst, seconds| Limit::smooth(burst, Duration::from_secs(seconds));
        let from = MailAddress::parse("skep@skep.invalid").expect("an address");
        let locale = Locale::english();
        let link_url = "http://127.0.0.1:8080".to_owned();
        Self { from, reply_to: None, locale, link_url, per_recipient: limit(30, 3_600), in_all: limit(300, 60) }
    }
}
