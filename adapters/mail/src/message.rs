//! A mail as a message of RFC 5322.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::{
    Message,
    address::{Address, AddressError},
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{self, Header as _, HeaderName, HeaderValue},
    },
};
use skep_domain::{
    notifications::{Mail, MailAddress, Subject},
    shared::{Text, Timestamp},
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A mail that no message can be made from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsendable {
    /// The library does not know the form of an address.
    #[error("an address cannot be used in a mail")]
    Address(#[from] AddressError),
    /// The parts do not fit together.
    #[error("no message can be made from the mail")]
    Message(#[from] lettre::error::Error),
}

/// Makes the message.
pub(crate) fn message(mail: &Mail, now: Timestamp) -> Result<Message, Unsendable> {
    let builder = Message::builder()
        .from(mailbox(&mail.from)?)
        .to(mailbox(&mail.to)?)
        .raw_header(subject(&mail.subject))
        .message_id(Some(mail.message_id()))
        .date(date(now));
    let builder = match &mail.reply_to {
        Some(address) => builder.reply_to(mailbox(address)?),
        None => builder,
    };
    let text = SinglePart::plain(mail.text.as_str().to_owned());
    Ok(match &mail.html {
        None => builder.singlepart(text)?,
        Some(html) => {
            let html = SinglePart::builder().header(header::ContentType::TEXT_HTML).body(html.as_str().to_owned());
            builder.multipart(MultiPart::alternative().singlepart(text).singlepart(html))?
        }
    })
}

/// The header of a subject. The library writes a subject of ASCII as it is, so one that looks like an encoded word would
/// be decoded by the program that shows it, possibly to several lines. Such a subject is encoded here.
fn subject(subject: &Subject) -> HeaderValue {
    let text = subject.as_str();
    if !text.contains("=?") {
        return header::Subject::from(text.to_owned()).display();
    }
    let chars: Vec<char> = text.chars().collect();
    // A word has at most 75 characters, and does not end within a character of the text.
    let words = chars.chunks(11).map(|part| format!("=?utf-8?b?{}?=", STANDARD.encode(String::from_iter(part))));
    let encoded = words.collect::<Vec<_>>().join("\r\n ");
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str("Subject"), text.to_owned(), encoded)
}

fn mailbox(address: &MailAddress) -> Result<Mailbox, AddressError> {
    let name = address.name().map(Text::as_str).map(str::to_owned);
    Ok(Mailbox::new(name, Address::new(address.local(), address.domain())?))
}

/// The time in whole seconds, as a header has it. A time before 1970 counts as 1970.
fn date(now: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or_default())
}
