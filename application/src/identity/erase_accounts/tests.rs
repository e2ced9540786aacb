use super::*;
use crate::{identity::MockUserQueries, kernel::AppError as _, testing::*};
use serde_json::json;
use skep_domain::identity::User;
use std::sync::Mutex;

/// Another context, which notes the users that it erases and fails for one of them.
#[derive(Default)]
struct Other {
    erased: Mutex<Vec<UserId>>,
    fails_for: Option<UserId>,
}

#[async_trait]
impl EraseUser for Other {
    async fn erase_user(&self, user: UserId, _: &Round<'_>) -> Result<(), StoreError> {
        if self.fails_for == Some(user) {
            return Err(away());
        }
        self.erased.lock().unwrap().push(user);
        Ok(())
    }
}

/// Ada, whose erasure could have begun so many milliseconds ago.
fn due(ago: i64) -> House {
    let now = fixed_runtime().0.clock.now();
    House { user: Some(User { erase_at: Some(now.plus_millis(-MARGIN_MILLIS - ago)), ..ada() }), ..House::default() }
}

/// Returns the number of erased accounts, and the code of the error.
async fn sweep(
    units: &Arc<Scripted<dyn IdentityTx>>,
    found: Vec<UserId>,
    other: &Arc<Other>,
    stopped: &(dyn Fn() -> bool + Send + Sync),
) -> (u64, &'static str) {
    let mut users = MockUserQueries::new();
    users.expect_list_erasures().returning(move |_, after, limit| {
        let following = found.iter().filter(|id| after.is_none_or(|after| after < **id));
        Ok(following.take(limit as usize).copied().collect())
    });
    let runtime = fixed_runtime().0;
    let erase =
        EraseAccounts::new(units.clone(), Arc::new(users), vec![other.clone()], runtime.clone(), AccountGrace::USUAL);
    let mut round = Round::new(&runtime, 1, stopped);
    let swept = erase.sweep_all(&mut round).await;
    (round.swept, swept.map_or_else(|error| error.code(), |()| "ok"))
}

#[tokio::test]
async fn the_other_contexts_go_first_and_one_event_reports_the_end() {
    let (house, other) = (due(0), Arc::new(Other::default()));
    assert_eq!(sweep(&Scripted::of([house.open()]), vec![user_id(1)], &other, &|| false).await, (1, "ok"));
    assert_eq!(*other.erased.lock().unwrap(), [user_id(1)]);
    assert_eq!(house.seen.one::<User>("users.erase").id, user_id(1));
    let event = house.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("identity.user_erased.v1", ada().version.next()));
    assert_eq!(house.seen.payload(), json!({ "user_id": user_id(1) }));
    house.assert_events_name_no_person();
}

#[tokio::test]
async fn an_account_that_was_taken_back_or_erased_meanwhile_stays_as_it_is() {
    for house in [due(-1), House { user: Some(ada()), ..House::default() }, House::default()] {
        let other = Arc::new(Other::default());
        assert_eq!(sweep(&Scripted::of([house.looking()]), vec![user_id(1)], &other, &|| false).await, (0, "ok"));
    }
}

#[tokio::test]
async fn an_account_stays_while_another_context_fails_and_later_accounts_are_erased() {
    let other = Arc::new(Other { fails_for: Some(user_id(0)), ..Other::default() });
    let house = due(0);
    let found = vec![user_id(0), user_id(1)];
    assert_eq!(sweep(&Scripted::of([house.open()]), found, &other, &|| false).await, (1, "store_unavailable"));
    assert_eq!(house.seen.one::<User>("users.erase").id, user_id(1));
}

#[tokio::test]
async fn an_erasure_that_is_stopped_leaves_the_account_to_be_found_again() {
    let other = Arc::new(Other::default());
    let seen = other.clone();
    // The request to stop arrives while the other context works.
    let stopped = move || !seen.erased.lock().unwrap().is_empty();
    assert_eq!(sweep(&Scripted::untouched(), vec![user_id(1)], &other, &stopped).await, (0, "ok"));
}
