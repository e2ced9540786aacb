//! What the owners of accounts do with links in their mails.

use super::{
    api::Tag,
    dto::{ConfirmEmailRequest, LinkRequest, ResetPasswordRequest, RestoreEmailRequest, VerifyEmailRequest},
};
use crate::{
    body::Strict,
    parts::{Done, Mailed, Visitor},
    problem::Problem,
};
use poem_openapi::OpenApi;

#[derive(Default)]
pub(super) struct LinkApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl LinkApi {
    /// Ask for a link to reset a password
    ///
    /// Mails a link to the owner of the account with this address. Anyone may call it. The answer does not show whether
    /// there is such an account. Nothing changes in the account before the link is used. The link works once, by default
    /// for 30 minutes, and a newer one replaces it. By default, 3 such mails per hour are sent to an address, and 10 per
    /// hour can be asked for from an IP address.
    #[oai(path = "/auth/forgot-password", method = "post", operation_id = "forgot_password")]
    async fn forgot_password(&self, caller: Visitor, body: Strict<LinkRequest>) -> Result<Mailed, Problem> {
        caller.app().identity.forgot_password.execute(&caller.actor, body.0.into()).await?;
        Ok(Mailed::Mailed)
    }

    /// Reset a password
    ///
    /// Replaces the password through a link, uses the link up, and ends every session of the account: their tokens are
    /// refused from the next request on, by every instance. The address then counts as verified. If it was not verified
    /// before, a deletion of the account is taken back. Anyone with the token of a link may call it. It does not log in.
    /// A link that is wrong, has expired, was used, or was replaced by a newer one gets 403 `link_invalid`. If the
    /// password is refused, the link can be used again.
    #[oai(path = "/auth/reset-password", method = "post", operation_id = "reset_password")]
    async fn reset_password(&self, caller: Visitor, body: Strict<ResetPasswordRequest>) -> Result<Done, Problem> {
        caller.app().identity.reset_password.execute(&caller.actor, body.0.into()).await?;
        metrics::counter!("skep_account_links_used_total").increment(1);
        Ok(Done::Done)
    }

    /// Ask for a link to verify an address
    ///
    /// Mails a link to the owner of the account with this address, as at registration. Anyone may call it. The answer does
    /// not show whether there is such an account, or whether its address is verified already. The link works once, by
    /// default for 24 hours, and a newer one replaces it. The limits are those of `POST /api/v1/auth/forgot-password`.
    #[oai(path = "/auth/resend-verification", method = "post", operation_id = "resend_verification")]
    async fn resend_verification(&self, caller: Visitor, body: Strict<LinkRequest>) -> Result<Mailed, Problem> {
        caller.app().identity.resend_verification.execute(&caller.actor, body.0.into()).await?;
        Ok(Mailed::Mailed)
    }

    /// Verify an address
    ///
    /// Marks the address of the account as verified, through a link that was mailed to it and the password of the account,
    /// and uses the link up. Anyone with both may call it. A link that is wrong, has expired, was used, or was replaced by
    /// a newer one gets 403 `link_invalid`. A wrong password gets 403 `wrong_password`, leaves the link, and counts with
    /// those of logins to the account. A user that does not know the password asks for a link to reset it, which verifies
    /// the address, too.
    #[oai(path = "/auth/verify-email", method = "post", operation_id = "verify_email")]
    async fn verify_email(&self, caller: Visitor, body: Strict<VerifyEmailRequest>) -> Result<Done, Problem> {
        caller.app().identity.verify_email.execute(&caller.actor, body.0.into()).await?;
        metrics::counter!("skep_account_links_used_total").increment(1);
        Ok(Done::Done)
    }

    /// Accept an invitation
    ///
    /// Sets the first password of an account that an admin has created, through the link in the invitation, and uses the
    /// link up. The address then counts as verified. Anyone with the token of the link may call it. It does not log in. A
    /// link that is wrong, has expired, was used, or was replaced by a newer one gets 403 `link_invalid`. If the password
    /// is refused, the link can be used again.
    #[oai(path = "/auth/accept-invitation", method = "post", operation_id = "accept_invitation")]
    async fn accept_invitation(&self, caller: Visitor, body: Strict<ResetPasswordRequest>) -> Result<Done, Problem> {
        caller.app().identity.accept_invitation.execute(&caller.actor, body.0.into()).await?;
        metrics::counter!("skep_account_links_used_total").increment(1);
        Ok(Done::Done)
    }

    /// Confirm a new address
    ///
    /// Gives the account the address that `POST /api/v1/users/me/email` has mailed the link to, and uses the link up. The
    /// address then counts as verified, and every session and every link to reset the password ends. Anyone with the token
    /// of the link and the password of the account may call it. It does not log in. The address that is replaced gets a
    /// mail with a link to restore it, if it was verified. If another account has the address meanwhile, the answer is 409
    /// `email_taken` and nothing changes. A link that is wrong, has expired, was used, was replaced by a newer one or is
    /// from before a new password gets 403 `link_invalid`. A wrong password gets 403 `wrong_password`, leaves the link, and
    /// counts with those of logins to the account.
    #[oai(path = "/auth/confirm-email", method = "post", operation_id = "confirm_email")]
    async fn confirm_email(&self, caller: Visitor, body: Strict<ConfirmEmailRequest>) -> Result<Done, Problem> {
        caller.app().identity.confirm_email.execute(&caller.actor, body.0.into()).await?;
        metrics::counter!("skep_account_links_used_total").increment(1);
        Ok(Done::Done)
    }

    /// Restore an address
    ///
    /// Gives the account back the address that it had before it was changed, and uses the link up. Every session and
    /// every link to reset the password ends, and the password no longer works, because the caller that changed the
    /// address knew it: `POST /api/v1/auth/forgot-password` mails a link to set another one. The link is mailed to that
    /// address when it is replaced, works for 72 hours by default, also after a new password, and stays if the address is
    /// changed again meanwhile. A deletion of the account is taken back, unless the account is disabled, too. Anyone with
    /// the token of the link may call it. It does not log in. If another account has the address meanwhile, the answer is
    /// 409 `email_taken`. A link that is wrong, has expired or was used gets 403 `link_invalid`.
    #[oai(path = "/auth/restore-email", method = "post", operation_id = "restore_email")]
    async fn restore_email(&self, caller: Visitor, body: Strict<RestoreEmailRequest>) -> Result<Done, Problem> {
        caller.app().identity.restore_email.execute(&caller.actor, body.0.into()).await?;
        metrics::counter!("skep_account_links_used_total").increment(1);
        Ok(Done::Done)
    }
}
