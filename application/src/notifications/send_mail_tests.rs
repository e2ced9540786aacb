//! Tests of sending, with mocks only.

use super::*;
use crate::{
    kernel::{Actor, MockRateLimits, RateLimits, Verdict},
    testing::*,
};
use serde_json::json;
use skep_domain::notifications::{Locale, Mail, MailAddress, MailKind, MailTemplate, MessageKey, TemplateSources};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The calls of the limiter, as `take` or `give_back` with the key.
type Counted = Arc<Mutex<Vec<String>>>;

/// A limiter that refuses the keys with this prefix.
fn limits(refused: &'static str, counted: &Counted) -> Arc<dyn RateLimits> {
    let (mut limits, taken, given) = (MockRateLimits::new(), counted.clone(), counted.clone());
    limits.expect_take().returning(move |key, _, _| {
        taken.lock().unwrap().push(format!("take {key}"));
        let (allowed, retry_after) = (!key.starts_with(refused), Duration::from_secs(7));
        Ok(Verdict { allowed, remaining: 0, retry_after, reset_after: retry_after })
    });
    limits.expect_give_back().returning(move |key, _, _| {
        given.lock().unwrap().push(format!("give_back {key}"));
        Ok(())
    });
    Arc::new(limits)
}

/// The key of no counter.
const NONE: &str = "nothing";

/// Everything that sending needs.
pub(super) struct Given {
    stored: Vec<MailTemplate>,
    answer: fn() -> Result<(), MailError>,
    /// The prefix of the counters that are used up.
    refused: &'static str,
    sent: Arc<Mutex<Vec<Mail>>>,
    counted: Counted,
}

impl Default for Given {
    fn default() -> Self {
        Self { stored: vec![], answer: || Ok(()), refused: NONE, sent: Arc::default(), counted: Arc::default() }
    }
}

impl Given {
    /// The mail server answers so.
    pub(super) fn answering(answer: fn() -> Result<(), MailError>) -> Self {
        Self { answer, ..Self::default() }
    }

    /// The rates whose counters have this prefix are reached.
    pub(super) fn limited(refused: &'static str) -> Self {
        Self { refused, ..Self::default() }
    }

    /// The mails that the server was asked to take.
    pub(super) fn sent(&self) -> Vec<Mail> {
        self.sent.lock().unwrap().clone()
    }

    pub(super) fn send_mail(&self) -> SendMail {
        let (mut queries, stored) = (MockMailTemplateQueries::new(), self.stored.clone());
        queries.expect_list_translations().returning(move |kind, locale| {
            let locales = locale.fallbacks();
            let wanted = |template: &&MailTemplate| template.kind == kind && locales.contains(&template.locale);
            Ok(stored.iter().filter(wanted).cloned().collect())
        });
        let (mut mailer, sent, answer) = (MockMailer::new(), self.sent.clone(), self.answer);
        mailer.expect_send().returning(move |mail| {
            sent.lock().unwrap().push(mail.clone());
            answer()
        });
        let limits = limits(self.refused, &self.counted);
        let policy = MailPolicy { reply_to: Some(address("help@example.com")), ..MailPolicy::default() };
        SendMail::new(Arc::new(queries), renderer(), Arc::new(mailer), limits, fingerprints(), policy)
    }

    async fn send(&self, command: SendMailCommand) -> MailOutcome {
        self.send_mail().execute(&Actor::system("job-1"), command).await.unwrap()
    }

    fn calls(&self) -> Vec<String> {
        let counted = self.counted.lock().unwrap();
        // The name of a recipient's counter is a fingerprint.
        counted.iter().map(|call| call.split(':').take(2).collect::<Vec<_>>().join(":")).collect()
    }
}

fn address(text: &str) -> MailAddress {
    MailAddress::parse(text).unwrap()
}

fn command(locale: &str) -> SendMailCommand {
    SendMailCommand {
        key: MessageKey::parse("order_placed.1").unwrap(),
        kind: MailKind::OrderPlaced,
        locale: Locale::parse(locale).unwrap(),
        to: address("ada@example.com"),
        data: json!({ "order": { "number": "K7QM" } }),
    }
}

fn stored(locale: &str, subject: &str) -> MailTemplate {
    let mut template = MailTemplate { locale: Locale::parse(locale).unwrap(), ..mail_template(1) };
    template.sources.subject = TemplateSources::subject(subject).unwrap();
    template
}

#[tokio::test]
async fn a_mail_is_made_from_the_template_of_the_best_locale() {
    let [german, austrian, english] =
        [("de", "Bestellung"), ("de-AT", "Bestellung, bitte"), ("en", "Order {{ number }}")]
            .map(|(locale, subject)| stored(locale, subject));
    let all = vec![english, german.clone(), austrian];
    for (stored, locale, subject) in [
        (all.clone(), "de-AT", "Bestellung, bitte"),
        (all.clone(), "de-CH", "Bestellung"),
        (all, "fr", "Order K7QM"),
        (vec![german], "fr", "Your order {{ order.number }}"),
        (vec![], "de", "Your order {{ order.number }}"),
    ] {
        let given = Given { stored, ..Given::default() };
        assert_eq!(given.send(command(locale)).await, MailOutcome::Sent);
        assert_eq!(given.sent.lock().unwrap()[0].subject.as_str(), subject, "{locale}");
    }
}

#[tokio::test]
async fn a_mail_has_the_key_the_sender_and_one_recipient() {
    let given = Given::default();
    given.send(command("en")).await;
    let [mail] = &given.sent.lock().unwrap()[..] else { panic!("one") };
    assert_eq!((mail.key.as_str(), mail.to.to_string().as_str()), ("order_placed.1", "ada@example.com"));
    assert_eq!((&mail.from, &mail.reply_to), (&MailPolicy::default().from, &Some(address("help@example.com"))));
}

#[tokio::test]
async fn a_refused_mail_fails_and_an_unavailable_server_is_tried_later() {
    let refused = Given { answer: || Err(MailError::Refused(ServerWords::of("550 no such user"))), ..Given::default() };
    assert_eq!(refused.send(command("en")).await, MailOutcome::Failed { reason: ServerWords::of("550 no such user") });
    assert_eq!(refused.calls(), ["take mail:to", "take mail:all"], "the server had work");
    let wait = Some(Duration::from_secs(60));
    let answer =
        || Err(MailError::Unavailable { cause: "451 later".into(), retry_after: Some(Duration::from_secs(60)) });
    let away = Given { answer, ..Given::default() };
    let later = MailOutcome::Later { reason: ServerWords::of("451 later"), retry_after: wait };
    assert_eq!(away.send(command("en")).await, later);
    assert_eq!(away.calls()[2..], ["give_back mail:to", "give_back mail:all"], "a mail uses up its rate once");
}

#[tokio::test]
async fn a_mail_over_a_rate_waits_and_is_not_given_to_the_server() {
    for (refused, reason, calls) in [
        ("mail:to:", "too many mails to this recipient", vec!["take mail:to"]),
        ("mail:all", "too many mails", vec!["take mail:to", "take mail:all", "give_back mail:to"]),
    ] {
        let given = Given { refused, ..Given::default() };
        let limited = MailOutcome::Limited { reason: ServerWords::of(reason), retry_after: Duration::from_secs(7) };
        assert_eq!(given.send(command("en")).await, limited);
        assert_eq!(
            (given.calls(), given.sent.lock().unwrap().len()),
            (calls.into_iter().map(String::from).collect(), 0)
        );
    }
}

#[tokio::test]
async fn all_spellings_of_an_address_are_one_recipient_and_its_counter_does_not_reveal_it() {
    let given = Given::default();
    for to in ["ada@example.com", "Ada@EXAMPLE.com", "bob@example.com"] {
        given.send(SendMailCommand { to: address(to), ..command("en") }).await;
    }
    let counted = given.counted.lock().unwrap();
    let recipients: Vec<_> = counted.iter().filter(|call| call.starts_with("take mail:to:")).collect();
    assert_eq!(recipients[0], recipients[1]);
    assert_ne!(recipients[0], recipients[2]);
    assert!(!counted.concat().contains("ada"), "{counted:?}");
}

#[tokio::test]
async fn a_limiter_or_a_store_that_does_not_answer_delays_the_mail() {
    let mut limits = MockRateLimits::new();
    limits.expect_take().returning(|_, _, _| Err(away()));
    let mut queries = MockMailTemplateQueries::new();
    queries.expect_list_translations().times(1).return_once(|_, _| Ok(vec![]));
    queries.expect_list_translations().times(1).return_once(|_, _| Err(away()));
    let (mailer, policy) = (Arc::new(MockMailer::new()), MailPolicy::default());
    let send = SendMail::new(Arc::new(queries), renderer(), mailer, Arc::new(limits), fingerprints(), policy);
    for _ in 0..2 {
        let outcome = send.execute(&admin(), command("en")).await.unwrap();
        let reason = ServerWords::of("the store is unavailable");
        assert_eq!(outcome, MailOutcome::Later { reason, retry_after: None });
    }
}

#[tokio::test]
async fn a_mail_that_cannot_be_made_fails_and_counts_nowhere() {
    let given = Given { stored: vec![stored("en", "{{ unknown }}")], ..Given::default() };
    let reason = ServerWords::of("there is no variable `unknown`");
    assert_eq!(given.send(command("en")).await, MailOutcome::Failed { reason });
    let hostile =
        SendMailCommand { data: json!({ "order": { "number": "7\r\nBcc: eve@example.com" } }), ..command("en") };
    let given = Given { stored: vec![stored("en", "{{ number }}")], ..Given::default() };
    let reason = ServerWords::of("the result must not contain control characters");
    assert_eq!(given.send(hostile).await, MailOutcome::Failed { reason });
    assert_eq!((given.calls().len(), given.sent.lock().unwrap().len()), (0, 0));
}

#[tokio::test]
async fn customers_and_visitors_send_nothing() {
    let given = Given::default();
    for (actor, expected) in [(visitor(), "unauthenticated"), (user(1), "forbidden")] {
        assert_eq!(code(&given.send_mail().execute(&actor, command("en")).await), expected);
    }
    assert_eq!(given.calls().len(), 0);
}
