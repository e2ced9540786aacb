//! `Mailer`.

use crate::{
    check::{Checked, Failure, equal, holds},
    clause::{self, Clause, clauses},
};
use async_trait::async_trait;
use mail_parser::{Address, HeaderName, Message, MessageParser};
use skep_application::notifications::Mailer;
use skep_domain::notifications::{Mail, MailAddress, MailPart, MessageKey, Subject};
use std::sync::Arc;

/// A mail that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The recipients of the envelope.
    pub recipients: Vec<String>,
    /// The header and the body (RFC 5322), as sent, without the dots that SMTP adds.
    pub message: Vec<u8>,
}

/// A mailer, and the place where its mails arrive.
#[async_trait]
pub trait Mailbox: Send + Sync {
    /// The adapter under test.
    fn mailer(&self) -> Arc<dyn Mailer>;

    /// Reads the mails that have arrived so far, in any order.
    ///
    /// # Errors
    /// The reason why they cannot be read.
    async fn delivered(&self) -> Result<Vec<Delivered>, Failure>;
}

clauses! { list of "mailer" on dyn Mailbox:
    a_mail_arrives_at_its_recipient_and_no_one_else ["Mailer 1"],
    parallel_mails_do_not_mix ["Mailer 1"],
    values_survive ["Mailer 2"],
    no_value_adds_a_header_or_a_recipient ["Mailer 2"],
    a_repeated_mail_has_the_same_message_id ["Mailer 3"],
    a_check_sends_no_mail,
}

/// Every clause of [`Mailer`].
#[must_use]
pub fn mailer() -> Vec<Clause<dyn Mailbox>> {
    list()
}

type Given = clause::Given<dyn Mailbox>;

fn mail(number: usize) -> Checked<Mail> {
    Ok(Mail {
        key: MessageKey::parse(&format!("order_placed.{number}"))?,
        from: MailAddress::parse("shop@example.com")?.named("The Shop")?,
        to: MailAddress::parse(&format!("user-{number}@example.org"))?,
        reply_to: None,
        subject: Subject::parse(&format!("Your order {number}"))?,
        text: MailPart::parse(&format!("Thank you for order {number}."))?,
        html: None,
    })
}

fn parse(message: &[u8]) -> Checked<Message<'_>> {
    MessageParser::default().parse(message).ok_or_else(|| Failure::new("the message cannot be parsed"))
}

/// The name and the address of a header that has one of both.
fn mailbox(address: Option<&Address<'_>>) -> (Option<String>, String) {
    let first = address.and_then(Address::first);
    let name = first.and_then(|first| first.name()).map(str::to_owned);
    (name, first.and_then(|first| first.address()).unwrap_or_default().to_owned())
}

fn of(address: &MailAddress) -> (Option<String>, String) {
    (address.name().map(|name| name.as_str().to_owned()), address.to_string())
}

/// Checks that a message has these values, and the header that a mail needs.
fn shows(message: &[u8], mail: &Mail) -> Checked {
    let parsed = parse(message)?;
    equal(mailbox(parsed.from()), of(&mail.from))?;
    equal(mailbox(parsed.to()), of(&mail.to))?;
    equal(parsed.reply_to().map(|address| mailbox(Some(address))), mail.reply_to.as_ref().map(of))?;
    equal(parsed.subject(), Some(mail.subject.as_str()))?;
    equal(parsed.message_id().map(|id| format!("<{id}>")), Some(mail.message_id()))?;
    holds(parsed.date().is_some(), "a mail has a date")?;
    // The parser ends lines as they were sent, and the last one may have no end.
    let unix = |text: &str| text.replace("\r\n", "\n").trim_end_matches('\n').to_owned();
    equal(parsed.body_text(0).map(|text| unix(&text)), Some(unix(mail.text.as_str())))?;
    match &mail.html {
        Some(html) => equal(parsed.body_html(0).map(|text| unix(&text)), Some(unix(html.as_str()))),
        None => equal(parsed.html_body.iter().filter(|part| parsed.parts[**part as usize].is_text_html()).count(), 0),
    }
}

/// Sends a mail, and returns what has arrived since then.
async fn sent(given: &Given, mail: &Mail) -> Checked<Delivered> {
    let before = given.store.delivered().await?;
    given.store.mailer().send(mail).await?;
    let mut after = given.store.delivered().await?;
    after.retain(|delivered| !before.contains(delivered));
    equal(after.len(), 1)?;
    after.pop().ok_or_else(|| Failure::new("one mail has arrived"))
}

async fn a_mail_arrives_at_its_recipient_and_no_one_else(given: &Given) -> Checked {
    for number in 0..3 {
        let mail = mail(number)?;
        let delivered = sent(given, &mail).await?;
        equal(delivered.recipients, vec![mail.to.to_string()])?;
        shows(&delivered.message, &mail)?;
    }
    Ok(())
}

async fn parallel_mails_do_not_mix(given: &Given) -> Checked {
    let mailer = given.store.mailer();
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let mailer = mailer.clone();
            tokio::spawn(async move {
                let mail = mail(number)?;
                mailer.send(&mail).await?;
                Checked::Ok(mail)
            })
        })
        .collect();
    let mut mails = Vec::new();
    for task in tasks {
        mails.push(task.await??);
    }
    let delivered = given.store.delivered().await?;
    equal(delivered.len(), mails.len())?;
    for mail in mails {
        let own: Vec<_> = delivered.iter().filter(|one| one.recipients == [mail.to.to_string()]).collect();
        equal(own.len(), 1)?;
        shows(&own[0].message, &mail)?;
    }
    Ok(())
}

async fn values_survive(given: &Given) -> Checked {
    let long = "word ".repeat(2_000);
    let unbroken = "x".repeat(5_000);
    let texts = [
        "Guten Tag, schöne Grüße 🐝\n\nüber zwei Absätze",
        ".\n..\n.a single dot ends a mail in SMTP\n.\n",
        "From here on\n\ttabs and  spaces \nstay = as =20 they are",
        &long,
        &unbroken,
    ];
    let subjects = [
        "Your order",
        "Ihre Bestellung für Jürgen 🐝🐝🐝",
        &"ä".repeat(200),
        &"a".repeat(200),
        "=?utf-8?q?not_encoded?=",
    ];
    for (number, (text, subject)) in texts.into_iter().zip(subjects).enumerate() {
        let mail = Mail {
            from: MailAddress::parse("shop@example.com")?.named("Café \"Zur Biene\", Wien")?,
            to: MailAddress::parse(&format!("u.{number}+tag@bücher.example"))?.named("Jürgen, Ph.D. <x@y.z>")?,
            reply_to: Some(MailAddress::parse("help@example.com")?),
            subject: Subject::parse(subject)?,
            text: MailPart::parse(text)?,
            html: Some(MailPart::parse(&format!("<p>{text}</p>"))?),
            ..mail(number)?
        };
        shows(&sent(given, &mail).await?.message, &mail)?;
    }
    Ok(())
}

/// The types of a mail have no line breaks. These values try to add a line in the form in which they are sent.
async fn no_value_adds_a_header_or_a_recipient(given: &Given) -> Checked {
    let texts = [
        "Bcc: eve@example.net",
        "=?utf-8?q?a=0D=0ABcc=3A_eve=40example.net?=",
        "a\u{2028}Bcc: eve@example.net",
        "\", eve@example.net, \"",
        "> <eve@example.net>",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let Ok(subject) = Subject::parse(text) else { continue };
        let mail = Mail {
            from: MailAddress::parse("shop@example.com")?.named(text)?,
            to: MailAddress::parse(&format!("user-{number}@example.org"))?.named(text)?,
            subject,
            text: MailPart::parse("\n\nBcc: eve@example.net\n.\nMAIL FROM:<eve@example.net>\n")?,
            ..mail(number)?
        };
        let delivered = sent(given, &mail).await?;
        equal(delivered.recipients, vec![mail.to.to_string()])?;
        shows(&delivered.message, &mail)?;
        let parsed = parse(&delivered.message)?;
        let extra = |name: &HeaderName<'_>| matches!(name, HeaderName::Bcc | HeaderName::Cc | HeaderName::Other(_));
        equal(parsed.headers().iter().filter(|header| extra(&header.name)).count(), 0)?;
    }
    Ok(())
}

async fn a_repeated_mail_has_the_same_message_id(given: &Given) -> Checked {
    let mail = mail(7)?;
    for _ in 0..2 {
        given.store.mailer().send(&mail).await?;
    }
    // A mailer may keep both or replace the first one.
    let delivered = given.store.delivered().await?;
    holds(!delivered.is_empty(), "the mail has arrived")?;
    delivered.iter().try_for_each(|delivered| shows(&delivered.message, &mail))
}

async fn a_check_sends_no_mail(given: &Given) -> Checked {
    given.store.mailer().check().await?;
    equal(given.store.delivered().await?, vec![])
}
