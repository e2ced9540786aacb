use super::*;
use crate::{
    identity::{
        AccountMail, AccountMailKind, AccountPolicy,
        constraints::{USER_EMAIL, USER_EMAIL_KEY},
    },
    kernel::{AppError as _, ErrorKind},
    testing::*,
};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch},
    jobs::Job,
    shared::{SessionId, UserId},
};

type Units = Arc<Scripted<dyn IdentityTx>>;

const NEW: &str = "Ada@example.org";
const PURPOSES: [LinkPurpose; 2] = [LinkPurpose::ChangeEmail, LinkPurpose::RestoreEmail];

/// A link of this purpose that gives Ada the new address, and its token.
fn link(purpose: LinkPurpose) -> (AccountLink, String) {
    let id = AccountLinkId::new(SeqIds::nth(70));
    let LinkToken { hash, text } = link_tokens().of(purpose, id);
    let expires_at = fixed_runtime().0.clock.now().plus_millis(1_000);
    let (user_id, auth_epoch, email) = (user_id(1), AuthEpoch::FIRST, Some(Email::parse(NEW).unwrap().shown()));
    (AccountLink { id, user_id, purpose, hash, auth_epoch, expires_at, email }, text)
}

fn house(links: Vec<AccountLink>) -> House {
    House { user: Some(ada()), links, ..House::default() }
}

async fn confirm(units: &Units, purpose: LinkPurpose, token: &str) -> Result<(), ConfirmEmailError> {
    let (mails, runtime) = (account_mails(AccountPolicy::default()), fixed_runtime().0);
    let use_case = ConfirmEmail::new(purpose, units.clone(), mails, runtime);
    use_case.execute(&visitor(), ConfirmEmailCommand { token: token.to_owned() }).await
}

#[tokio::test]
async fn the_address_of_the_link_is_verified_and_everything_that_was_given_out_ends() {
    for purpose in PURPOSES {
        let (link, token) = link(purpose);
        let house = house(vec![link.clone()]);
        confirm(&Scripted::of([house.open()]), purpose, &token).await.unwrap();
        let saved = house.seen.one::<User>("users.save");
        assert_eq!((saved.email.shown().as_str(), saved.email.address()), (NEW, "ada@example.org"));
        assert_eq!((saved.email_verified_at.is_some(), saved.auth_epoch), (true, AuthEpoch::FIRST.next()));
        assert_eq!(house.seen.one::<[u8; 32]>("account_links.consume"), link.hash);
        assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
        assert!(!house.seen.calls().contains(&"sessions.insert"), "it does not log in");
        let event = house.seen.event();
        assert_eq!((event.name.as_str(), event.aggregate_id), ("identity.user_email_changed.v1", user_id(1).uuid()));
        house.assert_events_name_no_person();
        assert_eq!(house.seen.endings(), [Ending::Committed]);
    }
}

#[tokio::test]
async fn the_old_address_gets_a_link_to_restore_it() {
    let (link, token) = link(LinkPurpose::ChangeEmail);
    let house = house(vec![link]);
    confirm(&Scripted::of([house.open()]), LinkPurpose::ChangeEmail, &token).await.unwrap();
    let stored = house.seen.one::<AccountLink>("account_links.replace");
    assert_eq!((stored.purpose, stored.user_id), (LinkPurpose::RestoreEmail, user_id(1)));
    assert_eq!(stored.email.unwrap().as_str(), ADDRESS);
    assert_eq!(stored.expires_at, fixed_runtime().0.clock.now().plus_millis(72 * 60 * 60 * 1_000));
    let job = house.seen.one::<Job>("jobs.insert");
    assert!(!job.args.as_str().contains("example"), "jobs name accounts by their ids");
    let mail: AccountMail = serde_json::from_str(job.args.as_str()).unwrap();
    assert_eq!((mail.kind, mail.id), (AccountMailKind::RestoreEmail, stored.id.uuid()));
}

#[tokio::test]
async fn a_second_change_leaves_the_link_that_restores_the_first_address_and_a_restored_address_gets_none() {
    let (change, token) = link(LinkPurpose::ChangeEmail);
    let (restore, of_restore) = link(LinkPurpose::RestoreEmail);
    let kept = house(vec![change.clone(), restore.clone()]);
    confirm(&Scripted::of([kept.open()]), LinkPurpose::ChangeEmail, &token).await.unwrap();
    assert!(!kept.seen.calls().contains(&"account_links.replace"));
    let expired = AccountLink { expires_at: fixed_runtime().0.clock.now(), ..restore.clone() };
    let replaced = house(vec![change, expired]);
    confirm(&Scripted::of([replaced.open()]), LinkPurpose::ChangeEmail, &token).await.unwrap();
    assert_eq!(replaced.seen.all::<AccountLink>("account_links.replace").len(), 1);
    let restored = house(vec![restore]);
    confirm(&Scripted::of([restored.open()]), LinkPurpose::RestoreEmail, &of_restore).await.unwrap();
    assert!(!restored.seen.calls().contains(&"jobs.insert"));
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_refused() {
    let now = fixed_runtime().0.clock.now();
    for purpose in PURPOSES {
        let (good, token) = link(purpose);
        for (case, house) in [
            ("used", house(vec![])),
            ("expired", house(vec![AccountLink { expires_at: now, ..good.clone() }])),
            ("of another account", house(vec![AccountLink { user_id: user_id(2), ..good.clone() }])),
            ("without an address", house(vec![AccountLink { email: None, ..good.clone() }])),
            (
                "of a disabled account",
                House { user: Some(User { disabled_at: Some(now), ..ada() }), ..house(vec![good.clone()]) },
            ),
        ] {
            let refusal = confirm(&Scripted::of([house.looking()]), purpose, &token).await;
            assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("link_invalid", ErrorKind::Denied), "{case}");
        }
        for other in LinkPurpose::ALL.iter().filter(|other| **other != purpose) {
            assert_eq!(code(&confirm(&Scripted::untouched(), purpose, &link(*other).1).await), "link_invalid");
        }
    }
    let (old, token) = link(LinkPurpose::ChangeEmail);
    let house = house(vec![AccountLink { auth_epoch: AuthEpoch::FIRST.next(), ..old }]);
    let refusal = confirm(&Scripted::of([house.looking()]), LinkPurpose::ChangeEmail, &token).await;
    assert_eq!(code(&refusal), "link_invalid", "from before a new password");
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_a_conflict_and_changes_nothing() {
    let (link, token) = link(LinkPurpose::ChangeEmail);
    let scene = house(vec![link.clone()]);
    let mut found = scene.open();
    found.users.checkpoint();
    found.users.expect_find().returning(|_| Ok(Some(ada())));
    found.users.expect_find_by_email().returning(|_| Ok(Some(User { id: user_id(2), ..ada() })));
    let refusal = confirm(&Scripted::of([found]), LinkPurpose::ChangeEmail, &token).await;
    assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("email_taken", ErrorKind::Conflict));
    assert_eq!(scene.seen.endings(), [Ending::RolledBack]);
    for constraint in [USER_EMAIL, USER_EMAIL_KEY] {
        let scene = house(vec![link.clone()]);
        let mut late = scene.open();
        late.users.checkpoint();
        late.users.expect_find().returning(|_| Ok(Some(ada())));
        late.users.expect_find_by_email().returning(|_| Ok(None));
        late.users.expect_save().returning(move |_| Err(StoreError::Duplicate { constraint }));
        let refusal = confirm(&Scripted::of([late]), LinkPurpose::ChangeEmail, &token).await;
        assert_eq!((code(&refusal), scene.seen.endings()), ("email_taken", vec![Ending::RolledBack]));
    }
}

#[tokio::test]
async fn the_same_address_in_another_spelling_is_not_taken() {
    let (link, token) = link(LinkPurpose::ChangeEmail);
    let house = house(vec![AccountLink { email: Some(Email::parse("ADA@example.com").unwrap().shown()), ..link }]);
    confirm(&Scripted::of([house.open()]), LinkPurpose::ChangeEmail, &token).await.unwrap();
    assert_eq!(house.seen.one::<User>("users.save").email.shown().as_str(), "ADA@example.com");
}

#[tokio::test]
async fn the_slower_of_two_calls_with_one_link_is_refused_and_changes_nothing() {
    let (link, token) = link(LinkPurpose::ChangeEmail);
    let house = house(vec![link]);
    let mut late = house.looking();
    late.account_links.expect_consume().times(1).returning(|_, _| Ok(false));
    let refusal = confirm(&Scripted::of([late]), LinkPurpose::ChangeEmail, &token).await;
    assert_eq!((code(&refusal), house.seen.endings()), ("link_invalid", vec![Ending::RolledBack]));
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_change_is_found_and_a_missing_one_is_repeated() {
    let (link, token) = link(LinkPurpose::ChangeEmail);
    for landed in [true, false] {
        let house = house(vec![link.clone()]);
        let again = if landed { house.after_a_hit() } else { house.after_a_miss() };
        confirm(&Scripted::of([house.failing(unknown()), again]), LinkPurpose::ChangeEmail, &token).await.unwrap();
        assert_eq!(house.seen.all::<User>("users.save").len(), if landed { 1 } else { 2 });
    }
}

#[test]
fn no_secret_is_in_the_debug_form() {
    assert!(!format!("{:?}", ConfirmEmailCommand { token: "skep_link_1".to_owned() }).contains("skep_link"));
}
