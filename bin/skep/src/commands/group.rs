//! `skep group`.

use super::{json, of_arguments, output::table};
use crate::{Skep, config::Config};
use clap::Subcommand;
use skep_application::{
    identity::{
        ChangeGroupCommand, CreateGroupCommand, DeleteGroupCommand, GroupMemberCommand, GroupView, UserSort,
        UserSortKey, UserView,
    },
    kernel::{Actor, BoxError, PageRequest, Precondition},
};
use skep_domain::{
    access::GroupId,
    shared::{Direction, PageLimit, Patch, UserId},
};

/// What to do with groups.
#[derive(Debug, Subcommand)]
pub(super) enum Group {
    /// Show the groups, one per line.
    List,
    /// Show a group with its roles as JSON.
    Show {
        /// The id of the group.
        id: GroupId,
    },
    /// Create a group.
    #[command(after_long_help = "Example:
  skep group create 'Night shift' --description 'The people who work at night' --role editor")]
    Create {
        /// The name of the group.
        name: String,
        /// What the group is for.
        #[arg(long, value_name = "TEXT")]
        description: String,
        /// A role of the group. Can be repeated.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// The id of the group that it is under.
        #[arg(long, value_name = "ID")]
        parent_id: Option<GroupId>,
    },
    /// Change a group. What is not named stays.
    ///
    /// Members of the group, and of the groups under it, are judged by the new roles from their next request on.
    Change {
        /// The id of the group.
        id: GroupId,
        /// The new name.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// What the group is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// A role of the group. Can be repeated. If it is given, these are all roles from now on.
        #[arg(long = "role", value_name = "ROLE", conflicts_with = "no_roles")]
        roles: Vec<String>,
        /// Take every role out of the group.
        #[arg(long)]
        no_roles: bool,
        /// The id of the group that it is under from now on.
        #[arg(long, value_name = "ID", conflicts_with = "no_parent")]
        parent_id: Option<GroupId>,
        /// Put the group to the top.
        #[arg(long)]
        no_parent: bool,
    },
    /// Delete a group without members and without groups under it.
    Delete {
        /// The id of the group.
        id: GroupId,
    },
    /// Show the members of a group, the newest accounts first.
    Members {
        /// The id of the group.
        id: GroupId,
        /// The most members to show, up to 100.
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Put an account into a group.
    Add {
        /// The id of the group.
        id: GroupId,
        /// The id of the account.
        user_id: UserId,
    },
    /// Take an account out of a group.
    Remove {
        /// The id of the group.
        id: GroupId,
        /// The id of the account.
        user_id: UserId,
    },
}

pub(super) async fn run(config: &Config, command: Group) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = with(&skep, command).await;
    skep.close().await;
    done
}

async fn with(skep: &Skep, command: Group) -> Result<(), BoxError> {
    let (identity, actor) = (&skep.app.identity, Actor::system("skep group"));
    let precondition = Precondition::Any;
    match command {
        Group::List => {
            let groups = identity.list_groups.execute(&actor).await?;
            table(["id", "name", "roles", "parent", "description"], groups.iter().map(row))?;
        }
        Group::Show { id } => json(&identity.list_groups.get(&actor, id).await?)?,
        Group::Create { name, description, roles, parent_id } => {
            let command = CreateGroupCommand { name, description, roles, parent_id };
            let created = identity.create_group.execute(&actor, command).await;
            let group = created.map_err(|error| of_arguments(error, "name"))?;
            tell!("created the group {} with the id {}", group.name, group.id)?;
        }
        Group::Change { id, name, description, roles, no_roles, parent_id, no_parent } => {
            let keeps = roles.is_empty() && !no_roles;
            let command = ChangeGroupCommand {
                group_id: id,
                precondition,
                name: name.map_or(Patch::Keep, Patch::Set),
                description: description.map_or(Patch::Keep, Patch::Set),
                roles: if keeps { Patch::Keep } else { Patch::Set(roles) },
                parent_id: if no_parent { Patch::Clear } else { parent_id.map_or(Patch::Keep, Patch::Set) },
            };
            let changed = identity.change_group.execute(&actor, command).await;
            let group = changed.map_err(|error| of_arguments(error, "id"))?;
            tell!("members of the group {} have {} roles by it", group.name, group.effective_roles.len())?;
        }
        Group::Delete { id } => {
            identity.delete_group.execute(&actor, DeleteGroupCommand { group_id: id, precondition }).await?;
            tell!("deleted the group {id}")?;
        }
        Group::Members { id, limit } => {
            let sort = UserSort { key: UserSortKey::CreatedAt, direction: Direction::Descending };
            let page = PageRequest { limit: PageLimit::new(limit)?, ..PageRequest::default() };
            let page = identity.list_group_members.execute(&actor, id, sort, &page).await?;
            table(["id", "email", "name", "state"], page.items.iter().map(member))?;
        }
        Group::Add { id, user_id } => {
            let command = GroupMemberCommand { group_id: id, user_id, precondition };
            let user = identity.add_group_member.execute(&actor, command).await?;
            tell!("groups of the account {user_id}: {}", user.groups.len())?;
        }
        Group::Remove { id, user_id } => {
            let command = GroupMemberCommand { group_id: id, user_id, precondition };
            let user = identity.remove_group_member.execute(&actor, command).await?;
            tell!("groups of the account {user_id}: {}", user.groups.len())?;
        }
    }
    Ok(())
}

fn row(group: &GroupView) -> [String; 5] {
    let roles: Vec<_> = group.roles.iter().map(|role| role.name()).collect();
    let parent = group.parent_id.map(|id| id.to_string()).unwrap_or_default();
    let (name, description) = (group.name.as_str().to_owned(), group.description.as_str().to_owned());
    [group.id.to_string(), name, roles.join(","), parent, description]
}

fn member(user: &UserView) -> [String; 4] {
    let (email, name) = (user.email.as_str().to_owned(), user.display_name.as_str().to_owned());
    [user.id.to_string(), email, name, user.state().name().to_owned()]
}
