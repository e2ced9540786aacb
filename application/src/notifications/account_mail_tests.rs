//! Tests of the mails to the owners of accounts, with mocks only.

use super::{account_mails::data, order_mail_tests::placed, send_mail_tests::Given, *};
use crate::{
    events::{EventHandler as _, EventsMocks, EventsTx, Handling},
    identity::{AccountMail, AccountMailKind, AddressedMail, ReadAccountMail, SeenLogin},
    jobs::{JobHandler, JobRun, Outcome, WorkerLink},
    kernel::{Actor, StoreError},
    testing::*,
};
use serde_json::{Value, json};
use skep_domain::{
    identity::{
        AccountLink, AccountLinkId, AuthEpoch, Device, LinkPurpose, Session, SessionOrigin, User,
        events::{PasswordChanged, UserPasswordReset},
    },
    jobs::{Job, Progress, Retry},
    notifications::MailKind,
    shared::{Event as _, LeaseToken, SessionId, Text, Timestamp},
};
use std::sync::Arc;
use uuid::Uuid;

const KINDS: [(AccountMailKind, MailKind); 11] = [
    (AccountMailKind::ResetPassword, MailKind::PasswordReset),
    (AccountMailKind::VerifyEmail, MailKind::EmailVerification),
    (AccountMailKind::PasswordChanged, MailKind::PasswordChanged),
    (AccountMailKind::AccountExists, MailKind::AccountExists),
    (AccountMailKind::ChangeEmail, MailKind::EmailChange),
    (AccountMailKind::EmailChangeRequested, MailKind::EmailChangeRequested),
    (AccountMailKind::RestoreEmail, MailKind::EmailChanged),
    (AccountMailKind::Invitation, MailKind::Invitation),
    (AccountMailKind::AccountDeletion, MailKind::AccountDeletion),
    (AccountMailKind::ExportReady, MailKind::ExportReady),
    (AccountMailKind::NewDevice, MailKind::NewDevice),
];

fn mail(kind: AccountMailKind) -> AccountMail {
    AccountMail { kind, user_id: user_id(1), id: SeqIds::nth(70) }
}

/// Ada has a link of each purpose, and a session.
fn house() -> House {
    let link = |purpose: &LinkPurpose| AccountLink {
        id: AccountLinkId::new(SeqIds::nth(70)),
        user_id: user_id(1),
        purpose: *purpose,
        hash: [1; 32],
        auth_epoch: AuthEpoch::FIRST,
        expires_at: Timestamp::MAX,
        email: None,
    };
    let links = LinkPurpose::ALL.iter().map(link).collect();
    let session = Session::start(SessionId::new(SeqIds::nth(70)), user_id(1), Timestamp::MIN, 1_000);
    House { user: Some(ada()), links, sessions: vec![session], ..House::default() }
}

fn sender(given: &Given, house: &House) -> SendAccountMail {
    let contents = ReadAccountMail::new(Scripted::of([house.looking()]), link_tokens(), fixed_runtime().0);
    let policy = MailPolicy { link_url: "https://shop.example.com/account/".to_owned(), ..MailPolicy::default() };
    SendAccountMail::new(contents, Arc::new(given.send_mail()), policy)
}

#[tokio::test]
async fn the_mail_goes_to_the_account_and_has_the_key_of_its_cause() {
    for (kind, mail_kind) in KINDS {
        let mut house = house();
        if kind == AccountMailKind::Invitation {
            house.user = house.user.map(User::invited);
        }
        if kind == AccountMailKind::AccountDeletion {
            house.user = house.user.map(|user| User { erase_at: Some(Timestamp::MAX), ..user });
        }
        let given = Given::default();
        let outcome = sender(&given, &house).execute(&Actor::system("job-1"), mail(kind)).await.unwrap();
        assert_eq!(outcome, Some(MailOutcome::Sent));
        let [sent] = &given.sent()[..] else { panic!("one mail") };
        assert_eq!(sent.to.to_string(), ADDRESS);
        assert_eq!(sent.key.as_str(), format!("{}.{}", mail_kind.name(), SeqIds::nth(70)));
    }
}

/// The names of the fields.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(fields_of) => fields_of.iter().map(|(name, value)| (name.clone(), fields(value))).collect(),
        _ => json!("text"),
    }
}

#[test]
fn a_link_begins_with_the_configured_address_and_has_the_token_in_its_fragment() {
    for (kind, mail_kind) in KINDS {
        let link = kind.link().map(|_| ("skep_link_1".to_owned(), "2026-01-31T18:00:59Z".parse().unwrap()));
        let to = ada().email.shown();
        let erase_at = (kind == AccountMailKind::AccountDeletion).then_some(Timestamp::MIN);
        let at = Some("2026-01-31T18:00:59Z".parse().unwrap());
        let origin = SessionOrigin { device: Device::of("Mozilla/5.0 <b> https://evil.example"), network: None };
        let login = (kind == AccountMailKind::NewDevice).then_some(SeenLogin { at, origin });
        let addressed = AddressedMail { to, name: Text::line(NAME, 100).unwrap(), link, erase_at, login };
        let data = data("https://shop.example.com/account/", kind, &addressed);
        assert_eq!(fields(&data), fields(&sample_data(mail_kind)));
        if let Some(purpose) = kind.link() {
            let page = match purpose {
                LinkPurpose::ResetPassword => "reset-password",
                LinkPurpose::VerifyEmail => "verify-email",
                LinkPurpose::ChangeEmail => "confirm-email",
                LinkPurpose::RestoreEmail => "restore-email",
                LinkPurpose::AcceptInvitation => "accept-invitation",
            };
            let url = format!("https://shop.example.com/account/{page}#token=skep_link_1");
            assert_eq!(data["link"], json!({ "url": url, "valid_until": "2026-01-31 18:00 UTC" }));
        }
        if kind == AccountMailKind::NewDevice {
            let said = json!({ "at": "2026-01-31 18:00 UTC", "network": "unknown", "device": "Mozilla/5.0 <b>" });
            assert_eq!(data["login"], said);
        }
    }
}

struct Worker;

impl WorkerLink for Worker {
    fn report(&self, _: Progress) {}
    fn should_stop(&self) -> bool {
        false
    }
}

async fn handled(given: &Given, house: &House) -> Result<Outcome, Retry> {
    let mut job = job(1);
    assert!(job.claim(LeaseToken::new(Uuid::from_u128(1)), Timestamp::MIN));
    let handler = AccountMailHandler::new(Arc::new(sender(given, house)), fixed_runtime().0);
    let run = JobRun::of(job, Arc::new(Worker)).unwrap();
    handler.run(&run, mail(AccountMailKind::ResetPassword)).await.map_err(|error| error.retry)
}

#[tokio::test]
async fn a_job_without_an_account_is_done_and_one_that_is_refused_or_waits_is_not() {
    let nothing = Given::default();
    assert_eq!(handled(&nothing, &House::default()).await, Ok(Outcome::Complete(None)));
    assert!(nothing.sent().is_empty());
    assert_eq!(handled(&Given::default(), &house()).await, Ok(Outcome::Complete(None)));
    let refused = Given::answering(|| Err(MailError::Refused(ServerWords::of("550 no such user"))));
    assert_eq!(handled(&refused, &house()).await, Err(Retry::Never));
    let away = Given::answering(|| Err(MailError::unavailable("451 later")));
    assert_eq!(handled(&away, &house()).await, Err(Retry::Later));
}

#[tokio::test]
async fn only_skep_and_admins_send_mails() {
    let given = Given::default();
    let sent = sender(&given, &house()).execute(&user(1), mail(AccountMailKind::ResetPassword)).await;
    assert!(sent.is_err() && given.sent().is_empty());
}

#[tokio::test]
async fn each_new_password_stores_the_job_of_a_notice() {
    for name in [PasswordChanged::NAME, UserPasswordReset::NAME] {
        assert!(AccountNotices::EVENTS.contains(&name));
        let (runtime, seen) = (fixed_runtime().0, Seen::default());
        let mut unit: MockUnit<EventsMocks> = seen.looking();
        let noted = seen.clone();
        unit.jobs.expect_insert().returning(move |job| {
            noted.note("jobs.insert", std::slice::from_ref(job));
            Ok::<_, StoreError>(None)
        });
        let placed = placed(name, user_id(1).uuid(), &json!({ "user_id": user_id(1) }));
        let handling = Handling { actor: Actor::system("request-1"), now: Timestamp::MIN, runtime: &runtime };
        let tx: &mut dyn EventsTx = &mut unit;
        AccountNotices.handle(tx, &placed, &handling).await.unwrap();
        let job = seen.one::<Job>("jobs.insert");
        assert_eq!((job.kind.as_str(), job.queue.as_str()), (AccountMail::JOB_KIND, "mails"));
        let stored: AccountMail = serde_json::from_str(job.args.as_str()).unwrap();
        let kind = AccountMailKind::PasswordChanged;
        assert_eq!(stored, AccountMail { kind, user_id: user_id(1), id: Uuid::from_u128(7) });
    }
}
