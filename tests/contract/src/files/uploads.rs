//! `FileRepository`: the hold of a request on an upload that arrives in pieces.

use super::{
    FileRows,
    rows::{Given, upload},
};
use crate::{
    check::{Checked, equal, holds, some, stale},
    clause::clauses,
    laws::{put, save},
    sample,
    units::{commit, look},
    world,
};
use skep_application::kernel::StoreError;
use skep_domain::{
    files::{AppendRefused, File, UploadMetadata},
    shared::{LeaseToken, Timestamp},
};
use std::sync::Arc;

clauses! { clauses of "uploads" on dyn FileRows:
    of_eight_requests_at_once_one_holds_the_upload ["FileRepository 1"],
    a_request_that_was_passed_over_stores_nothing ["FileRepository 1"],
}

fn token() -> LeaseToken {
    LeaseToken::new(world::uuid())
}

async fn in_pieces(given: &Given) -> Checked<File> {
    let file = upload(sample::user_id(), sample::at(0))?.in_pieces(UploadMetadata::parse("a")?, Timestamp::MAX);
    put(&*given.store, std::slice::from_ref(&file)).await?;
    Ok(file)
}

async fn find(given: &Given, file: &File) -> Checked<File> {
    some(look!(given.store, tx => tx.files().find(file.id).await?)?, "the upload")
}

async fn of_eight_requests_at_once_one_holds_the_upload(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..4 {
        let file = in_pieces(given).await?;
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let race = |number: u8| {
            let (start, id, token) = (start.clone(), file.id, token());
            let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
            tokio::spawn(async move {
                start.wait().await;
                loop {
                    let held = commit!(store, tx => {
                        match tx.files().find(id).await? {
                            None => None,
                            Some(mut file) => {
                                let held = file.append(0, None, token, sample::at(1));
                                if held.is_ok() {
                                    tx.files().save(&file).await?;
                                }
                                Some(held)
                            }
                        }
                    });
                    // Another request was faster.
                    if !matches!(held, Err(StoreError::Stale)) {
                        return (token, held);
                    }
                }
            })
        };
        let mut holders = vec![];
        for task in (0..8).map(race).collect::<Vec<_>>() {
            let (token, held) = task.await?;
            match some(held?, "the upload")? {
                Ok(()) => holders.push(token),
                Err(refused) => equal(refused, AppendRefused::Held)?,
            }
        }
        let stored = find(given, &file).await?.resumable.and_then(|known| known.appender);
        equal(holders, stored.map(|held| held.token).into_iter().collect())?;
        holds(stored.is_some(), "one request holds it")?;
    }
    Ok(())
}

async fn a_request_that_was_passed_over_stores_nothing(given: &Given) -> Checked {
    let (mut first, lost, taker) = (in_pieces(given).await?, token(), token());
    first.append(0, None, lost, sample::at(0))?;
    first.version = save(&*given.store, &first).await?;
    let mut second = find(given, &first).await?;
    equal(second.append(0, None, taker, sample::at(1)), Err(AppendRefused::Held))?;
    second.append(0, None, taker, Timestamp::MAX.plus_millis(-1))?;
    second.version = save(&*given.store, &second).await?;
    // The first request still has its old copy.
    first.keep(10, lost, sample::at(2))?;
    stale(save(&*given.store, &first).await)?;
    let mut found = find(given, &first).await?;
    equal(found.clone(), second)?;
    holds(found.keep(10, lost, sample::at(2)).is_err(), "the token is another one")?;
    found.keep(9, taker, sample::at(3))?;
    found.let_go(taker)?;
    found.version = save(&*given.store, &found).await?;
    equal(find(given, &first).await?, found)
}
