use super::*;
use crate::{
    identity::{AccountPolicy, HookVerdict, IdentityHooks, MockPasswordHasher, MockPasswordRule},
    kernel::{AppError as _, ErrorKind},
    testing::*,
};
use skep_domain::{
    identity::{AccountGrace, AccountLink, AccountLinkId, AuthEpoch, PasswordForm},
    shared::{SessionId, UserId},
};

type Units = Arc<Scripted<dyn IdentityTx>>;

const NEW: &str = "seven tall sunflowers";
const PURPOSE: LinkPurpose = LinkPurpose::ResetPassword;

/// A link of this purpose to the account of Ada, and its token.
fn link(purpose: LinkPurpose) -> (AccountLink, String) {
    let id = AccountLinkId::new(SeqIds::nth(70));
    let LinkToken { hash, text } = link_tokens().of(purpose, id);
    let expires_at = fixed_runtime().0.clock.now().plus_millis(1_000);
    let (user_id, auth_epoch) = (user_id(1), AuthEpoch::FIRST);
    (AccountLink { id, user_id, purpose, hash, auth_epoch, expires_at, email: None }, text)
}

fn house(link: AccountLink) -> House {
    House { user: Some(ada()), links: vec![link], ..House::default() }
}

async fn reset(
    units: &Units,
    hasher: MockPasswordHasher,
    token: &str,
    password: &str,
) -> Result<(), ResetPasswordError> {
    let mails = account_mails(AccountPolicy::default());
    let use_case = ResetPassword::new(PURPOSE, units.clone(), accounts(hasher).0, mails);
    let command = ResetPasswordCommand { token: token.to_owned(), password: password.to_owned() };
    use_case.execute(&visitor(), command).await
}

#[tokio::test]
async fn the_password_is_replaced_the_link_is_used_up_and_every_session_ends() {
    let (link, token) = link(PURPOSE);
    let house = house(link.clone());
    let units = Scripted::of([house.looking(), house.open()]);
    reset(&units, hashing(1), &token, NEW).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    let changed = (saved.password_hash.clone(), saved.password_form, saved.auth_epoch);
    assert_eq!(changed, (hash_of(NEW), PasswordForm::NEW, AuthEpoch::FIRST.next()));
    assert!(saved.email_verified_at.is_some(), "the owner reads the mails to the address");
    assert_eq!(house.seen.one::<[u8; 32]>("account_links.consume"), link.hash);
    assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
    assert!(!house.seen.calls().contains(&"sessions.insert"), "it does not log in");
    let event = house.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_id), ("identity.user_password_reset.v1", user_id(1).uuid()));
    assert_eq!(event.actor_id, None);
    house.assert_events_name_no_person();
    assert_eq!(house.seen.endings().last(), Some(&Ending::Committed));
}

#[tokio::test]
async fn a_reset_takes_the_deletion_of_an_account_back_whose_address_was_never_verified() {
    let (link, token) = link(PURPOSE);
    let mut user = ada();
    assert!(user.delete(fixed_runtime().0.clock.now().plus_millis(-1), AccountGrace::USUAL));
    let link = AccountLink { auth_epoch: user.auth_epoch, ..link };
    let of = |user: &User| House { user: Some(user.clone()), ..house(link.clone()) };
    let house = of(&user);
    reset(&Scripted::of([house.looking(), house.open()]), hashing(1), &token, NEW).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert!(saved.is_active() && saved.email_verified_at.is_some() && saved.password_hash == hash_of(NEW));
    let events = house.seen.events();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["identity.user_enabled.v1", "identity.user_password_reset.v1"]);
    assert!(events.iter().all(|event| event.aggregate_version == saved.version.next()), "{events:?}");

    // An owner that had verified the address needs an admin.
    assert!(user.verify_email(fixed_runtime().0.clock.now()));
    let refused = reset(&Scripted::of([of(&user).looking()]), hashing(0), &token, NEW).await;
    assert_eq!(code(&refused), "link_invalid");
}

#[tokio::test]
async fn an_invitation_sets_the_first_password_once_and_verifies_the_address() {
    let (link, token) = link(LinkPurpose::AcceptInvitation);
    let accept = async |house: &House| {
        let (units, mails) = (Scripted::of([house.looking(), house.open()]), account_mails(AccountPolicy::default()));
        let use_case = ResetPassword::new(LinkPurpose::AcceptInvitation, units, accounts(hashing(1)).0, mails);
        let command = ResetPasswordCommand { token: token.clone(), password: NEW.to_owned() };
        use_case.execute(&visitor(), command).await
    };
    let house = House { user: Some(ada().invited()), ..house(link) };
    accept(&house).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert!(saved.is_active() && saved.email_verified_at.is_some() && saved.password_hash == hash_of(NEW));
    assert_eq!(house.seen.event().name, "identity.invitation_accepted.v1");
    // An account that has a password, or that is invited, is not opened by a link of the other kind.
    for (user, purpose) in [(ada(), LinkPurpose::AcceptInvitation), (ada().invited(), PURPOSE)] {
        let (link, token) = self::link(purpose);
        let house = House { user: Some(user), ..self::house(link) };
        let (units, mails) = (Scripted::of([house.looking()]), account_mails(AccountPolicy::default()));
        let use_case = ResetPassword::new(purpose, units, accounts(hashing(0)).0, mails);
        let command = ResetPasswordCommand { token, password: NEW.to_owned() };
        assert_eq!(code(&use_case.execute(&visitor(), command).await), "link_invalid");
    }
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_refused_before_a_password_is_hashed() {
    let (good, token) = link(PURPOSE);
    let now = fixed_runtime().0.clock.now();
    for (case, house) in [
        ("used", House { links: vec![], ..house(good.clone()) }),
        ("expired", house(AccountLink { expires_at: now, ..good.clone() })),
        ("from before a new password", house(AccountLink { auth_epoch: AuthEpoch::FIRST.next(), ..good.clone() })),
        ("of another account", house(AccountLink { user_id: user_id(2), ..good.clone() })),
        (
            "of a disabled account",
            House { user: Some(User { disabled_at: Some(now), ..ada() }), ..house(good.clone()) },
        ),
        ("of no account", House { user: None, ..house(good.clone()) }),
        ("of another purpose", house(AccountLink { purpose: LinkPurpose::VerifyEmail, ..good })),
    ] {
        let refusal = reset(&Scripted::of([house.looking()]), hashing(0), &token, NEW).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("link_invalid", ErrorKind::Denied), "{case}");
    }
}

#[tokio::test]
async fn a_token_that_was_not_issued_for_a_reset_is_refused_without_a_look_into_the_store() {
    let verify = link(LinkPurpose::VerifyEmail).1;
    for token in [verify.as_str(), "", "skep_link_", &"0".repeat(106)] {
        assert_eq!(code(&reset(&Scripted::untouched(), hashing(0), token, NEW).await), "link_invalid");
    }
}

#[tokio::test]
async fn a_refused_password_leaves_the_link() {
    let (link, token) = link(PURPOSE);
    for (password, fault) in [("short", "too_short"), ("ada@example.com 1815", "contains_email")] {
        let house = house(link.clone());
        let refusal = reset(&Scripted::of([house.looking()]), hashing(0), &token, password).await;
        assert_eq!(problem(&refusal), ("validation_failed", vec![("/password", fault)]));
        assert!(!house.seen.calls().contains(&"account_links.consume"));
    }
}

#[tokio::test]
async fn the_slower_of_two_calls_with_one_link_is_refused_and_changes_nothing() {
    let (link, token) = link(PURPOSE);
    let house = house(link);
    let mut late = house.looking();
    late.account_links.expect_consume().times(1).returning(|_, _| Ok(false));
    let refusal = reset(&Scripted::of([house.looking(), late]), hashing(1), &token, NEW).await;
    assert_eq!(code(&refusal), "link_invalid");
    assert_eq!(house.seen.endings().last(), Some(&Ending::RolledBack));
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_reset_is_found_and_a_missing_one_is_repeated() {
    let (link, token) = link(PURPOSE);
    for landed in [true, false] {
        let house = house(link.clone());
        let again = if landed { house.after_a_hit() } else { house.after_a_miss() };
        let units = Scripted::of([house.looking(), house.failing(unknown()), again]);
        reset(&units, hashing(1), &token, NEW).await.unwrap();
        assert_eq!(house.seen.all::<User>("users.save").len(), if landed { 1 } else { 2 });
    }
}

#[tokio::test]
async fn no_secret_is_in_the_debug_form() {
    let command = ResetPasswordCommand { token: "skep_link_1".to_owned(), password: NEW.to_owned() };
    let shown = format!("{command:?}");
    assert!(!shown.contains("skep_link") && !shown.contains("sunflowers"), "{shown}");
}

#[tokio::test]
async fn a_rule_of_the_program_refuses_a_password_and_the_link_is_not_used_up() {
    let (link, token) = link(PURPOSE);
    let verdict = HookVerdict::refused("it is on the list of the company");
    for (verdict, expected) in [(Some(verdict), "validation_failed"), (None, "store_unavailable")] {
        let (house, mut list) = (house(link.clone()), MockPasswordRule::new());
        list.expect_judge().times(1).returning(move |new| {
            assert_eq!((new.password.as_str(), new.email.as_str()), (NEW, ADDRESS));
            verdict.clone().ok_or_else(|| "the list is away".into())
        });
        let hooks = IdentityHooks { passwords: Some(Arc::new(list)), ..IdentityHooks::default() };
        let (accounts, mails) = (accounts(hashing(0)).0, account_mails(AccountPolicy::default()));
        let units = Scripted::of([house.looking()]);
        let use_case = ResetPassword::new(PURPOSE, units, Accounts { hooks, ..accounts }, mails);
        let command = ResetPasswordCommand { token: token.clone(), password: NEW.to_owned() };
        assert_eq!(use_case.execute(&visitor(), command).await.unwrap_err().code(), expected);
        assert!(!house.seen.calls().contains(&"account_links.consume"));
    }
}
