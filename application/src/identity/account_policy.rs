//! The rules for registrations, and for the links that are mailed to the owners of accounts.

use crate::kernel::Limit;
use skep_domain::{
    identity::{AccountGrace, LinkPurpose},
    shared::named,
};
use std::time::Duration;

named! {
    /// The callers that may register an account.
    Registration {
        /// Anyone, and the account can be used at once. The answer says whether an address has an account already.
        Open = "open",
        /// Anyone, but an account can be used only once its address is verified. Each address gets the same answer.
        Verified = "verified",
        /// No caller. Admins and operators create accounts.
        Closed = "closed",
    }
}

/// The callers that may register, how long links are valid, and how many mails with links are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPolicy {
    /// The callers that may register an account.
    pub registration: Registration,
    /// Whether a registration mails a link to verify the address, also if no login needs it.
    pub verification_mails: bool,
    /// Whether a login on a new device is mailed to the owner of the account.
    pub login_mails: bool,
    /// How long a link to reset the password is valid.
    pub reset_lifetime: Duration,
    /// How long a link to verify the address, or to confirm a new one, is valid.
    pub verification_lifetime: Duration,
    /// How long an invitation is valid.
    pub invitation_lifetime: Duration,
    /// How long a link to restore an address is valid after it was changed.
    pub restore_lifetime: Duration,
    /// How long a deleted account can be taken back before it is erased.
    pub grace: AccountGrace,
    /// How long the archive of an export is kept.
    pub export_lifetime: Duration,
    /// The mails to one address that callers ask for. Further requests get the same answer and send nothing. As many
    /// mails about logins are sent, which count by themselves.
    pub mails_per_address: Limit,
    /// The requests for mails from one network. Further requests are refused.
    pub requests_per_network: Limit,
}

impl Default for AccountPolicy {
    /// Registration is open. A password is reset within 30 minutes, an address is verified within 24 hours, and an old
    /// address is restored and an invitation accepted within 72 hours. Logins on new devices are mailed. A deleted account is erased after 30 days. An
    /// export is kept for 7 days. An hour has 3 mails to one address and 10 requests from one network.
    fn default() -> Self {
        let an_hour = |burst| Limit::smooth(burst, Duration::from_secs(3_600));
        Self {
            registration: Registration::Open,
            verification_mails: true,
            login_mails: true,
            reset_lifetime: Duration::from_secs(30 * 60),
            verification_lifetime: Duration::from_secs(24 * 60 * 60),
            invitation_lifetime: Duration::from_secs(72 * 60 * 60),
            restore_lifetime: Duration::from_secs(72 * 60 * 60),
            grace: AccountGrace::USUAL,
            export_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
            mails_per_address: an_hour(3),
            requests_per_network: an_hour(10),
        }
    }
}

impl AccountPolicy {
    /// Whether a registration mails a link to verify the address.
    #[must_use]
    pub fn mails_verification(&self) -> bool {
        self.verification_mails || self.registration == Registration::Verified
    }

    /// How long a link of this purpose is valid.
    #[must_use]
    pub const fn lifetime(&self, purpose: LinkPurpose) -> Duration {
        match purpose {
            LinkPurpose::ResetPassword => self.reset_lifetime,
            LinkPurpose::VerifyEmail | LinkPurpose::ChangeEmail => self.verification_lifetime,
            LinkPurpose::RestoreEmail => self.restore_lifetime,
            LinkPurpose::AcceptInvitation => self.invitation_lifetime,
        }
    }
}
