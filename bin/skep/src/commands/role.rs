//! `skep role`.

use super::{json, of_arguments, output::table};
use crate::{Skep, config::Config};
use clap::Subcommand;
use skep_application::{
    identity::{ChangeRoleCommand, CreateRoleCommand, DeleteRoleCommand, RoleView},
    kernel::{Actor, BoxError, Precondition},
};
use skep_domain::{access::RoleName, shared::Patch};

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub(super) enum Role {
    /// Show the roles, one per line: the built-in ones, and then those of the deployment.
    List,
    /// Show a role with its permissions as JSON.
    Show {
        /// The name of the role.
        #[arg(value_parser = RoleName::parse)]
        name: RoleName,
    },
    /// Show the permissions that roles can have, one per line.
    Permissions,
    /// Create a role.
    #[command(after_long_help = "Example:
  skep role create shift-lead --description 'Leads a shift' \\
    --permission catalog.stock.manage --permission ordering.order.read")]
    Create {
        /// The name of the role, which stays: lowercase letters, digits, `_` and `-`.
        name: String,
        /// What the role is for.
        #[arg(long, value_name = "TEXT")]
        description: String,
        /// A permission of the role (`skep role permissions`). Can be repeated.
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
    },
    /// Change a role. What is not named stays.
    ///
    /// Accounts that have the role are judged by the new permissions from their next request on. Built-in roles cannot be
    /// changed.
    Change {
        /// The name of the role.
        #[arg(value_parser = RoleName::parse)]
        name: RoleName,
        /// What the role is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// A permission of the role. Can be repeated. If it is given, these are all permissions from now on.
        #[arg(long = "permission", value_name = "PERMISSION", conflicts_with = "no_permissions")]
        permissions: Vec<String>,
        /// Take every permission out of the role.
        #[arg(long)]
        no_permissions: bool,
    },
    /// Delete a role that no account has.
    Delete {
        /// The name of the role.
        #[arg(value_parser = RoleName::parse)]
        name: RoleName,
    },
}

pub(super) async fn run(config: &Config, command: Role) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = with(&skep, command).await;
    skep.close().await;
    done
}

async fn with(skep: &Skep, command: Role) -> Result<(), BoxError> {
    let (identity, actor) = (&skep.app.identity, Actor::system("skep role"));
    let precondition = Precondition::Any;
    match command {
        Role::List => {
            let roles = identity.list_roles.execute(&actor).await?;
            table(["name", "built-in", "permissions", "description"], roles.iter().map(row))?;
        }
        Role::Show { name } => json(&identity.list_roles.get(&actor, &name).await?)?,
        Role::Permissions => {
            let permissions = identity.list_roles.permissions(&actor)?;
            let roles = |roles: &[skep_domain::access::BuiltInRole]| {
                roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(",")
            };
            let rows = permissions.iter().map(|permission| [permission.name.to_owned(), roles(&permission.roles)]);
            table(["permission", "built-in roles"], rows)?;
        }
        Role::Create { name, description, permissions } => {
            let command = CreateRoleCommand { name, description, permissions };
            let created = identity.create_role.execute(&actor, command).await;
            let role = created.map_err(|error| of_arguments(error, "name"))?;
            tell!("created the role {} with {} permissions", role.name, role.permissions.len())?;
        }
        Role::Change { name, description, permissions, no_permissions } => {
            let keeps = permissions.is_empty() && !no_permissions;
            let permissions = if keeps { Patch::Keep } else { Patch::Set(permissions) };
            let description = description.map_or(Patch::Keep, Patch::Set);
            let command = ChangeRoleCommand { name, precondition, description, permissions };
            let changed = identity.change_role.execute(&actor, command).await;
            let role = changed.map_err(|error| of_arguments(error, "name"))?;
            tell!("the role {} has {} permissions", role.name, role.permissions.len())?;
        }
        Role::Delete { name } => {
            let command = DeleteRoleCommand { name: name.clone(), precondition };
            identity.delete_role.execute(&actor, command).await?;
            tell!("deleted the role {name}")?;
        }
    }
    Ok(())
}

fn row(role: &RoleView) -> [String; 4] {
    let built_in = if role.is_built_in { "yes" } else { "no" };
    let (name, description) = (role.name.as_str().to_owned(), role.description.as_str().to_owned());
    [name, built_in.to_owned(), role.permissions.len().to_string(), description]
}
