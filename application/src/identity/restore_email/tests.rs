use super::*;
use crate::{
    identity::{AccountPolicy, MockPasswordHasher},
    kernel::{AppError as _, ErrorKind},
    testing::*,
};
use skep_domain::{
    identity::{AccountGrace, AccountLink, AccountLinkId, AuthEpoch, User},
    shared::{Email, SessionId, UserId},
};

type Units = Arc<Scripted<dyn IdentityTx>>;

const OLD: &str = "Ada@example.org";
const NO_PASSWORD: &str = "the hash of a secret";

/// A link of this purpose that gives Ada the address from before, and its token.
fn link(purpose: LinkPurpose) -> (AccountLink, String) {
    let id = AccountLinkId::new(SeqIds::nth(70));
    let LinkToken { hash, text } = link_tokens().of(purpose, id);
    let expires_at = fixed_runtime().0.clock.now().plus_millis(1_000);
    let (user_id, auth_epoch, email) = (user_id(1), AuthEpoch::FIRST, Some(Email::parse(OLD).unwrap().shown()));
    (AccountLink { id, user_id, purpose, hash, auth_epoch, expires_at, email }, text)
}

fn house(links: Vec<AccountLink>) -> House {
    // The password was changed after the link was mailed.
    House { user: Some(User { auth_epoch: AuthEpoch::FIRST.next(), ..ada() }), links, ..House::default() }
}

/// Fails the test unless so many passwords are hashed.
async fn try_to_restore(units: &Units, token: &str, times: usize) -> Result<(), RestoreEmailError> {
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_hash().times(times).returning(|_, _| Ok(NO_PASSWORD.to_owned()));
    let mails = account_mails(AccountPolicy::default());
    let use_case = RestoreEmail::new(units.clone(), accounts(hasher).0, secrets(), mails);
    use_case.execute(&visitor(), RestoreEmailCommand { token: token.to_owned() }).await
}

async fn restore(units: &Units, token: &str) -> Result<(), RestoreEmailError> {
    try_to_restore(units, token, 1).await
}

#[tokio::test]
async fn the_address_is_back_and_neither_a_session_nor_the_password_opens_the_account() {
    let (link, token) = link(PURPOSE);
    let house = house(vec![link.clone()]);
    restore(&Scripted::of([house.looking(), house.open()]), &token).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.email.shown().as_str(), saved.password_hash.as_str()), (OLD, NO_PASSWORD));
    assert!(saved.email_verified_at.is_some() && saved.auth_epoch > AuthEpoch::FIRST.next());
    assert_eq!(house.seen.one::<[u8; 32]>("account_links.consume"), link.hash);
    assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
    let calls = house.seen.calls();
    assert!(!calls.contains(&"sessions.insert") && !calls.contains(&"jobs.insert"), "{calls:?}");
    assert_eq!(house.seen.event().name, "identity.user_email_changed.v1");
    house.assert_events_name_no_person();
    assert_eq!(house.seen.endings().last(), Some(&Ending::Committed));
}

#[tokio::test]
async fn a_restoration_takes_the_deletion_of_the_account_back() {
    let (link, token) = link(PURPOSE);
    let mut user = ada();
    assert!(user.verify_email(user.updated_at) && user.delete(fixed_runtime().0.clock.now(), AccountGrace::USUAL));
    let house = House { user: Some(user), ..house(vec![link]) };
    restore(&Scripted::of([house.looking(), house.open()]), &token).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.is_active(), saved.email.shown().as_str()), (true, OLD));
    let events = house.seen.events();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["identity.user_email_changed.v1", "identity.user_enabled.v1"]);
}

#[tokio::test]
async fn a_link_that_restores_nothing_is_refused_before_a_password_is_hashed() {
    let now = fixed_runtime().0.clock.now();
    let (good, token) = link(PURPOSE);
    for (case, house) in [
        ("used", house(vec![])),
        ("expired", house(vec![AccountLink { expires_at: now, ..good.clone() }])),
        ("of another account", house(vec![AccountLink { user_id: user_id(2), ..good.clone() }])),
        (
            "of a disabled account",
            House { user: Some(User { disabled_at: Some(now), ..ada() }), ..house(vec![good.clone()]) },
        ),
    ] {
        let refusal = try_to_restore(&Scripted::of([house.looking()]), &token, 0).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("link_invalid", ErrorKind::Denied), "{case}");
    }
    for other in LinkPurpose::ALL.iter().filter(|other| **other != PURPOSE) {
        assert_eq!(code(&try_to_restore(&Scripted::untouched(), &link(*other).1, 0).await), "link_invalid");
    }
}

#[tokio::test]
async fn an_address_that_another_account_has_is_a_conflict_and_leaves_the_link() {
    let (link, token) = link(PURPOSE);
    let scene = house(vec![link]);
    let mut found = scene.open();
    found.users.checkpoint();
    let user = scene.user.clone();
    found.users.expect_find().returning(move |_| Ok(user.clone()));
    found.users.expect_find_by_email().returning(|_| Ok(Some(User { id: user_id(2), ..ada() })));
    let refusal = restore(&Scripted::of([scene.looking(), found]), &token).await;
    assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("email_taken", ErrorKind::Conflict));
    assert_eq!(scene.seen.endings().last(), Some(&Ending::RolledBack));
}

#[tokio::test]
async fn the_slower_of_two_calls_with_one_link_is_refused_and_restores_nothing() {
    let (link, token) = link(PURPOSE);
    let house = house(vec![link]);
    let mut late = house.looking();
    late.account_links.expect_consume().times(1).returning(|_, _| Ok(false));
    let refusal = restore(&Scripted::of([house.looking(), late]), &token).await;
    assert_eq!((code(&refusal), house.seen.endings().last()), ("link_invalid", Some(&Ending::RolledBack)));
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_restoration_is_found_and_a_missing_one_is_repeated() {
    let (link, token) = link(PURPOSE);
    for landed in [true, false] {
        let house = house(vec![link.clone()]);
        let again = if landed { house.after_a_hit() } else { house.after_a_miss() };
        restore(&Scripted::of([house.looking(), house.failing(unknown()), again]), &token).await.unwrap();
        assert_eq!(house.seen.all::<User>("users.save").len(), if landed { 1 } else { 2 });
    }
}

#[test]
fn no_token_is_in_the_debug_form() {
    assert!(!format!("{:?}", RestoreEmailCommand { token: "skep_link_1".to_owned() }).contains("skep_link"));
}
