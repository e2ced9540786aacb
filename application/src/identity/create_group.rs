//! Creating a group.

use super::{
    GroupNameTaken, GroupTooDeep, GroupView, IdentityTx, RoleNotHeld, RolePolicy, TooManyGroups,
    constraints::GROUP_NAME,
    group_fields::{self as fields, may_become, place, unknown_parent},
    role_fields::POLICY,
};
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, use_case_error};
use skep_domain::{
    access::{Group, GroupFields, GroupId},
    identity::{actions, events::GroupCreated},
    shared::Action,
};
use std::collections::BTreeSet;

/// A group to create, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateGroupCommand {
    /// The name of the group.
    pub name: String,
    /// What the group is for.
    pub description: String,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// The group that it is under; `None` for the top.
    pub parent_id: Option<GroupId>,
}

use_case_error! {
    /// Why no group was created.
    CreateGroupError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
        GroupNameTaken(GroupNameTaken),
        GroupTooDeep(GroupTooDeep),
        TooManyGroups(TooManyGroups),
    }
}

/// Creates groups, with roles whose every permission the caller has.
pub struct CreateGroup {
    policy: RolePolicy,
}

impl CreateGroup {
    /// Creates as many groups as the policy allows.
    #[must_use]
    pub const fn new(policy: RolePolicy) -> Self {
        Self { policy }
    }
}

impl Command for CreateGroup {
    type Unit = dyn IdentityTx;
    type Input = CreateGroupCommand;
    type Plan = Group;
    type Target = ();
    type Answer = GroupView;
    type Error = CreateGroupError;

    const NAME: &'static str = "identity.create_group";
    const ACTION: Action = actions::MANAGE_ROLE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([POLICY]);
        let mut invalid = Invalid::default();
        let name = fields::name(&mut invalid, &input.name);
        let description = fields::description(&mut invalid, &input.description);
        let roles = fields::roles(&mut invalid, &input.roles, &BTreeSet::new());
        let (Some(name), Some(description)) = invalid.finish((name, description))? else {
            unreachable!("a value that is missing was recorded as invalid")
        };
        let group = GroupFields { name, description, roles, parent_id: input.parent_id };
        Ok(Group::create(GroupId::new(call.new_id()), group, call.now))
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn write(
        &self,
        group: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<GroupView, Self::Error> {
        let inserted = unit.groups().insert(group).await;
        inserted.map_err(GROUP_NAME.refused::<Self::Error>(GroupNameTaken))?;
        // Read afterwards, because units that insert groups follow one another from the insert on.
        let mut groups = unit.groups().hold().await?;
        groups.retain(|other| other.id != group.id);
        if groups.len() >= self.policy.most_groups as usize {
            return Err(TooManyGroups.into());
        }
        if let Some(parent) = group.parent_id {
            // A new group has no groups under it, and it did not exist before.
            place::<Self::Error>(&groups, group.id, parent, || unknown_parent().into())?;
        }
        may_become::<Self::Error>(unit, authorized.caller(), groups.clone(), group).await?;
        authorized.record(unit.outbox(), &GroupCreated::of(group), group.version, group.created_at).await?;
        Ok(GroupView::among(group, groups))
    }
}
