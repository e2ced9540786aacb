//! Changing the name of an account: by its owner, and by an admin.

use super::{IdentityTx, StrongerAccount, UserView, stronger_account::not_above_the_caller};
use crate::kernel::{
    Authorized, Call, Checked, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, account,
    use_case_error,
};
use skep_domain::{
    identity::{DISPLAY_NAME_MAX, User, actions, events::ProfileChanged},
    shared::{Action, Patch, Text, UserId},
};

/// How to change the caller's account, and from which version. An absent field stays as it is. No field can be cleared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangeProfileCommand {
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The new name, not yet checked.
    pub display_name: Patch<String>,
}

/// Which account to change, and how.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangeUserCommand {
    /// The account to change.
    pub user_id: UserId,
    /// The new name, and the version that it is based on.
    pub change: ChangeProfileCommand,
}

use_case_error! {
    /// Why the account was not changed.
    ChangeUserError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        StrongerAccount(StrongerAccount),
    }
}

/// Changes the caller's account. A change that alters no value keeps the version.
pub struct ChangeProfile;

/// Changes any account. A change that alters no value keeps the version.
pub struct ChangeUser;

/// A checked change of an account.
pub struct UserChange {
    user_id: UserId,
    precondition: Precondition,
    /// `store` reports an invalid name only after it has compared the version of the account.
    name: Checked<Patch<String>, Option<Text>>,
}

impl UserChange {
    fn of(call: &mut Call<'_>, user_id: UserId, change: ChangeProfileCommand) -> Self {
        call.contend([user_id.uuid()]);
        let ChangeProfileCommand { precondition, display_name } = change;
        Self { user_id, precondition, name: Checked::new(display_name, checked) }
    }

    async fn load(&self, unit: &mut dyn IdentityTx) -> Result<User, ChangeUserError> {
        Ok(unit.users().find(self.user_id).await?.ok_or(NotFound("user"))?)
    }

    async fn store(
        &self,
        unit: &mut dyn IdentityTx,
        mut user: Authorized<'_, User>,
    ) -> Result<UserView, ChangeUserError> {
        self.precondition.require(user.version)?;
        let name = self.name.against(|name| name.keep_same(user.display_name.as_str()))?;
        let now = user.now();
        if user.rename(name, now) {
            user.version = unit.users().save(&user).await?;
            let event = ProfileChanged { user_id: user.id };
            user.record(unit.outbox(), &event, user.version, user.updated_at).await?;
        }
        Ok(UserView::from(&*user))
    }
}

fn checked(name: Patch<String>) -> Result<Option<Text>, Invalid> {
    let mut invalid = Invalid::default();
    let name = invalid.required("/display_name", name);
    let name =
        name.and_then(|text| invalid.check("/display_name", "invalid_text", Text::line(&text, DISPLAY_NAME_MAX)));
    invalid.finish(name)
}

impl Command for ChangeProfile {
    type Unit = dyn IdentityTx;
    type Input = ChangeProfileCommand;
    type Plan = UserChange;
    type Target = User;
    type Answer = UserView;
    type Error = ChangeUserError;

    const NAME: &'static str = "identity.change_profile";
    const ACTION: Action = actions::CHANGE_PROFILE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let id = account(call.actor, Self::ACTION)?;
        Ok(UserChange::of(call, id, input))
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<User, Self::Error> {
        plan.load(unit).await
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        user: Authorized<'_, User>,
    ) -> Result<UserView, Self::Error> {
        plan.store(unit, user).await
    }
}

impl Command for ChangeUser {
    type Unit = dyn IdentityTx;
    type Input = ChangeUserCommand;
    type Plan = UserChange;
    type Target = User;
    type Answer = UserView;
    type Error = ChangeUserError;

    const NAME: &'static str = "identity.change_user";
    const ACTION: Action = actions::MANAGE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        Ok(UserChange::of(call, input.user_id, input.change))
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<User, Self::Error> {
        plan.load(unit).await
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        user: Authorized<'_, User>,
    ) -> Result<UserView, Self::Error> {
        not_above_the_caller::<Self::Error>(unit, &user).await?;
        plan.store(unit, user).await
    }
}
