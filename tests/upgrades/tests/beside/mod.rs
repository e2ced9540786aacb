//! An instance of the first versions beside this one. It stores accounts without the key of their address.

use super::{check, same};
use bson::doc;
use skep::{Skep, config::Config};
use skep_application::{
    Store,
    identity::{
        AccountInput, IdentityTx, NewAccountError, RegisterUserCommand, RegisterUserError, Registered,
        RegistrationClosed,
    },
    kernel::{Actor, Begin, Clock, Runtime, TxMode},
    testing::FixedClock,
};
use skep_contract::Failure;
use skep_domain::{
    identity::{PasswordForm, User},
    shared::{Email, EmailLookup, Text, UserId},
};
use skep_local::{OsRandom, TokioSleeper, UuidV7};
use skep_upgrades::Database;
use std::{error::Error as _, path::Path, sync::Arc};

/// Stores an account as an instance of the first versions does.
async fn older_registers(skep: &Skep, address: &str) -> Result<UserId, Failure> {
    let id = UserId::new(skep.app.ports.runtime.ids.next());
    let (email, name) = (Email::stored(address.to_owned(), None, None), Text::line("Bea", 9)?);
    let user = User::register(id, email, name, &[], "hash".to_owned(), FixedClock::default().now());
    let user = User { password_form: PasswordForm::AsTyped, ..user };
    let mut unit = Begin::<dyn IdentityTx>::begin(&*skep.app.ports.store, TxMode::Write, &[]).await?;
    unit.users().insert(&user).await?;
    unit.commit().await?;
    Ok(id)
}

async fn register(skep: &Skep, email: &str) -> Result<UserId, RegisterUserError> {
    let (password, display_name) = ("correct horse battery staple".to_owned(), "Ada".to_owned());
    let account = AccountInput { email: email.to_owned(), password, display_name };
    let command = RegisterUserCommand { account };
    match skep.app.identity.register_user.execute(&Actor::system("test"), command).await? {
        Registered::Account(view) => Ok(view.id),
        Registered::Mailed => Err(RegistrationClosed.into()),
    }
}

async fn find(store: &dyn Store, lookup: &EmailLookup) -> Result<Option<UserId>, Failure> {
    Ok(store.find_credentials(lookup).await?.map(|found| found.user_id))
}

/// Starts this version on the database, with its data in the folder.
async fn start(database: &Database, folder: &Path) -> Result<(Skep, Arc<dyn Store>), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
    let store = database.migrated(clock.clone(), None).await?;
    let config = Config { data_dir: folder.to_owned(), ..Config::default() };
    let ids = Arc::new(UuidV7::new(clock.clone()));
    let runtime = Runtime { clock, ids, random: Arc::new(OsRandom), sleeper: Arc::new(TokioSleeper) };
    let skep = Skep::builder().config(config).runtime(runtime).store(store.clone()).start().await?;
    Ok((skep, store))
}

pub(crate) async fn an_unreadable_account_keeps_no_other_from_its_key(database: &Database) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (skep, store) = start(database, folder.path()).await?;
    let mut accounts = vec![];
    for name in ["before", "broken", "after"] {
        accounts.push(older_registers(&skep, &format!("{name}@m\u{fc}ller.example")).await?);
    }
    let sql = "UPDATE users SET password_form = 'unknown' WHERE email LIKE 'broken@%'";
    let update = doc! { "$set": { "password_form": "unknown" } };
    database.change(sql, "users", [doc! { "email": { "$regex": "^broken@" } }, update]).await?;
    let unfinished = skep.app.sweep_expired.execute().await.err();
    let unfinished = unfinished.ok_or_else(|| Failure::new("the broken account is not reported"))?;
    let reported = unfinished.source.source().map(ToString::to_string).unwrap_or_default();
    check(reported.contains("1 accounts have no key"), reported)?;
    let without: Vec<_> = store.list_without_key(None, 9).await?.into_iter().map(|(id, _)| id).collect();
    same(&without, &vec![accounts[1]], "accounts without a key")?;
    skep.close().await;
    Ok(())
}

/// An address has one account in all of its spellings, and its first owner is never shadowed.
pub(crate) async fn an_older_instance_shadows_no_owner(database: &Database) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (skep, store) = start(database, folder.path()).await?;

    let owner = register(&skep, "owner@M\u{fc}ller.example").await?;
    let later = older_registers(&skep, "owner@m\u{fc}ller.example").await?;
    let letters = older_registers(&skep, "letters@m\u{fc}ller.example").await?;
    let labels = older_registers(&skep, "labels@xn--mller-kva.example").await?;
    let odd = older_registers(&skep, "x@127.0.0.1").await?;
    for swept in [false, true] {
        for typed in ["letters@m\u{fc}ller.example", "Letters@xn--mller-kva.example", "labels@M\u{fc}ller.example"] {
            let refused = register(&skep, typed).await;
            check(
                matches!(refused, Err(RegisterUserError::Account(NewAccountError::EmailTaken(_)))),
                format!("{typed}, {swept}: {refused:?}"),
            )?;
        }
        for (typed, account) in [
            ("owner@m\u{fc}ller.example", owner),
            ("owner@xn--mller-kva.example", owner),
            ("letters@m\u{fc}ller.example", letters),
            ("labels@xn--mller-kva.example", labels),
            ("x@127.0.0.1", odd),
        ] {
            same(&find(&*store, &EmailLookup::parse(typed)?).await?, &Some(account), typed)?;
        }
        skep.app.sweep_expired.execute().await?;
    }
    for (key, account) in [("owner", owner), ("letters", letters), ("labels", labels)]
        .map(|(name, id)| (format!("{name}@xn--mller-kva.example"), id))
    {
        same(&find(&*store, &EmailLookup::of_key(&key)).await?, &Some(account), &key)?;
    }
    let mut without: Vec<_> = store.list_without_key(None, 9).await?.into_iter().map(|(id, _)| id).collect();
    without.sort_unstable();
    let mut expected = vec![later, odd];
    expected.sort_unstable();
    same(&without, &expected, "accounts without a key")?;
    skep.close().await;
    Ok(())
}
