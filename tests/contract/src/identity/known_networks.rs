//! `KnownNetworkRepository`, and the known networks among the credentials.

use super::KnownNetworkLists;
use crate::{
    check::{Checked, equal, holds, some},
    clause::{self, clauses},
    sample,
    units::{commit, look},
};
use skep_application::kernel::StoreError;
use skep_domain::{
    identity::{KnownNetworkPolicy, KnownNetworks, NetworkMark, User},
    shared::{EmailLookup, Timestamp, UserId},
};
use std::sync::Arc;

clauses! { clauses of "known_networks" on dyn KnownNetworkLists:
    an_account_has_no_list_at_first,
    values_survive,
    a_list_replaces_the_earlier_one_of_its_account,
    an_empty_list_changes_nothing,
    an_undone_list_is_not_there,
    of_eight_that_replace_it_at_once_one_is_left ["KnownNetworkRepository 1"],
    old_lists_are_swept_and_no_others ["KnownNetworkRepository 2"],
    a_sweep_forgets_no_more_than_its_limit ["KnownNetworkRepository 2"],
    credentials_have_the_list_of_their_account,
}

type Given = clause::Given<dyn KnownNetworkLists>;

const POLICY: KnownNetworkPolicy = KnownNetworkPolicy { most: KnownNetworks::MOST, age_millis: 1 << 40 };

/// The list of an account that has logged in from these networks at these times.
fn list(user_id: UserId, logins: &[(u8, Timestamp)]) -> KnownNetworks {
    logins.iter().fold(KnownNetworks::none(user_id), |known, (network, at)| {
        known.after_login(NetworkMark([*network; 16]), *at, &POLICY).unwrap_or(known)
    })
}

async fn put(store: &dyn KnownNetworkLists, lists: &[KnownNetworks]) -> Result<(), StoreError> {
    commit!(store, tx => {
        for list in lists {
            tx.known_networks().replace(list).await?;
        }
    })
}

async fn found(store: &dyn KnownNetworkLists, id: UserId) -> Result<Option<KnownNetworks>, StoreError> {
    look!(store, tx => tx.known_networks().find(id).await?)
}

async fn an_account_has_no_list_at_first(given: &Given) -> Checked {
    equal(found(&*given.store, sample::user_id()).await?, None)
}

async fn values_survive(given: &Given) -> Checked {
    let full: Vec<_> = (0..32).map(|n| (n * 8, sample::at(i64::from(n)))).collect();
    let times = [Timestamp::MIN, Timestamp::MAX, sample::at(0), Timestamp::from_millis(-1)?];
    let mut lists: Vec<_> = times.iter().map(|at| list(sample::user_id(), &[(0xff, *at)])).collect();
    lists.push(list(sample::user_id(), &full));
    holds(lists.last().is_some_and(|full| full.len() == KnownNetworks::MOST), "the longest list")?;
    put(&*given.store, &lists).await?;
    for list in lists {
        equal(found(&*given.store, list.user_id).await?, Some(list))?;
    }
    Ok(())
}

async fn a_list_replaces_the_earlier_one_of_its_account(given: &Given) -> Checked {
    let (user, other) = (sample::user_id(), list(sample::user_id(), &[(7, sample::at(0))]));
    put(&*given.store, std::slice::from_ref(&other)).await?;
    let lists = [
        list(user, &[(1, sample::at(0))]),
        list(user, &[(1, sample::at(0)), (2, sample::at(9))]),
        list(user, &[(3, sample::at(1))]),
    ];
    for list in lists {
        put(&*given.store, std::slice::from_ref(&list)).await?;
        equal(found(&*given.store, user).await?, Some(list))?;
    }
    equal(found(&*given.store, other.user_id).await?, Some(other))
}

async fn an_empty_list_changes_nothing(given: &Given) -> Checked {
    let stored = list(sample::user_id(), &[(1, sample::at(0))]);
    let (none, stranger) = (KnownNetworks::none(stored.user_id), KnownNetworks::none(sample::user_id()));
    put(&*given.store, &[stored.clone(), none, stranger.clone()]).await?;
    equal(found(&*given.store, stored.user_id).await?, Some(stored))?;
    equal(found(&*given.store, stranger.user_id).await?, None)
}

async fn an_undone_list_is_not_there(given: &Given) -> Checked {
    let (before, after) = (sample::at(1), sample::at(2));
    let stored = list(sample::user_id(), &[(1, before)]);
    let (changed, new) = (list(stored.user_id, &[(2, after)]), list(sample::user_id(), &[(1, after)]));
    put(&*given.store, std::slice::from_ref(&stored)).await?;
    look!(given.store, tx => {
        tx.known_networks().replace(&changed).await?;
        tx.known_networks().replace(&new).await?;
    })?;
    equal(found(&*given.store, stored.user_id).await?, Some(stored))?;
    equal(found(&*given.store, new.user_id).await?, None)
}

async fn of_eight_that_replace_it_at_once_one_is_left(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..4 {
        let user = sample::user_id();
        // The first round of an account inserts its row, the second one changes it.
        for base in [0, 8] {
            let lists: Vec<_> = (base..base + 8).map(|n| list(user, &[(n, sample::at(i64::from(n)))])).collect();
            let start = Arc::new(tokio::sync::Barrier::new(8));
            let race = |(number, list): (usize, &KnownNetworks)| {
                let (start, list) = (start.clone(), list.clone());
                let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
                tokio::spawn(async move {
                    start.wait().await;
                    put(&*store, &[list]).await
                })
            };
            for task in lists.iter().enumerate().map(race).collect::<Vec<_>>() {
                task.await??;
            }
            let left = some(found(&*given.store, user).await?, "the list")?;
            holds(lists.contains(&left), "one of the eight is left")?;
        }
    }
    Ok(())
}

async fn sweep(given: &Given, until: Timestamp, limit: u32) -> Checked<u64> {
    Ok(commit!(given.store, tx => tx.known_networks().sweep(until, limit).await?)?)
}

async fn old_lists_are_swept_and_no_others(given: &Given) -> Checked {
    let of = |logins: &[(u8, i64)]| {
        let logins: Vec<_> = logins.iter().map(|(network, at)| (*network, sample::at(*at))).collect();
        list(sample::user_id(), &logins)
    };
    // The latest login counts.
    let lists = [of(&[(1, 100)]), of(&[(1, 101)]), of(&[(1, 50), (2, 100)]), of(&[(1, 50), (2, 200)])];
    put(&*given.store, &lists).await?;
    equal(sweep(given, sample::at(99), 100).await?, 0)?;
    equal(sweep(given, sample::at(100), 100).await?, 2)?;
    for (list, is_left) in lists.iter().zip([false, true, false, true]) {
        equal(found(&*given.store, list.user_id).await?, is_left.then(|| list.clone()))?;
    }
    equal(sweep(given, sample::at(100), 100).await?, 0)?;
    equal(sweep(given, sample::at(200), 100).await?, 2)
}

async fn a_sweep_forgets_no_more_than_its_limit(given: &Given) -> Checked {
    let lists: Vec<_> = (0..10).map(|n| list(sample::user_id(), &[(1, sample::at(n))])).collect();
    put(&*given.store, &lists).await?;
    let mut swept = Vec::new();
    for limit in [3, 3, 0, 3, 3, 3] {
        swept.push(sweep(given, sample::at(1_000), limit).await?);
    }
    equal(swept, vec![3, 3, 0, 3, 1, 0])
}

async fn credentials_have_the_list_of_their_account(given: &Given) -> Checked {
    let users: [User; 3] = [sample::user()?, sample::user()?, sample::user()?];
    commit!(given.store, tx => {
        for user in &users {
            tx.users().insert(user).await?;
        }
    })?;
    let second = given.second().await?;
    for round in 1..4 {
        // The third account has no list.
        let lists =
            [list(users[0].id, &[(round, sample::at(1))]), list(users[1].id, &[(9, sample::at(i64::from(round)))])];
        put(&*given.store, &lists).await?;
        let expected = [&lists[0], &lists[1], &KnownNetworks::none(users[2].id)];
        for store in [&given.store, &second] {
            for (user, expected) in users.iter().zip(expected) {
                let lookup = EmailLookup::parse(user.email.address())?;
                let credentials = some(store.queries().find_credentials(&lookup).await?, "credentials")?;
                equal(&credentials.known_networks, expected)?;
            }
        }
    }
    let stranger = EmailLookup::parse(sample::user()?.email.address())?;
    equal(given.store.queries().find_credentials(&stranger).await?, None)
}
