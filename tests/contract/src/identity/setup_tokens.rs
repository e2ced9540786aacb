//! `SetupTokenRepository`.

use super::SetupTokens;
use crate::{
    check::{Checked, equal, holds, some},
    clause::{self, clauses},
    sample,
    units::{commit, look},
};
use skep_application::identity::SetupToken;
use skep_domain::shared::Timestamp;
use std::sync::Arc;

clauses! { clauses of "setup_tokens" on dyn SetupTokens:
    a_new_store_has_no_token,
    values_survive,
    a_new_token_replaces_the_old_one,
    a_deleted_token_is_gone,
    of_eight_that_replace_it_at_once_one_is_left ["SetupTokenRepository 1"],
}

type Given = clause::Given<dyn SetupTokens>;

fn token(byte: u8, expires_at: Timestamp) -> SetupToken {
    SetupToken { hash: [byte; 32], expires_at }
}

async fn a_new_store_has_no_token(given: &Given) -> Checked {
    equal(look!(given.store, tx => tx.setup_tokens().find().await?)?, None)
}

async fn values_survive(given: &Given) -> Checked {
    for token in [token(0, sample::at(3)), token(0xff, Timestamp::MAX), token(0x80, Timestamp::MIN)] {
        commit!(given.store, tx => tx.setup_tokens().replace(&token).await?)?;
        equal(look!(given.store, tx => tx.setup_tokens().find().await?)?, Some(token))?;
    }
    Ok(())
}

async fn a_new_token_replaces_the_old_one(given: &Given) -> Checked {
    let (old, new) = (token(1, sample::at(1)), token(2, sample::at(2)));
    let seen = commit!(given.store, tx => {
        tx.setup_tokens().replace(&old).await?;
        tx.setup_tokens().replace(&new).await?;
        tx.setup_tokens().find().await?
    })?;
    equal(seen, Some(new))?;
    commit!(given.store, tx => tx.setup_tokens().replace(&old).await?)?;
    equal(look!(given.store, tx => tx.setup_tokens().find().await?)?, Some(old))
}

async fn a_deleted_token_is_gone(given: &Given) -> Checked {
    commit!(given.store, tx => tx.setup_tokens().delete().await?)?;
    commit!(given.store, tx => tx.setup_tokens().replace(&token(1, sample::at(1))).await?)?;
    commit!(given.store, tx => tx.setup_tokens().delete().await?)?;
    equal(look!(given.store, tx => tx.setup_tokens().find().await?)?, None)?;
    commit!(given.store, tx => tx.setup_tokens().replace(&token(2, sample::at(2))).await?)?;
    equal(look!(given.store, tx => tx.setup_tokens().find().await?)?, Some(token(2, sample::at(2))))
}

/// Instances that start at the same time do this, with or without a stored token.
async fn of_eight_that_replace_it_at_once_one_is_left(given: &Given) -> Checked {
    let second = given.second().await?;
    for round in 0..4 {
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let race = |number: u8| {
            let (start, token) = (start.clone(), token(number, sample::at(i64::from(number))));
            let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
            tokio::spawn(async move {
                start.wait().await;
                commit!(store, tx => tx.setup_tokens().replace(&token).await?)
            })
        };
        for task in (0..8).map(race).collect::<Vec<_>>() {
            task.await??;
        }
        let left = some(look!(given.store, tx => tx.setup_tokens().find().await?)?, "the token")?;
        holds((0..8).any(|number| left == token(number, sample::at(i64::from(number)))), "one of the eight is left")?;
        if round % 2 == 0 {
            commit!(given.store, tx => tx.setup_tokens().delete().await?)?;
        }
    }
    Ok(())
}
