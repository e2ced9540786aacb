//! Mails another invitation to the owner of an account.

use super::{
    AccountMails, IdentityTx, StrongerAccount, UserCommand, UserView,
    account_mails::{NewMail, Recipient},
    stronger_account::not_above_the_caller,
};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, refusal, use_case_error,
};
use skep_domain::{
    identity::{LinkPurpose, User, actions, events::UserInvited},
    shared::{Action, UserId},
};

refusal! {
    /// The account does not wait for its owner to accept an invitation.
    NotInvited = Conflict, "not_invited";
}

use_case_error! {
    /// Why no invitation was mailed.
    ResendInvitationError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        StrongerAccount(StrongerAccount),
        NotInvited(NotInvited),
    }
}

/// Mails another invitation, in place of the earlier one. The account keeps its version.
pub struct ResendInvitation {
    mails: AccountMails,
}

/// The account, and its mail.
pub struct AnotherInvitation {
    user_id: UserId,
    precondition: Precondition,
    mail: NewMail,
}

impl ResendInvitation {
    /// `mails` issues the links.
    #[must_use]
    pub const fn new(mails: AccountMails) -> Self {
        Self { mails }
    }
}

impl Command for ResendInvitation {
    type Unit = dyn IdentityTx;
    type Input = UserCommand;
    type Plan = AnotherInvitation;
    type Target = User;
    type Answer = UserView;
    type Error = ResendInvitationError;

    const NAME: &'static str = "identity.resend_invitation";
    const ACTION: Action = actions::MANAGE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let UserCommand { user_id, precondition } = input;
        call.contend([user_id.uuid()]);
        Ok(AnotherInvitation { user_id, precondition, mail: self.mails.prepare_link(LinkPurpose::AcceptInvitation) })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<User, Self::Error> {
        Ok(unit.users().find(plan.user_id).await?.ok_or(NotFound("user"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        user: Authorized<'_, User>,
    ) -> Result<UserView, Self::Error> {
        not_above_the_caller::<Self::Error>(unit, &user).await?;
        plan.precondition.allow(user.version)?;
        if !user.is_invited() {
            return Err(NotInvited.into());
        }
        self.mails.store_new(unit, user.actor(), plan.mail, Recipient::owner(&user)).await?;
        let event = UserInvited { user_id: user.id };
        user.record(unit.outbox(), &event, user.version, user.now()).await?;
        Ok(UserView::from(&*user))
    }
}

#[cfg(test)]
mod tests;
