//! `AccountLinkRepository`.

use super::AccountLinks;
use crate::{
    check::{Checked, equal, holds, some},
    clause::{self, clauses},
    sample,
    units::{commit, look},
};
use skep_application::kernel::StoreError;
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch, LinkPurpose},
    shared::{Email, Timestamp, UserId},
};
use std::{slice::from_ref, sync::Arc};

clauses! { clauses of "account_links" on dyn AccountLinks:
    an_account_has_no_link_at_first,
    values_survive,
    a_newer_link_replaces_the_one_of_its_account_and_purpose ["AccountLinkRepository 1"],
    an_undone_link_is_not_there,
    of_eight_that_replace_it_at_once_one_is_left ["AccountLinkRepository 1"],
    a_link_is_used_once_in_time_and_no_other_with_it ["AccountLinkRepository 2"],
    of_fifty_that_use_a_link_at_once_one_does ["AccountLinkRepository 2"],
    expired_links_are_swept_and_no_others ["AccountLinkRepository 3"],
    a_sweep_judges_links_with_one_hash_apart ["AccountLinkRepository 3"],
    a_sweep_forgets_no_more_than_its_limit ["AccountLinkRepository 3"],
}

type Given = clause::Given<dyn AccountLinks>;

const RESET: LinkPurpose = LinkPurpose::ResetPassword;
const VERIFY: LinkPurpose = LinkPurpose::VerifyEmail;
const CHANGE: LinkPurpose = LinkPurpose::ChangeEmail;

/// A link with another id and hash each time.
fn link(user_id: UserId, purpose: LinkPurpose, expires_at: Timestamp) -> AccountLink {
    let id = AccountLinkId::new(sample::user_id().uuid());
    let mut hash = [7; 32];
    hash[..16].copy_from_slice(id.uuid().as_bytes());
    AccountLink { id, user_id, purpose, hash, auth_epoch: AuthEpoch::FIRST, expires_at, email: None }
}

async fn put(store: &dyn AccountLinks, links: &[AccountLink]) -> Result<(), StoreError> {
    commit!(store, tx => {
        for link in links {
            tx.account_links().replace(link).await?;
        }
    })
}

/// What both ways to find the link return.
async fn found(given: &Given, link: &AccountLink) -> Checked<[Option<AccountLink>; 2]> {
    Ok(look!(given.store, tx => {
        let of_account = tx.account_links().find(link.user_id, link.purpose).await?;
        [of_account, tx.account_links().find_by_hash(&link.hash).await?]
    })?)
}

async fn consume(store: &dyn AccountLinks, link: &AccountLink, now: Timestamp) -> Result<bool, StoreError> {
    commit!(store, tx => tx.account_links().consume(&link.hash, now).await?)
}

async fn an_account_has_no_link_at_first(given: &Given) -> Checked {
    let link = link(sample::user_id(), RESET, sample::at(9));
    equal(found(given, &link).await?, [None, None])?;
    equal(consume(&*given.store, &link, sample::at(0)).await?, false)
}

async fn values_survive(given: &Given) -> Checked {
    let user = sample::user_id();
    let new = Email::parse("Bée@bücher.example")?.shown();
    let far = some(AuthEpoch::new(i64::MAX), "an epoch")?;
    let links = [
        AccountLink { hash: [0xff; 32], auth_epoch: far, ..link(user, RESET, Timestamp::MAX) },
        link(user, VERIFY, Timestamp::MIN),
        AccountLink { email: Some(new.clone()), ..link(user, CHANGE, sample::at(9)) },
        link(sample::user_id(), RESET, Timestamp::from_millis(-1)?),
    ];
    put(&*given.store, &links).await?;
    for link in links {
        equal(found(given, &link).await?, [Some(link.clone()), Some(link)])?;
    }
    Ok(())
}

async fn a_newer_link_replaces_the_one_of_its_account_and_purpose(given: &Given) -> Checked {
    let (user, end) = (sample::user_id(), sample::at(9));
    let kept = [link(user, VERIFY, end), link(sample::user_id(), RESET, end)];
    let old = AccountLink { email: Some(Email::parse("old@example.com")?.shown()), ..link(user, RESET, end) };
    let new = AccountLink { auth_epoch: AuthEpoch::FIRST.next(), ..link(user, RESET, sample::at(10)) };
    put(&*given.store, &[kept[0].clone(), kept[1].clone(), old.clone()]).await?;
    put(&*given.store, from_ref(&new)).await?;
    equal(found(given, &new).await?, [Some(new.clone()), Some(new.clone())])?;
    equal(found(given, &old).await?, [Some(new), None])?;
    equal(consume(&*given.store, &old, sample::at(0)).await?, false)?;
    for link in kept {
        equal(found(given, &link).await?, [Some(link.clone()), Some(link)])?;
    }
    Ok(())
}

async fn an_undone_link_is_not_there(given: &Given) -> Checked {
    let stored = link(sample::user_id(), RESET, sample::at(9));
    let (newer, other) = (link(stored.user_id, RESET, sample::at(9)), link(sample::user_id(), RESET, sample::at(9)));
    put(&*given.store, from_ref(&stored)).await?;
    look!(given.store, tx => {
        tx.account_links().replace(&newer).await?;
        tx.account_links().replace(&other).await?;
        tx.account_links().consume(&newer.hash, sample::at(0)).await?;
    })?;
    equal(found(given, &stored).await?, [Some(stored.clone()), Some(stored)])?;
    equal(found(given, &other).await?, [None, None])
}

async fn of_eight_that_replace_it_at_once_one_is_left(given: &Given) -> Checked {
    let (second, user) = (given.second().await?, sample::user_id());
    // The first round inserts the row, the second one changes it.
    for _ in 0..2 {
        let links: Vec<_> = (0..8).map(|n| link(user, RESET, sample::at(n))).collect();
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let race = |(number, link): (usize, &AccountLink)| {
            let (start, link) = (start.clone(), link.clone());
            let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
            tokio::spawn(async move {
                start.wait().await;
                put(&*store, &[link]).await
            })
        };
        for task in links.iter().enumerate().map(race).collect::<Vec<_>>() {
            task.await??;
        }
        let [left, _] = found(given, &links[0]).await?;
        holds(links.contains(&some(left, "the link")?), "one of the eight is left")?;
    }
    Ok(())
}

async fn a_link_is_used_once_in_time_and_no_other_with_it(given: &Given) -> Checked {
    let (user, end) = (sample::user_id(), sample::at(100));
    let (used, other) = (link(user, RESET, end), link(user, VERIFY, end));
    put(&*given.store, &[used.clone(), other.clone()]).await?;
    equal(consume(&*given.store, &used, sample::at(100)).await?, false)?;
    equal(consume(&*given.store, &used, sample::at(99)).await?, true)?;
    equal(found(given, &used).await?, [None, None])?;
    equal(consume(&*given.store, &used, sample::at(99)).await?, false)?;
    equal(found(given, &other).await?, [Some(other.clone()), Some(other)])
}

async fn of_fifty_that_use_a_link_at_once_one_does(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..2 {
        let link = link(sample::user_id(), RESET, sample::at(9));
        put(&*given.store, from_ref(&link)).await?;
        let start = Arc::new(tokio::sync::Barrier::new(50));
        let race = |number: usize| {
            let (start, link) = (start.clone(), link.clone());
            let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
            tokio::spawn(async move {
                start.wait().await;
                consume(&*store, &link, sample::at(0)).await
            })
        };
        let mut winners = 0;
        for task in (0..50).map(race).collect::<Vec<_>>() {
            winners += usize::from(task.await??);
        }
        equal(winners, 1)?;
        equal(found(given, &link).await?, [None, None])?;
    }
    Ok(())
}

async fn sweep(given: &Given, until: Timestamp, limit: u32) -> Checked<u64> {
    Ok(commit!(given.store, tx => tx.account_links().sweep(until, limit).await?)?)
}

async fn expired_links_are_swept_and_no_others(given: &Given) -> Checked {
    let user = sample::user_id();
    let links = [link(user, RESET, sample::at(100)), link(user, VERIFY, sample::at(101))];
    put(&*given.store, &links).await?;
    equal(sweep(given, sample::at(99), 100).await?, 0)?;
    equal(sweep(given, sample::at(100), 100).await?, 1)?;
    equal(found(given, &links[0]).await?, [None, None])?;
    equal(found(given, &links[1]).await?, [Some(links[1].clone()), Some(links[1].clone())])?;
    equal(sweep(given, sample::at(101), 100).await?, 1)
}

async fn a_sweep_judges_links_with_one_hash_apart(given: &Given) -> Checked {
    let first = link(sample::user_id(), RESET, sample::at(100));
    let second = AccountLink { hash: first.hash, ..link(sample::user_id(), RESET, sample::at(101)) };
    put(&*given.store, &[first, second]).await?;
    equal(sweep(given, sample::at(100), 100).await?, 1)?;
    equal(sweep(given, sample::at(101), 100).await?, 1)
}

async fn a_sweep_forgets_no_more_than_its_limit(given: &Given) -> Checked {
    let links: Vec<_> = (0..10).map(|n| link(sample::user_id(), RESET, sample::at(n))).collect();
    put(&*given.store, &links).await?;
    let mut swept = Vec::new();
    for limit in [3, 3, 0, 3, 3, 3] {
        swept.push(sweep(given, sample::at(1_000), limit).await?);
    }
    equal(swept, vec![3, 3, 0, 3, 1, 0])
}
