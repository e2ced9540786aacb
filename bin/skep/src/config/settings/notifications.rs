//! The settings of mails.

use super::ContextSettings;
use crate::config::{
    parse::{a_minute, an_hour, link_start, list},
    read::Source,
    setting::{A_MINUTE, AN_HOUR, Setting, Shape},
    values::MailServer,
};
use skep_application::{Policies, notifications::MailPolicy};
use skep_domain::notifications::{Locale, MailAddress};
use std::path::PathBuf;

pub(super) const NOTIFICATIONS: ContextSettings = ContextSettings { settings: SETTINGS, read };

const ADDRESS: &str = "an address like shop@example.com or Shop <shop@example.com>";

const SETTINGS: &[Setting] = &[
    Setting::secret("SKEP_MAIL_URL", "mail.url")
        .form("smtp://host:port or smtps://host:port", "smtps://shop:secret@mail.example.com")
        .doc("The mail server. `smtps` is TLS from the first byte, `smtp` is STARTTLS, which the server must offer. A server on the loopback interface gets no TLS, unless the address ends with `?starttls=required`. Other servers get none only with `?starttls=none`, and then no password. Without a server, mails are written to the folder `mail` in the data folder."),
    Setting::new("SKEP_MAIL_FROM", "mail.from", Shape::Text)
        .form(ADDRESS, "Shop <shop@example.com>")
        .doc("The sender of mails. SKEP_MAIL_URL needs it."),
    Setting::new("SKEP_MAIL_REPLY_TO", "mail.reply_to", Shape::Text)
        .form(ADDRESS, "help@example.com")
        .doc("The address that answers to mails go to, if it is another one."),
    Setting::new("SKEP_MAIL_NETWORKS", "mail.networks", Shape::List)
        .form("networks like 10.0.0.0/8", "10.0.0.0/8,127.0.0.1")
        .doc("The private networks that the mail server may be in. A server in another network than these and the public internet is not asked, whatever its name."),
    Setting::new("SKEP_MAIL_CA_FILE", "mail.ca_file", Shape::Text)
        .form("the path of a file with certificates in PEM", "/etc/skep/ca.pem")
        .doc("The certificates of a private authority that the mail server's certificate comes from."),
    Setting::new("SKEP_MAIL_LOCALE", "mail.locale", Shape::Text)
        .default("en")
        .form("a language like `de` or `de-AT`", "de")
        .doc("The language of mails to customers. Without a template in this language, mails are in English."),
    Setting::new("SKEP_LINK_URL", "mail.link_url", Shape::Text)
        .form("an http or https address, without a query or a fragment", "https://shop.example.com/account")
        .doc("The address of the pages that links in mails open: `/reset-password`, `/verify-email`, `/confirm-email`, `/restore-email` and `/accept-invitation` below it. The default is PUBLIC_URL. No header of a request changes it."),
    Setting::new("SKEP_MAILS_PER_RECIPIENT", "mail.per_recipient", Shape::Number)
        .default("30")
        .form(AN_HOUR, "30")
        .doc("The most mails to one address. Further mails are sent later."),
    Setting::new("SKEP_MAILS_PER_MINUTE", "mail.per_minute", Shape::Number)
        .default("300")
        .form(A_MINUTE, "300")
        .doc("The most mails together. Further mails are sent later."),
];

fn read(source: &mut Source, policies: &mut Policies) {
    let from = source.optional("SKEP_MAIL_FROM", read_address);
    policies.mail = MailPolicy {
        from: from.unwrap_or_else(|| MailPolicy::default().from),
        reply_to: source.optional("SKEP_MAIL_REPLY_TO", read_address),
        locale: source.required("SKEP_MAIL_LOCALE", |text| Locale::parse(text).ok()),
        // Without it, links begin with the address of the server, which the other settings decide.
        link_url: source.optional("SKEP_LINK_URL", link_start).unwrap_or_default(),
        per_recipient: source.required("SKEP_MAILS_PER_RECIPIENT", an_hour),
        in_all: source.required("SKEP_MAILS_PER_MINUTE", a_minute),
    };
}

/// Reads where mails go.
pub(in crate::config) fn server(source: &mut Source) -> MailServer {
    const URL: &str = "SKEP_MAIL_URL";
    let url = source.optional(URL, |text| Some(text.to_owned()));
    let smtp = url.and_then(|url| url.parse().map_err(|invalid| source.fault(URL, format!("{invalid}"))).ok());
    if smtp.is_some() && !source.is_set("SKEP_MAIL_FROM") {
        source.fault("SKEP_MAIL_FROM", format!("is not set, but {URL} is; expected {ADDRESS}"));
    }
    MailServer {
        smtp,
        networks: source.required("SKEP_MAIL_NETWORKS", |text| list(text, |item| item.parse().ok())),
        ca_file: source.optional("SKEP_MAIL_CA_FILE", |text| Some(PathBuf::from(text))),
    }
}

fn read_address(text: &str) -> Option<MailAddress> {
    MailAddress::parse_named(text).ok()
}
