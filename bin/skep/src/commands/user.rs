//! `skep user`.

mod import;

use super::{json, of_arguments, output::table, read_password};
use crate::{Skep, config::Config};
use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use serde_json::json;
use skep_application::{
    identity::{
        AccountInput, CreateUserCommand, EndUserSessionsCommand, InviteUserCommand, InvitedInput, SetUserRolesCommand,
        UserCommand, UserFilter, UserSort, UserSortKey, UserView,
    },
    kernel::{Actor, BoxError, PageRequest, Precondition},
};
use skep_domain::{
    access::Role,
    identity::{AccountState, EmailPrefix},
    shared::{Direction, EmailLookup, PageLimit, UserId},
};
use std::path::PathBuf;

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
        /// What the account may do: the name of a role (`skep role list`).
        #[arg(long, default_value = "user")]
        role: Role,
        /// Read the password from the first line of the standard input. An option with the password itself does not
        /// exist, because the list of processes and the history of the shell would show it.
        #[arg(long, required_unless_present = "invite")]
        password_stdin: bool,
        /// Set no password, and mail a link to the address instead. Its owner sets the password with it.
        #[arg(long, conflicts_with = "password_stdin")]
        invite: bool,
        /// Print the account as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make accounts that come from another system, with the hashes of their passwords.
    ///
    /// Each line of the file is a JSON object with `email` and, if they are known, `display_name` (without it, the
    /// address in front of the @), `password_hash`, `email_verified` (true or false, which is the default) and `roles` (a
    /// list of names). Hashes of argon2id, argon2i, bcrypt, scrypt and phpass are taken over. Without a hash, the owner
    /// sets a password with `POST /api/v1/auth/forgot-password`. No mail is sent.
    ///
    /// An address that has an account is skipped, so an import that was cut off can be run again. A line with a fault is
    /// reported by its number and does not stop the others; the exit code is then 1.
    #[command(after_long_help = "Example of a line:
  {\"email\":\"ada@example.com\",\"display_name\":\"Ada\",\"password_hash\":\"$2y$10$…\",\"email_verified\":true}")]
    Import {
        /// The file, in JSON Lines.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Check every line, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the newest accounts, one per line.
    List {
        /// Only accounts with this role.
        #[arg(long)]
        role: Option<Role>,
        /// Only accounts in this state.
        #[arg(long, value_parser = PossibleValuesParser::new(AccountState::NAMES).try_map(|name| state(&name)))]
        state: Option<AccountState>,
        /// Only accounts whose e-mail address starts with this text.
        #[arg(long, value_name = "START", value_parser = EmailPrefix::parse)]
        email: Option<EmailPrefix>,
        /// How many accounts to show, at most 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=100))]
        limit: i64,
    },
    /// Show an account as JSON.
    Show {
        /// The id of the account.
        id: UserId,
    },
    /// Disable an account, which ends its sessions.
    ///
    /// The last active admin cannot be disabled.
    Disable {
        /// The id of the account.
        id: UserId,
    },
    /// Delete an account, which ends its sessions.
    ///
    /// The account and the files of its user are erased after the grace (SKEP_ACCOUNT_GRACE_DAYS). Until then, `skep user
    /// enable` takes the deletion back. The last active admin cannot be deleted.
    Delete {
        /// The id or the e-mail address of the account.
        account: String,
    },
    /// Let the user of a disabled account log in again, or take a deletion back.
    Enable {
        /// The id of the account.
        id: UserId,
    },
    /// Replace the roles of an account.
    ///
    /// The last active admin keeps the role.
    Roles {
        /// The id of the account.
        id: UserId,
        /// All roles from now on (`skep role list`). Every account has the role user.
        #[arg(required = true)]
        roles: Vec<Role>,
    },
    /// End every session of an account. The user can log in again.
    Revoke {
        /// The id of the account.
        id: UserId,
    },
}

fn state(name: &str) -> Result<AccountState, &'static str> {
    AccountState::from_name(name).ok_or("unknown")
}

pub(super) async fn run(config: &Config, command: User) -> Result<(), BoxError> {
    // The password is read before the store is opened, so that typing it holds nothing up.
    let needs_password = matches!(command, User::Create { invite: false, .. });
    let password = if needs_password { read_password()? } else { String::new() };
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = with(&skep, command, password).await;
    skep.close().await;
    done
}

async fn with(skep: &Skep, command: User, password: String) -> Result<(), BoxError> {
    let (identity, actor) = (&skep.app.identity, Actor::system("skep user"));
    let precondition = Precondition::Any;
    match command {
        User::Create { email, display_name, role, password_stdin: _, invite, json: as_json } => {
            let (named, actor) = (role.name().to_owned(), Actor::system("skep user create"));
            let user = if invite {
                let account = InvitedInput { email, display_name };
                let command = InviteUserCommand { account, roles: vec![named.clone()] };
                let invited = identity.invite_user.execute(&actor, command).await;
                invited.map_err(|error| of_arguments(error, "password"))?
            } else {
                let account = AccountInput { email, display_name, password };
                let command = CreateUserCommand { account, roles: vec![role] };
                let created = identity.create_user.execute(&actor, command).await;
                created.map_err(|error| of_arguments(error, "password"))?
            };
            if as_json {
                return json(&json!({ "id": user.id, "email": user.email, "roles": names(&user) }));
            }
            tell!("created the account {} with the role {} and the id {}", user.email, named, user.id)?;
        }
        User::Import { file, dry_run } => import::run(skep, &file, dry_run).await?,
        User::List { role, state, email, limit } => {
            let filter = UserFilter { role, state, email, ..UserFilter::default() };
            let sort = UserSort { key: UserSortKey::CreatedAt, direction: Direction::Descending };
            let page = PageRequest { limit: PageLimit::new(limit)?, ..PageRequest::default() };
            let page = identity.list_users.execute(&actor, &filter, sort, &page).await?;
            table(["id", "email", "name", "roles", "state", "created"], page.items.iter().map(row))?;
        }
        User::Show { id } => json(&identity.get_user.execute(&actor, id).await?)?,
        User::Disable { id } => {
            identity.disable_user.execute(&actor, UserCommand { user_id: id, precondition }).await?;
            tell!("the account {id} is disabled")?;
        }
        User::Delete { account } => {
            let id = account_id(skep, &account).await?;
            let user = identity.delete_user.execute(&actor, UserCommand { user_id: id, precondition }).await?;
            let erase_at = user.erase_at.map(|at| at.to_string()).unwrap_or_default();
            tell!("the account {id} is deleted, and will be erased at {erase_at}")?;
        }
        User::Enable { id } => {
            identity.enable_user.execute(&actor, UserCommand { user_id: id, precondition }).await?;
            tell!("the account {id} is active")?;
        }
        User::Roles { id, roles } => {
            let roles = roles.iter().map(|role| role.name().to_owned()).collect();
            let command = SetUserRolesCommand { user_id: id, precondition, roles };
            let user = identity.set_user_roles.execute(&actor, command).await?;
            tell!("the account {id} has the roles {}", names(&user).join(", "))?;
        }
        User::Revoke { id } => {
            identity.end_user_sessions.execute(&actor, EndUserSessionsCommand { user_id: id }).await?;
            tell!("the account {id} has no session")?;
        }
    }
    Ok(())
}

/// The id that the text is, or that of the account with this address.
async fn account_id(skep: &Skep, text: &str) -> Result<UserId, BoxError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let email = EmailLookup::parse(text).map_err(|_| format!("`{text}` is not an id and not an e-mail address"))?;
    let found = skep.app.ports.store.find_credentials(&email).await?;
    Ok(found.ok_or_else(|| format!("no account has the address {text}"))?.user_id)
}

fn names(user: &UserView) -> Vec<&str> {
    user.roles.iter().map(|role| role.name()).collect()
}

fn row(user: &UserView) -> [String; 6] {
    let (email, name) = (user.email.as_str().to_owned(), user.display_name.as_str().to_owned());
    let (id, roles) = (user.id.to_string(), names(user).join(","));
    [id, email, name, roles, user.state().name().to_owned(), user.created_at.to_string()]
}
