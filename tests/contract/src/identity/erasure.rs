//! `UserRepository::erase`, which concerns several repositories.

use crate::{
    check::{Checked, equal, holds, some},
    clause::{self, clauses},
    sample,
    units::{commit, look},
};
use skep_application::{
    identity::IdentityStore,
    kernel::{Scope, StoreError},
};
use skep_domain::{
    identity::{
        AccountLink, AccountLinkId, AuthEpoch, KnownNetworkPolicy, KnownNetworks, LinkPurpose, NetworkMark, Session,
        User,
    },
    shared::{EmailLookup, Timestamp},
};

clauses! { clauses of "erasure" on dyn IdentityStore:
    an_erased_account_leaves_nothing_and_others_stay ["UserRepository 4"],
    a_stale_erasure_is_rejected,
    an_erased_address_can_be_registered_again ["UserRepository 4"],
}

type Given = clause::Given<dyn IdentityStore>;

/// An account with roles, sessions, known networks, and a link of each purpose.
async fn account(store: &dyn IdentityStore, number: u8) -> Checked<(User, Vec<Session>)> {
    let user = sample::admin()?;
    let mut sessions = vec![sample::session(user.id), sample::session(user.id)];
    sessions[1].revoked_at = Some(sample::at(1));
    let network = NetworkMark([number; 16]);
    let known = KnownNetworks::none(user.id).after_login(network, sample::at(1), &KnownNetworkPolicy::default());
    let known = some(known, "a login is recorded")?;
    let link = |purpose: &LinkPurpose| {
        let id = AccountLinkId::new(sample::user_id().uuid());
        let mut hash = [number; 32];
        hash[..16].copy_from_slice(id.uuid().as_bytes());
        let (auth_epoch, expires_at) = (AuthEpoch::FIRST, Timestamp::MAX);
        AccountLink { id, user_id: user.id, purpose: *purpose, hash, auth_epoch, expires_at, email: None }
    };
    let links: Vec<_> = LinkPurpose::ALL.iter().map(link).collect();
    let done: Result<(), StoreError> = commit!(store, tx => {
        tx.users().insert(&user).await?;
        for session in &sessions {
            tx.sessions().insert(session).await?;
        }
        tx.known_networks().replace(&known).await?;
        for link in &links {
            tx.account_links().replace(link).await?;
        }
    });
    done?;
    Ok((user, sessions))
}

/// How many rows of each kind are left: accounts, holders of the role, sessions, known networks, links.
async fn left(store: &dyn IdentityStore, user: &User, sessions: &[Session]) -> Result<[usize; 4], StoreError> {
    look!(store, tx => {
        let mut left = [usize::from(tx.users().find(user.id).await?.is_some()), 0, 0, 0];
        for session in sessions {
            left[1] += usize::from(tx.sessions().find(session.id).await?.is_some());
        }
        left[2] = usize::from(tx.known_networks().find(user.id).await?.is_some());
        for purpose in LinkPurpose::ALL {
            left[3] += usize::from(tx.account_links().find(user.id, *purpose).await?.is_some());
        }
        left
    })
}

async fn erase(store: &dyn IdentityStore, user: &User) -> Result<(), StoreError> {
    commit!(store, tx => tx.users().erase(user).await?)
}

async fn an_erased_account_leaves_nothing_and_others_stay(given: &Given) -> Checked {
    let store = &*given.store;
    let (one, sessions) = account(store, 1).await?;
    let (other, of_other) = account(store, 2).await?;
    let all = [1, 2, 1, LinkPurpose::ALL.len()];
    equal((left(store, &one, &sessions).await?, left(store, &other, &of_other).await?), (all, all))?;
    erase(store, &one).await?;
    equal((left(store, &one, &sessions).await?, left(store, &other, &of_other).await?), ([0; 4], all))?;
    equal(store.find_user(Scope::All, one.id).await?, None)?;
    let roles = some(one.roles.first().cloned(), "a role")?;
    equal(look!(store, tx => tx.users().count_with_role(roles.clone()).await?)?, 1)
}

async fn a_stale_erasure_is_rejected(given: &Given) -> Checked {
    let store = &*given.store;
    let (user, sessions) = account(store, 1).await?;
    let mut changed = user.clone();
    changed.disable(sample::at(1));
    changed.version = commit!(store, tx => tx.users().save(&changed).await?)?;
    let refused = erase(store, &user).await;
    holds(matches!(refused, Err(StoreError::Stale)), format!("a stale erasure: {refused:?}"))?;
    equal(left(store, &user, &sessions).await?, [1, 2, 1, LinkPurpose::ALL.len()])?;
    erase(store, &changed).await?;
    equal(left(store, &user, &sessions).await?, [0; 4])
}

async fn an_erased_address_can_be_registered_again(given: &Given) -> Checked {
    let store = &*given.store;
    let (user, _) = account(store, 1).await?;
    let again = User { email: user.email.clone(), ..sample::user()? };
    erase(store, &user).await?;
    let done: Result<(), StoreError> = commit!(store, tx => tx.users().insert(&again).await?);
    done?;
    let email = EmailLookup::parse(user.email.shown().as_str())?;
    equal(store.find_credentials(&email).await?.map(|found| found.user_id), Some(again.id))
}
