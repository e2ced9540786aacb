//! `skep user`.

use crate::{Instance, config::Config};
use clap::Subcommand;
use skep_application::{
    identity::{AccountCommand, CreateUserCommand},
    kernel::{Actor, AppError as _, BoxError},
};
use skep_domain::access::Role;
use std::io::{BufRead as _, IsTerminal as _};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an account; works beside a running server.
    Create {
        /// The e-mail address to log in with.
        #[arg(long)]
        email: String,
        /// The name shown to others.
        #[arg(long)]
        display_name: String,
        /// admin or user.
        #[arg(long, default_value = "user")]
        role: Role,
        /// Read the password from the first line of the standard input.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

#[expect(clippy::print_stdout, reason = "this is the command line")]
pub(super) async fn run(config: &Config, command: User) -> Result<(), BoxError> {
    let User::Create { email, display_name, role, password_stdin: _ } = command;
    let account = AccountCommand { email, display_name, password: read_password()? };
    let instance = Instance::start(config, &config.base_url(config.port), false).await?;
    let command = CreateUserCommand { account, roles: vec![role] };
    let created = instance.app.identity.create_user.execute(&Actor::system("skep user create"), command).await;
    instance.close().await;
    let user = created.map_err(|error| match error.fields() {
        [] => BoxError::from(error),
        fields => {
            let text = |field: &skep_application::kernel::FieldError| {
                format!("--{} {}", field.pointer.trim_start_matches('/').replace('_', "-"), field.detail)
            };
            fields.iter().map(text).collect::<Vec<_>>().join("; ").into()
        }
    })?;
    println!("created {} {} ({})", user.id, user.email, role.name());
    Ok(())
}

#[expect(clippy::print_stderr, reason = "this is the command line")]
fn read_password() -> Result<String, BoxError> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("password (it will show):");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() { Err("no password on the standard input".into()) } else { Ok(password.to_owned()) }
}
