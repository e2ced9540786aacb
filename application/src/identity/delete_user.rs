//! Deleting the account of a user.

use super::{
    AccountMails, IdentityTx, LastAdmin, StrongerAccount, UserCommand, UserView, account_mails::NewMail,
    stronger_account::not_above_the_caller,
};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    identity::{User, actions},
    shared::Action,
};

use_case_error! {
    /// Why the account was not deleted.
    DeleteUserError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        StrongerAccount(StrongerAccount),
        LastAdmin(LastAdmin),
    }
}

/// Deletes an account, ends its sessions, and has it erased after the grace. An account that is deleted already keeps its
/// version and its time.
pub struct DeleteUser {
    mails: AccountMails,
}

/// The account, and its mail.
pub struct UserDeletion {
    command: UserCommand,
    mail: NewMail,
}

impl DeleteUser {
    /// Makes the command. `mails` knows the grace.
    #[must_use]
    pub const fn new(mails: AccountMails) -> Self {
        Self { mails }
    }
}

impl Command for DeleteUser {
    type Unit = dyn IdentityTx;
    type Input = UserCommand;
    type Plan = UserDeletion;
    type Target = User;
    type Answer = UserView;
    type Error = DeleteUserError;

    const NAME: &'static str = "identity.delete_user";
    const ACTION: Action = actions::MANAGE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.user_id.uuid()]);
        Ok(UserDeletion { command: input, mail: self.mails.prepare_deletion() })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<User, Self::Error> {
        Ok(unit.users().find(plan.command.user_id).await?.ok_or(NotFound("user"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut user: Authorized<'_, User>,
    ) -> Result<UserView, Self::Error> {
        not_above_the_caller::<Self::Error>(unit, &user).await?;
        plan.command.precondition.allow(user.version)?;
        let (now, mut deleted) = (user.now(), user.clone());
        let event = self.mails.delete::<Self::Error>(unit, user.actor(), &mut deleted, plan.mail, now).await?;
        *user = deleted;
        if let Some(event) = event {
            user.record(unit.outbox(), &event, user.version, user.updated_at).await?;
        }
        Ok(UserView::from(&*user))
    }
}

#[cfg(test)]
mod tests;
