//! `skep user`.

use super::{json, read_password};
use crate::{Skep, config::Config};
use clap::Subcommand;
use serde_json::json;
use skep_application::{
    identity::{AccountInput, CreateUserCommand},
    kernel::{Actor, AppError as _, BoxError},
};
use skep_domain::access::Role;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an account, for example the first admin.
    ///
    /// Needs no token and no log-in: who may read the data folder or the address of the store is the operator.
    #[command(after_long_help = "Example:
  skep user create --email you@example.com --display-name You --role admin --password-stdin < password.txt")]
    Create {
        /// The e-mail address to log in with.
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// The name shown to others.
        #[arg(long, value_name = "NAME")]
        display_name: String,
        /// admin or user.
        #[arg(long, default_value = "user")]
        role: Role,
        /// Read the password from the first line of the standard input; the only way to give one, so that it shows in
        /// no list of processes and no history.
        #[arg(long, required = true)]
        password_stdin: bool,
        /// Tell who was made as JSON.
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
    let user = created.map_err(|error| match error.fields() {
        [] => BoxError::from(error),
        fields => {
            let text = |field: &skep_application::kernel::FieldError| {
                format!("--{} {}", field.pointer.trim_start_matches('/').replace('_', "-"), field.detail)
            };
            fields.iter().map(text).collect::<Vec<_>>().join("; ").into()
        }
    })?;
    if as_json {
        let roles: Vec<_> = user.roles.iter().map(|role| role.name()).collect();
        return json(&json!({ "id": user.id, "email": user.email, "roles": roles }));
    }
    tell!("created {} {} ({})", user.id, user.email, role.name());
    Ok(())
}
