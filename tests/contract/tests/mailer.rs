//! Tests of the clauses of mailers: a correct mailer passes, and each planted flaw fails the clause about it.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use skep_application::notifications::{MailError, Mailer};
use skep_contract::{
    Failure, Harness, Instance, Need, Start, catches,
    notifications::{Delivered, Mailbox, mailer},
    prove,
};
use skep_domain::{
    notifications::{Mail, MailAddress},
    shared::Text,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// The mistake that a mailer makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The mailer is correct.
    None,
    /// Each mail goes to the shop, too.
    CopiesToSender,
    /// A mail goes to the recipient of the mail before it.
    MixesRecipients,
    /// A name is written as it is.
    WritesNamesPlain,
    /// A subject in ASCII is written as it is.
    WritesSubjectsPlain,
    /// Lines end after 998 characters.
    CutsLines,
    /// The HTML is left out.
    DropsHtml,
    /// Each mail has its own id.
    CountsIds,
    /// A check sends a mail.
    SendsChecks,
    /// Nothing is sent.
    SendsNothing,
}

struct FlawedMailer {
    flaw: Flaw,
    delivered: Mutex<Vec<Delivered>>,
    last: Mutex<Option<MailAddress>>,
    count: AtomicUsize,
}

fn encoded(text: &str) -> String {
    // A word must be short, and must not end within a character.
    let chars: Vec<char> = text.chars().collect();
    let words = chars.chunks(10).map(|chunk| {
        let chunk: String = chunk.iter().collect();
        format!("=?utf-8?B?{}?=", STANDARD.encode(chunk))
    });
    words.collect::<Vec<_>>().join("\r\n ")
}

fn part(kind: &str, text: &str) -> String {
    let body = STANDARD.encode(text.replace('\n', "\r\n"));
    let lines: Vec<_> = body.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let head = format!("Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64");
    format!("{head}\r\n\r\n{}\r\n", lines.join("\r\n"))
}

impl FlawedMailer {
    fn address(&self, address: &MailAddress) -> String {
        match address.name().map(Text::as_str) {
            None => address.to_string(),
            Some(name) if self.flaw == Flaw::WritesNamesPlain => format!("{name} <{address}>"),
            Some(name) => format!("{} <{address}>", encoded(name)),
        }
    }

    fn message(&self, mail: &Mail) -> String {
        let id = match self.flaw {
            Flaw::CountsIds => format!("<{}@example.com>", self.count.fetch_add(1, Ordering::SeqCst)),
            _ => mail.message_id(),
        };
        let is_plain = self.flaw == Flaw::WritesSubjectsPlain && mail.subject.as_str().is_ascii();
        let subject = if is_plain { mail.subject.as_str().to_owned() } else { encoded(mail.subject.as_str()) };
        let reply_to = mail.reply_to.as_ref().map(|to| format!("Reply-To: {}\r\n", self.address(to)));
        let head = format!(
            "From: {}\r\nTo: {}\r\n{}Subject: {subject}\r\nMessage-ID: {id}\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\n\
             MIME-Version: 1.0\r\n",
            self.address(&mail.from),
            self.address(&mail.to),
            reply_to.unwrap_or_default(),
        );
        let mut text = mail.text.as_str().to_owned();
        if self.flaw == Flaw::CutsLines {
            text = text.lines().map(|line| line.get(..998).unwrap_or(line)).collect::<Vec<_>>().join("\n");
        }
        match mail.html.as_ref().filter(|_| self.flaw != Flaw::DropsHtml) {
            None => head + &part("plain", &text),
            Some(html) => {
                let (text, html) = (part("plain", &text), part("html", html.as_str()));
                format!(
                    "{head}Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n{text}--x\r\n{html}--x--\r\n"
                )
            }
        }
    }
}

#[async_trait]
impl Mailer for FlawedMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let last = self.last.lock().unwrap().replace(mail.to.clone());
        let mut recipients = vec![mail.to.to_string()];
        match self.flaw {
            Flaw::SendsNothing => return Ok(()),
            Flaw::CopiesToSender => recipients.push(mail.from.to_string()),
            Flaw::MixesRecipients => recipients = vec![last.unwrap_or_else(|| mail.to.clone()).to_string()],
            _ => {}
        }
        let message = self.message(mail).into_bytes();
        self.delivered.lock().unwrap().push(Delivered { recipients, message });
        Ok(())
    }

    async fn check(&self) -> Result<(), MailError> {
        if self.flaw == Flaw::SendsChecks {
            let (recipients, message) = (vec!["shop@example.com".to_owned()], b"Subject: a\r\n\r\n".to_vec());
            self.delivered.lock().unwrap().push(Delivered { recipients, message });
        }
        Ok(())
    }
}

struct Double(Arc<FlawedMailer>);

#[async_trait]
impl Mailbox for Double {
    fn mailer(&self) -> Arc<dyn Mailer> {
        self.0.clone()
    }

    async fn delivered(&self) -> Result<Vec<Delivered>, Failure> {
        Ok(self.0.delivered.lock().unwrap().clone())
    }
}

/// Makes mailers with this flaw.
struct Doubles(Flaw);

#[async_trait]
impl Instance<dyn Mailbox> for Double {
    fn store(&self) -> Arc<dyn Mailbox> {
        Arc::new(Self(self.0.clone()))
    }

    async fn second(&self) -> Result<Arc<dyn Mailbox>, Failure> {
        Ok(self.store())
    }
}

#[async_trait]
impl Harness<dyn Mailbox> for Doubles {
    fn name(&self) -> &str {
        "double"
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn Mailbox>>, Failure> {
        let (delivered, last, count) = (Mutex::default(), Mutex::default(), AtomicUsize::new(0));
        Ok(Box::new(Double(Arc::new(FlawedMailer { flaw: self.0, delivered, last, count }))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correct_mailer_passes() {
    let proof = prove(&Doubles(Flaw::None), mailer()).await.unwrap();
    assert_eq!((proof.held, proof.skipped.len()), (mailer().len(), 0));
}

const CAUGHT: &[(Flaw, &str)] = &[
    (Flaw::CopiesToSender, "a_mail_arrives_at_its_recipient_and_no_one_else"),
    (Flaw::MixesRecipients, "a_mail_arrives_at_its_recipient_and_no_one_else"),
    (Flaw::MixesRecipients, "parallel_mails_do_not_mix"),
    (Flaw::SendsNothing, "a_mail_arrives_at_its_recipient_and_no_one_else"),
    (Flaw::SendsNothing, "a_repeated_mail_has_the_same_message_id"),
    (Flaw::WritesNamesPlain, "values_survive"),
    (Flaw::WritesNamesPlain, "no_value_adds_a_header_or_a_recipient"),
    (Flaw::WritesSubjectsPlain, "no_value_adds_a_header_or_a_recipient"),
    (Flaw::CutsLines, "values_survive"),
    (Flaw::DropsHtml, "values_survive"),
    (Flaw::CountsIds, "a_repeated_mail_has_the_same_message_id"),
    (Flaw::SendsChecks, "a_check_sends_no_mail"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flaw_is_caught() {
    let clauses = mailer();
    for (flaw, name) in CAUGHT {
        let clause = clauses.iter().find(|clause| clause.name == *name).unwrap();
        assert!(catches(&Doubles(*flaw), clause).await, "{name} does not catch {flaw:?}");
    }
}
