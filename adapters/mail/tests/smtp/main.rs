//! The mailers under the contract suite, and the SMTP mailer in front of servers that misbehave:
//! `cargo test -p skep-mail --test smtp`.
//!
//! The server is a process of aiosmtpd. `scripts/services up` installs it, and `scripts/services env` sets
//! `SKEP_TEST_AIOSMTPD`, the Python that has it. If it is missing, its trials are ignored, with the reason.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod server;
mod trials;

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use server::{Options, Server};
use skep_application::notifications::Mailer;
use skep_contract::{
    Clause, Failure, Harness, Instance, Need, Start,
    notifications::{Delivered, Mailbox, mailer},
    run,
};
use skep_local::SystemClock;
use skep_mail::{FolderBounds, FolderMailer};
use std::{env, fs, path::PathBuf, process::ExitCode, sync::Arc};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const VARIABLE: &str = "SKEP_TEST_AIOSMTPD";

/// A mailbox with a mailer and the home of its data.
struct Folder {
    mailer: Arc<FolderMailer>,
    home: TempDir,
}

#[async_trait]
impl Mailbox for Folder {
    fn mailer(&self) -> Arc<dyn Mailer> {
        self.mailer.clone()
    }

    async fn delivered(&self) -> Result<Vec<Delivered>, Failure> {
        let Ok(entries) = fs::read_dir(self.home.path().join("mail")) else { return Ok(vec![]) };
        let mut delivered = Vec::new();
        for entry in entries {
            let message = fs::read(entry?.path())?;
            let parsed = mail_parser::MessageParser::default().parse(&message);
            let to = parsed.as_ref().and_then(|parsed| parsed.to()?.first()?.address()).map(str::to_owned);
            delivered.push(Delivered { recipients: to.into_iter().collect(), message });
        }
        Ok(delivered)
    }
}

#[async_trait]
impl Mailbox for Server {
    fn mailer(&self) -> Arc<dyn Mailer> {
        self.mailer.clone()
    }

    async fn delivered(&self) -> Result<Vec<Delivered>, Failure> {
        let mails = self.mails().into_iter();
        Ok(mails.map(|mail| Delivered { recipients: mail.to, message: mail.message }).collect())
    }
}

/// Opens mailboxes of one kind.
enum Mailers {
    Folder,
    Smtp(PathBuf),
}

struct Opened(Arc<dyn Mailbox>);

#[async_trait]
impl Instance<dyn Mailbox> for Opened {
    fn store(&self) -> Arc<dyn Mailbox> {
        self.0.clone()
    }

    async fn second(&self) -> Result<Arc<dyn Mailbox>, Failure> {
        Ok(self.0.clone())
    }
}

#[async_trait]
impl Harness<dyn Mailbox> for Mailers {
    fn name(&self) -> &str {
        match self {
            Self::Folder => "folder",
            Self::Smtp(_) => "smtp",
        }
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn Mailbox>>, Failure> {
        Ok(Box::new(Opened(match self {
            Self::Folder => {
                let home = tempfile::tempdir()?;
                let clock = Arc::new(SystemClock::new());
                let mailer = FolderMailer::new(home.path().join("mail"), FolderBounds::default(), clock);
                Arc::new(Folder { mailer: Arc::new(mailer), home })
            }
            Self::Smtp(python) => Arc::new(Server::start(python, &Options::default())),
        })))
    }
}

fn clause_trial(runtime: Arc<Runtime>, mailers: Arc<Mailers>, clause: Clause<dyn Mailbox>) -> Trial {
    let name = format!("{}::{}::{}", mailers.name(), clause.subject, clause.name);
    Trial::test(name, move || Ok(runtime.block_on(run(&*mailers, &clause)).map(drop)?))
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().unwrap());
    let python = env::var(VARIABLE).ok().map(PathBuf::from).filter(|python| python.exists());
    let folder = Arc::new(Mailers::Folder);
    let mut all: Vec<_> =
        mailer().into_iter().map(|clause| clause_trial(runtime.clone(), folder.clone(), clause)).collect();
    // Without the server, the names of the trials stay the same.
    let is_missing = python.is_none();
    let path = python.unwrap_or_default();
    let smtp = Arc::new(Mailers::Smtp(path.clone()));
    let clauses = mailer().into_iter().map(|clause| clause_trial(runtime.clone(), smtp.clone(), clause));
    let own = trials::ALL.iter().map(|(name, trial)| {
        let (runtime, path, trial) = (runtime.clone(), path.clone(), *trial);
        Trial::test(format!("smtp::{name}"), move || {
            runtime.block_on(trial(path));
            Ok(())
        })
    });
    let reason = format!("{VARIABLE} is not set: run scripts/services up");
    let with_reason = |trial: Trial| {
        if is_missing { trial.with_kind(reason.clone()).with_ignored_flag(true) } else { trial }
    };
    all.extend(clauses.chain(own).map(with_reason));
    libtest_mimic::run(&arguments, all).exit_code()
}
