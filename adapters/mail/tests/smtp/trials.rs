//! The SMTP mailer in front of servers that refuse, break off and keep silent.

use crate::server::{Options, Server, mailer};
use skep_application::notifications::{MailError, Mailer as _};
use skep_domain::notifications::{Mail, MailAddress, MailPart, MessageKey, Subject};
use skep_outbound::{BreakerPolicy, Roots};
use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

type Trial = fn(PathBuf) -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! trials {
    ($($name:ident),+ $(,)?) => {
        /// Every trial.
        pub(crate) const ALL: &[(&str, Trial)] = &[$((stringify!($name), |python| Box::pin($name(python)))),+];
    };
}

trials! {
    a_permanent_refusal_of_the_mail_is_one,
    a_refusal_before_the_mail_is_a_matter_of_later,
    a_temporary_refusal_is_a_matter_of_later,
    a_line_that_drops_is_a_matter_of_later,
    a_silent_server_is_left,
    a_mail_may_be_taken_although_the_answer_is_lost,
    words_of_the_server_have_no_address,
    starttls_is_required_and_used,
    a_server_without_starttls_gets_no_mail,
    tls_from_the_first_byte,
    an_unknown_certificate_gets_no_mail,
    credentials_are_sent_and_checked,
    an_address_in_letters_needs_a_server_that_knows_them,
    a_server_in_another_network_is_not_asked,
    a_server_that_fails_often_is_not_asked,
}

fn mail() -> Mail {
    let address = |text| MailAddress::parse(text).unwrap();
    Mail {
        key: MessageKey::parse("order_placed.1").unwrap(),
        from: address("shop@example.com"),
        to: address("ada@example.org"),
        reply_to: None,
        subject: Subject::parse("Hello").unwrap(),
        text: MailPart::parse("Hello").unwrap(),
        html: None,
    }
}

/// Sends a mail to a server with these options. Returns the error and the number of mails that the server has taken.
async fn send(python: &Path, options: Options) -> (Result<(), MailError>, usize) {
    let server = Server::start(python, &options);
    let sent = server.mailer.send(&mail()).await;
    (sent, server.mails().len())
}

async fn faulty(python: &Path, fault: &'static str) -> (Result<(), MailError>, usize) {
    send(python, Options { fault: Some(fault), read: Some(Duration::from_millis(300)), ..Options::default() }).await
}

fn is_later(sent: &Result<(), MailError>) -> bool {
    matches!(sent, Err(MailError::Unavailable { .. }))
}

async fn a_permanent_refusal_of_the_mail_is_one(python: PathBuf) {
    for fault in ["rcpt=550 5.1.1 no such user", "data=554 5.7.0 no", "body=554 5.6.0 spam"] {
        let (sent, _) = faulty(&python, fault).await;
        let words = fault.split_once('=').unwrap().1.split_once(' ').unwrap().1;
        assert!(matches!(&sent, Err(MailError::Refused(refused)) if refused.to_string().contains(words)), "{sent:?}");
    }
}

async fn a_refusal_before_the_mail_is_a_matter_of_later(python: PathBuf) {
    for fault in ["connect=554 no", "ehlo=550 no", "mail=550 5.7.1 no"] {
        let (sent, taken) = faulty(&python, fault).await;
        let words = sent.as_ref().unwrap_err().words().to_string();
        assert!(is_later(&sent) && taken == 0 && words.contains(" no"), "{fault}: {sent:?}");
    }
    // Each mail has this sender, so the server is not asked again for a while.
    let breaker = BreakerPolicy { failures: 1, ..BreakerPolicy::default() };
    let server = Server::start(&python, &Options { fault: Some("mail=550 5.7.1 no"), breaker, ..Options::default() });
    assert!(matches!(server.mailer.send(&mail()).await, Err(MailError::Unavailable { retry_after: None, .. })));
    assert!(matches!(server.mailer.send(&mail()).await, Err(MailError::Unavailable { retry_after: Some(_), .. })));
}

async fn a_temporary_refusal_is_a_matter_of_later(python: PathBuf) {
    for phase in ["connect=421 later", "ehlo=451 later", "mail=451 later", "rcpt=450 4.2.0 greylisted"] {
        let (sent, taken) = faulty(&python, phase).await;
        assert!(is_later(&sent) && taken == 0, "{phase}: {sent:?}");
    }
    for phase in ["data=421 closing", "body=452 4.3.1 full"] {
        let (sent, _) = faulty(&python, phase).await;
        assert!(is_later(&sent), "{phase}: {sent:?}");
    }
    let (sent, _) = faulty(&python, "rcpt=450 4.2.0 greylisted").await;
    let words = sent.unwrap_err().words().to_string();
    assert!(words.contains("greylisted"), "{words}");
}

async fn a_line_that_drops_is_a_matter_of_later(python: PathBuf) {
    for phase in ["connect=drop", "ehlo=drop", "mail=drop", "rcpt=drop", "data=drop", "body=drop"] {
        let (sent, _) = faulty(&python, phase).await;
        assert!(is_later(&sent), "{phase}: {sent:?}");
    }
}

async fn a_silent_server_is_left(python: PathBuf) {
    for phase in ["connect=silent", "ehlo=silent", "mail=silent", "rcpt=silent", "data=silent", "body=silent"] {
        let (sent, _) = faulty(&python, phase).await;
        assert!(is_later(&sent), "{phase}: {sent:?}");
    }
}

async fn a_mail_may_be_taken_although_the_answer_is_lost(python: PathBuf) {
    let server = Server::start(&python, &Options { fault: Some("body=drop"), ..Options::default() });
    for _ in 0..2 {
        assert!(is_later(&server.mailer.send(&mail()).await));
    }
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    let id = mail().message_id();
    assert!(mails.iter().all(|mail| String::from_utf8_lossy(&mail.message).contains(&id)), "the recipient sees the id");
}

async fn words_of_the_server_have_no_address(python: PathBuf) {
    let (sent, _) = faulty(&python, "rcpt=550 5.1.1 <ada@example.org>: unknown").await;
    let words = sent.unwrap_err().words().to_string();
    assert!(words.contains("[address] unknown") && !words.contains("ada"), "{words}");
}

async fn starttls_is_required_and_used(python: PathBuf) {
    let options = Options { tls: Some("--starttls"), query: "?starttls=required", ..Options::default() };
    let server = Server::start(&python, &options);
    server.mailer.check().await.unwrap();
    server.mailer.send(&mail()).await.unwrap();
    let mails = server.mails();
    assert!(mails.len() == 1 && mails[0].is_encrypted);
    // The server requires it, so a client without it is refused before the mail.
    let (sent, taken) = send(&python, Options { tls: Some("--starttls"), ..Options::default() }).await;
    assert!(sent.is_err() && taken == 0, "{sent:?}");
}

async fn a_server_without_starttls_gets_no_mail(python: PathBuf) {
    let (sent, taken) = send(&python, Options { query: "?starttls=required", ..Options::default() }).await;
    assert!(is_later(&sent) && taken == 0, "{sent:?}");
    for fault in ["starttls=454 not now", "starttls=drop", "starttls=silent"] {
        let (tls, query, read) = (Some("--starttls"), "?starttls=required", Some(Duration::from_millis(300)));
        let (sent, taken) = send(&python, Options { fault: Some(fault), tls, query, read, ..Options::default() }).await;
        assert!(is_later(&sent) && taken == 0, "{fault}: {sent:?}");
    }
}

async fn tls_from_the_first_byte(python: PathBuf) {
    let options = Options { tls: Some("--tls"), scheme: "smtps://", ..Options::default() };
    let server = Server::start(&python, &options);
    server.mailer.send(&mail()).await.unwrap();
    assert!(server.mails()[0].is_encrypted);
}

async fn an_unknown_certificate_gets_no_mail(python: PathBuf) {
    for (tls, scheme, query) in [("--tls", "smtps://", ""), ("--starttls", "smtp://", "?starttls=required")] {
        let options = Options { tls: Some(tls), scheme, query, is_distrusted: true, ..Options::default() };
        let (sent, taken) = send(&python, options).await;
        let words = sent.unwrap_err().words().to_string();
        assert!(words.contains("certificate") && taken == 0, "{words}");
    }
}

async fn credentials_are_sent_and_checked(python: PathBuf) {
    let options = |scheme| Options { auth: Some(["shop", "p:w%"]), scheme, ..Options::default() };
    let server = Server::start(&python, &options("smtp://shop:p%3Aw%25@"));
    server.mailer.send(&mail()).await.unwrap();
    assert_eq!(server.mails()[0].user.as_deref(), Some("shop"));
    for scheme in ["smtp://shop:wrong@", "smtp://"] {
        let server = Server::start(&python, &options(scheme));
        let sent = server.mailer.send(&mail()).await;
        assert!(sent.is_err() && server.mails().is_empty(), "{scheme}: {sent:?}");
        let words = sent.unwrap_err().words().to_string();
        assert!(!words.contains("wrong"), "{words}");
    }
    // A setting is wrong, and no mail may be lost by that.
    let (sent, _) = send(&python, options("smtp://shop:wrong@")).await;
    assert!(is_later(&sent), "{sent:?}");
}

async fn an_address_in_letters_needs_a_server_that_knows_them(python: PathBuf) {
    let server = Server::start(&python, &Options::default());
    let to = MailAddress::parse("jürgen@bücher.example").unwrap();
    server.mailer.send(&Mail { to, ..mail() }).await.unwrap();
    let mails = server.mails();
    assert!(mails[0].is_utf8);
    assert_eq!(mails[0].to, ["jürgen@xn--bcher-kva.example"]);
}

async fn a_server_in_another_network_is_not_asked(python: PathBuf) {
    let server = Server::start(&python, &Options::default());
    let url = format!("smtp://{}", server.place());
    let mailer = mailer(&url, &Options::default(), Roots::default(), &["10.0.0.0/8"]);
    let words = mailer.send(&mail()).await.unwrap_err().words().to_string();
    assert!(words.contains("must not be reached"), "{words}");
    assert!(server.mails().is_empty());
}

async fn a_server_that_fails_often_is_not_asked(python: PathBuf) {
    let breaker = BreakerPolicy { failures: 2, open: Duration::from_secs(3_600), ..BreakerPolicy::default() };
    let breaker = BreakerPolicy { most_open: Duration::from_secs(3_600), ..breaker };
    let server = Server::start(&python, &Options { fault: Some("body=drop"), breaker, ..Options::default() });
    for _ in 0..2 {
        assert!(is_later(&server.mailer.send(&mail()).await));
    }
    let sent = server.mailer.send(&mail()).await;
    assert!(matches!(&sent, Err(MailError::Unavailable { retry_after: Some(_), .. })), "{sent:?}");
    assert_eq!(server.mails().len(), 2, "the third mail was not sent");
}
