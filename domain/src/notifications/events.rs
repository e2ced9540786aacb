//! The events of the templates of mails.

use super::{Locale, MailKind, MailTemplate, MailTemplateId};
use crate::shared::events;

events! {
    /// A template of mails was created. Mails of its kind and locale are made from it from now on.
    MailTemplateCreated = "notifications.mail_template_created.v1" of mail_template_id {
        /// The new template.
        mail_template_id: MailTemplateId,
        /// The mails that are made from it.
        kind: MailKind,
        /// The language of the mails.
        locale: Locale,
    }

    /// The subject, text or HTML of a template was changed.
    MailTemplateChanged = "notifications.mail_template_changed.v1" of mail_template_id {
        /// The template that was changed.
        mail_template_id: MailTemplateId,
        /// The mails that are made from it.
        kind: MailKind,
        /// The language of the mails.
        locale: Locale,
    }

    /// A template was deleted. The version of the event is the one after the template's last version.
    MailTemplateDeleted = "notifications.mail_template_deleted.v1" of mail_template_id {
        /// The template that was deleted.
        mail_template_id: MailTemplateId,
        /// The mails that were made from it.
        kind: MailKind,
        /// The language of the mails.
        locale: Locale,
    }
}

impl MailTemplateCreated {
    /// The event of this new template.
    #[must_use]
    pub fn of(template: &MailTemplate) -> Self {
        Self { mail_template_id: template.id, kind: template.kind, locale: template.locale.clone() }
    }
}

impl MailTemplateChanged {
    /// The event of this template after its change.
    #[must_use]
    pub fn of(template: &MailTemplate) -> Self {
        Self { mail_template_id: template.id, kind: template.kind, locale: template.locale.clone() }
    }
}

impl MailTemplateDeleted {
    /// The event of this template, which no longer exists.
    #[must_use]
    pub fn of(template: &MailTemplate) -> Self {
        Self { mail_template_id: template.id, kind: template.kind, locale: template.locale.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::TemplateSources, *};
    use crate::shared::{Timestamp, assert_payload};
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn published_payloads_do_not_change() {
        let uuid = Uuid::from_u128(1);
        let (subject, text) = (TemplateSources::subject("Hello").unwrap(), TemplateSources::text("Hello").unwrap());
        let (sources, locale) = (TemplateSources { subject, text, html: None }, Locale::parse("de-AT").unwrap());
        let (id, kind) = (MailTemplateId::new(uuid), MailKind::OrderPlaced);
        let template = MailTemplate::create(id, kind, locale, sources, Timestamp::MIN);
        let payload = json!({ "mail_template_id": uuid, "kind": "order_placed", "locale": "de-AT" });
        assert_payload(&MailTemplateCreated::of(&template), uuid, &payload);
        assert_payload(&MailTemplateChanged::of(&template), uuid, &payload);
        assert_payload(&MailTemplateDeleted::of(&template), uuid, &payload);
    }
}
