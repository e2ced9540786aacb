//! `skep user`.

use super::{json, of_arguments, read_password};
use crate::{Skep, config::Config};
use clap::Subcommand;
use serde_json::json;
use skep_application::{
    identity::{AccountInput, CreateUserCommand},
    kernel::{Actor, BoxError},
};
use skep_domain::access::Role;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an account, for example the first admin.
    ///
    /// Needs no token and no login: any user of this machine that can read the data folder and the settings may run
    /// it.
    #[command(after_long_help = "Example:
  skep user create --role admin --email ada@example.com --display-name Ada --password-stdin")]
    Create {
        /// The e-mail address that the user logs in with.
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// The name that other users see.
        #[arg(long, value_name = "NAME")]
        display_name: String,
        /// What the account may do: admin or user.
        #[arg(long, default_value = "user")]
        role: Role,
        /// Read the password from the first line of the standard input. An option with the password itself does not
        /// exist, because the list of processes and the history of the shell would show it.
        #[arg(long, required = true)]
        password_stdin: bool,
        /// Print the account as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, command: User) -> Result<(), BoxError> {
    let User::Create { email, display_name, role, password_stdin: _, json: as_json } = command;
    let account = AccountInput { email, display_name, password: read_password()? };
    let skep = Skep::builder().config(config.clone()).start().await?;
    let command = CreateUserCommand { account, roles: vec![role] };
    let created = skep.app.identity.create_user.execute(&Actor::system("skep user create"), command).await;
    skep.close().await;
    let user = created.map_err(|error| of_arguments(error, "password"))?;
    if as_json {
        let roles: Vec<_> = user.roles.iter().map(|role| role.name()).collect();
        return json(&json!({ "id": user.id, "email": user.email, "roles": roles }));
    }
    tell!("created the account {} with the role {} and the id {}", user.email, role.name(), user.id)?;
    Ok(())
}
