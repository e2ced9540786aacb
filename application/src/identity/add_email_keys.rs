//! Adds the keys of e-mail addresses that an instance of the first versions has stored beside this one.

use super::{IdentityTx, UserQueries, constraints::USER_EMAIL_KEY};
use crate::kernel::{Begin, BoxError, Round, Runtime, StoreError, SweepAll, TxMode, run};
use async_trait::async_trait;
use skep_domain::shared::{Email, EmailLookup, UserId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The time between two rounds. A store may read every account to find those without a key, and they can wait: each is
/// found by its own spelling.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// Adds the key to each account that has none, unless its address has no key or another account has it.
pub struct AddEmailKeys {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    users: Arc<dyn UserQueries>,
    runtime: Runtime,
    /// The milliseconds of the monotonic clock from which on the next round may begin.
    due: AtomicU64,
}

impl AddEmailKeys {
    /// Finds the accounts in `users` and changes them in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, users: Arc<dyn UserQueries>, runtime: Runtime) -> Self {
        Self { store, users, runtime, due: AtomicU64::new(0) }
    }

    /// Returns whether the account has got its key now.
    async fn complete(&self, id: UserId, email: &Email) -> Result<bool, StoreError> {
        let Some(key) = Email::key_of(email.address()) else { return Ok(false) };
        match self.users.find_credentials(&EmailLookup::of_key(&key)).await? {
            Some(_) => Ok(false),
            None => self.add(id, &key).await,
        }
    }

    async fn add(&self, id: UserId, key: &str) -> Result<bool, StoreError> {
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let added = add_in(&mut *unit, id, key).await;
            attempt.end(unit, added).await
        })
        .await
    }
}

async fn add_in(unit: &mut dyn IdentityTx, id: UserId, key: &str) -> Result<bool, StoreError> {
    let Some(mut user) = unit.users().find(id).await? else { return Ok(false) };
    // Another instance was faster.
    if user.email.key().is_some() || unit.users().find_by_email(&EmailLookup::of_key(key)).await?.is_some() {
        return Ok(false);
    }
    user.email = user.email.with_key(key.to_owned());
    match unit.users().save(&user).await {
        Ok(_) => Ok(true),
        // Another account has got the key since it was looked for. The next attempt finds it.
        Err(error @ StoreError::Duplicate { constraint: USER_EMAIL_KEY }) => Err(StoreError::Retry(error.into())),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl SweepAll for AddEmailKeys {
    fn name(&self) -> &'static str {
        "missing keys of e-mail addresses"
    }

    /// Goes through all accounts without a key once. Ids grow with time, so of two accounts with one key the older gets
    /// it. Passes over those that cannot be read, and returns their number as an error. Does nothing within an hour of the
    /// last round.
    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        let now = self.runtime.clock.monotonic();
        if millis(now) < self.due.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (mut last, mut unreadable) = (None, UnreadableAccounts::default());
        loop {
            let without = self.users.list_without_key(last, round.limit).await?;
            for (id, email) in &without {
                if round.is_stopped() {
                    return unreadable.result();
                }
                match self.complete(*id, email).await {
                    Ok(added) => round.swept += u64::from(added),
                    Err(StoreError::Corrupt(cause)) => unreadable.add(cause),
                    Err(error) => return Err(error),
                }
            }
            if without.len() < round.limit as usize {
                self.due.store(millis(now + PAUSE), Ordering::Relaxed);
                return unreadable.result();
            }
            last = without.last().map(|(id, _)| *id);
        }
    }
}

/// Accounts without a key for which the store has no readable row.
#[derive(Debug, Default, thiserror::Error)]
#[error("{count} accounts have no key of their address, and cannot be read")]
struct UnreadableAccounts {
    count: u64,
    #[source]
    first: Option<BoxError>,
}

impl UnreadableAccounts {
    fn add(&mut self, cause: BoxError) {
        self.count += 1;
        self.first.get_or_insert(cause);
    }

    fn result(self) -> Result<(), StoreError> {
        if self.count == 0 { Ok(()) } else { Err(StoreError::Corrupt(self.into())) }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{Credentials, MockIdentityTx, MockUserQueries},
        testing::*,
    };
    use skep_domain::identity::{AuthEpoch, KnownNetworks, PasswordForm, User};

    const TAKEN: &str = "taken@example.com";

    fn stored(address: &str, key: Option<&str>) -> Email {
        Email::stored(address.to_owned(), key.map(str::to_owned), None)
    }

    /// The accounts 1, 2, 3 and so on without a key. An account with a key has [`TAKEN`].
    fn queries(addresses: &[&str]) -> MockUserQueries {
        let all: Vec<_> = (1..).zip(addresses).map(|(n, address)| (user_id(n), stored(address, None))).collect();
        let mut users = MockUserQueries::new();
        users.expect_list_without_key().withf(|_, limit| *limit == 2).returning(move |after, limit| {
            let following = all.iter().filter(|(id, _)| after.is_none_or(|after| after < *id));
            Ok(following.take(limit as usize).cloned().collect())
        });
        users.expect_find_credentials().returning(|email| {
            let user_id = user_id(99);
            let (password_hash, password_form) = (String::new(), PasswordForm::NEW);
            let known_networks = KnownNetworks::none(user_id);
            Ok((email.key() == TAKEN).then_some(Credentials {
                user_id,
                password_hash,
                password_form,
                auth_epoch: AuthEpoch::FIRST,
                known_networks,
                is_active: true,
                is_verified: true,
            }))
        });
        users
    }

    /// A unit in which the account has this address, and no other account has its key.
    fn unit(id: UserId, email: Email, saved: &Seen) -> MockIdentityTx {
        let mut unit = MockIdentityTx::noting(saved);
        unit.users
            .expect_find()
            .withf(move |asked| *asked == id)
            .returning(move |id| Ok(Some(User { id, email: email.clone(), ..ada() })));
        unit.users.expect_find_by_email().returning(|_| Ok(None));
        let noted = saved.clone();
        unit.users.expect_save().returning(move |user| {
            noted.note("users.save", std::slice::from_ref(user));
            Ok(user.version.next())
        });
        unit
    }

    async fn sweep(users: MockUserQueries, store: Arc<Scripted<dyn IdentityTx>>) -> u64 {
        let runtime = fixed_runtime().0;
        let sweep = AddEmailKeys::new(store, Arc::new(users), runtime.clone());
        let mut round = Round::new(&runtime, 2, &|| false);
        sweep.sweep_all(&mut round).await.unwrap();
        round.swept
    }

    #[tokio::test]
    async fn each_account_gets_its_key_and_those_that_cannot_have_one_do_not_stop_the_others() {
        let seen = Seen::default();
        let addresses = ["x@127.0.0.1", TAKEN, "x@127.0.0.2", "x@m\u{fc}ller.example", "y@example.com"];
        let units = [4, 5].map(|n| unit(user_id(n as u64), stored(addresses[n - 1], None), &seen));
        assert_eq!(sweep(queries(&addresses), Scripted::of(units)).await, 2);
        let saved = seen.all::<User>("users.save");
        let keys: Vec<_> = saved.iter().map(|user| (user.id, user.email.key().unwrap())).collect();
        assert_eq!(keys, [(user_id(4), "x@xn--mller-kva.example"), (user_id(5), "y@example.com")]);
    }

    #[tokio::test]
    async fn an_account_that_cannot_be_read_keeps_no_other_from_its_key() {
        let seen = Seen::default();
        let addresses = ["x@example.com", "y@example.com", "z@example.com"];
        let mut unreadable = MockIdentityTx::noting(&seen);
        unreadable.users.expect_find().returning(|_| Err(StoreError::Corrupt("a hole".into())));
        let units = [unreadable, unit(user_id(2), stored(addresses[1], None), &seen)];
        let units = units.into_iter().chain([unit(user_id(3), stored(addresses[2], None), &seen)]);
        let (runtime, _) = fixed_runtime();
        let sweep = AddEmailKeys::new(Scripted::of(units), Arc::new(queries(&addresses)), runtime.clone());
        let mut round = Round::new(&runtime, 2, &|| false);
        let Err(StoreError::Corrupt(cause)) = sweep.sweep_all(&mut round).await else { panic!("no error") };
        assert!(cause.to_string().starts_with("1 accounts"), "{cause}");
        assert_eq!(cause.source().unwrap().to_string(), "a hole");
        assert_eq!(round.swept, 2);
        // The accounts are not read again within the hour.
        sweep.sweep_all(&mut round).await.unwrap();
    }

    #[tokio::test]
    async fn a_store_is_asked_once_an_hour() {
        let (runtime, clock) = fixed_runtime();
        let mut users = MockUserQueries::new();
        users.expect_list_without_key().times(2).returning(|_, _| Ok(vec![]));
        let sweep = AddEmailKeys::new(Scripted::untouched(), Arc::new(users), runtime.clone());
        for pause in [Duration::ZERO, PAUSE - Duration::from_millis(1), Duration::from_millis(1)] {
            clock.advance(pause);
            sweep.sweep_all(&mut Round::new(&runtime, 2, &|| false)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_account_that_has_got_its_key_meanwhile_is_left_alone() {
        let seen = Seen::default();
        let address = "y@example.com";
        let unit = unit(user_id(1), stored(address, Some(address)), &seen);
        assert_eq!(sweep(queries(&[address]), Scripted::of([unit])).await, 0);
        assert!(!seen.calls().contains(&"users.save"));
    }

    #[tokio::test]
    async fn a_key_that_another_account_has_got_meanwhile_is_left_to_it() {
        let seen = Seen::default();
        let email = stored("y@example.com", None);
        let mut refused = unit(user_id(1), email.clone(), &seen);
        refused.users = crate::identity::MockUserRepository::new();
        let found = email.clone();
        refused.users.expect_find().returning(move |id| Ok(Some(User { id, email: found.clone(), ..ada() })));
        refused.users.expect_find_by_email().returning(|_| Ok(None));
        refused.users.expect_save().returning(|_| Err(StoreError::Duplicate { constraint: USER_EMAIL_KEY }));
        let mut again = MockIdentityTx::noting(&seen);
        again.users.expect_find().returning(move |id| Ok(Some(User { id, email: email.clone(), ..ada() })));
        again.users.expect_find_by_email().returning(|_| Ok(Some(ada())));
        assert_eq!(sweep(queries(&["y@example.com"]), Scripted::of([refused, again])).await, 0);
    }
}
