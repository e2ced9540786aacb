use super::*;
use crate::{
    identity::{AccountMail, AccountPolicy, LoginAttempts, own_password::testing::of_ada},
    kernel::{AppError as _, ErrorKind, WiderNetworks},
    testing::*,
};
use skep_domain::{
    identity::{AccountLink, AuthEpoch, User},
    jobs::Job,
};

type Units = Arc<Scripted<dyn IdentityTx>>;
type Answer = Result<(), RequestEmailChangeError>;

const NEW: &str = "Ada@example.org";

fn house() -> House {
    House { user: Some(ada()), ..House::default() }
}

/// A request for a new address of Ada, with counters of which those with this prefix are used up. Fails the test unless
/// so many passwords are verified.
async fn request(
    units: &Units,
    times: usize,
    actor: &Actor,
    (email, password): (&str, &str),
    refused: &'static str,
) -> Answer {
    let (present, limits) = of_ada(times, move |key| refused.is_empty() || !key.starts_with(refused));
    let policy = AccountPolicy::default();
    let attempts = LoginAttempts::new(limits, fingerprints());
    let attempts = MailAttempts::new(attempts, fingerprints(), WiderNetworks::default(), policy);
    let use_case = RequestEmailChange::new(units.clone(), present, account_mails(policy), attempts);
    let command = RequestEmailChangeCommand { email: email.to_owned(), current_password: password.to_owned() };
    use_case.execute(actor, command).await
}

async fn ask(units: &Units) -> Answer {
    request(units, 1, &user(1), (NEW, PASSWORD), "").await
}

fn mails(house: &House) -> Vec<AccountMail> {
    let jobs = house.seen.all::<Job>("jobs.insert");
    assert!(jobs.iter().all(|job| !job.args.as_str().contains("example")), "jobs name accounts by their ids");
    jobs.iter().map(|job| serde_json::from_str(job.args.as_str()).unwrap()).collect()
}

#[tokio::test]
async fn the_new_address_gets_a_link_the_present_one_a_notice_and_the_account_stays_as_it_is() {
    let house = house();
    ask(&Scripted::of([house.open()])).await.unwrap();
    let link = house.seen.one::<AccountLink>("account_links.replace");
    assert_eq!((link.purpose, link.user_id, link.auth_epoch), (LinkPurpose::ChangeEmail, user_id(1), AuthEpoch::FIRST));
    assert_eq!(link.email.unwrap().as_str(), NEW);
    assert_eq!(link.expires_at, fixed_runtime().0.clock.now().plus_millis(24 * 60 * 60 * 1_000));
    let kinds: Vec<_> = mails(&house).iter().map(|mail| (mail.kind, mail.user_id)).collect();
    assert_eq!(
        kinds,
        [(AccountMailKind::ChangeEmail, user_id(1)), (AccountMailKind::EmailChangeRequested, user_id(1))]
    );
    assert_eq!(mails(&house)[0].id, link.id.uuid());
    assert_eq!(house.seen.calls(), ["users.find", "jobs.insert", "account_links.replace", "jobs.insert"]);
    assert_eq!(house.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_wrong_password_is_refused_after_one_verification_and_mails_nothing() {
    let refusal = request(&Scripted::untouched(), 1, &user(1), (NEW, "wrong"), "").await;
    assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("wrong_password", ErrorKind::Denied));
    let guessed = request(&Scripted::untouched(), 0, &user(1), (NEW, PASSWORD), "login:network:").await;
    assert_eq!(code(&guessed), "rate_limited");
}

#[tokio::test]
async fn a_text_that_is_no_address_is_refused_before_a_password_is_verified() {
    let refusal = request(&Scripted::untouched(), 0, &user(1), ("ada", PASSWORD), "").await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/email", "invalid_email")]));
    let stranger = request(&Scripted::untouched(), 0, &visitor(), (NEW, PASSWORD), "").await;
    assert_eq!(code(&stranger), "unauthenticated");
}

#[tokio::test]
async fn an_address_gets_a_few_mails_an_hour_and_the_answer_stays_the_same() {
    let to = request(&Scripted::untouched(), 1, &user(1), (NEW, PASSWORD), "account_mail:to:").await;
    assert_eq!(code(&to), "ok");
    let from = request(&Scripted::untouched(), 0, &user(1), (NEW, PASSWORD), "account_mail:network:").await;
    assert_eq!(code(&from), "rate_limited");
}

#[tokio::test]
async fn an_account_that_changes_while_its_password_is_checked_gets_no_link() {
    let now = fixed_runtime().0.clock.now();
    for user in [
        Some(User { auth_epoch: AuthEpoch::FIRST.next(), ..ada() }),
        Some(User { disabled_at: Some(now), ..ada() }),
        None,
    ] {
        let house = House { user, ..House::default() };
        assert_eq!(code(&ask(&Scripted::of([house.looking()])).await), "wrong_password");
        assert_eq!(house.seen.endings(), [Ending::RolledBack]);
    }
}

#[tokio::test]
async fn after_an_unknown_outcome_stored_mails_are_found_and_missing_ones_are_stored_again() {
    for has_job in [true, false] {
        let scene = house();
        let again = House { has_job, ..scene.clone() };
        ask(&Scripted::of([scene.failing(unknown()), again.open()])).await.unwrap();
        assert_eq!(scene.seen.all::<Job>("jobs.insert").len(), if has_job { 2 } else { 4 });
    }
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let (email, current_password) = (NEW.to_owned(), PASSWORD.to_owned());
    let shown = format!("{:?}", RequestEmailChangeCommand { email, current_password }).to_lowercase();
    assert!(!shown.contains("ada") && !shown.contains("horse"), "{shown}");
}
