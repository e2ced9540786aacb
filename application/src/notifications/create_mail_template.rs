//! Creating a template of mails.

use super::{
    MailTemplateExists, NotificationsTx, Renderer, TemplatePart, constraints::MAIL_TEMPLATE_LOCALE,
    mail_template_fields as fields,
};
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, use_case_error};
use skep_domain::{
    notifications::{MailTemplate, MailTemplateId, TemplateSources, actions, events::MailTemplateCreated},
    shared::Action,
};
use std::sync::Arc;

/// A template to create, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateMailTemplateCommand {
    /// The mails that are made from it.
    pub kind: String,
    /// The language of the mails.
    pub locale: String,
    /// The source of the subject.
    pub subject: String,
    /// The source of the plain text.
    pub text: String,
    /// The source of the HTML; `None` for mails of plain text only.
    pub html: Option<String>,
}

use_case_error! {
    /// Why no template was created.
    CreateMailTemplateError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        MailTemplateExists(MailTemplateExists),
    }
}

/// Creates templates, at most one for each kind and locale.
pub struct CreateMailTemplate {
    renderer: Arc<dyn Renderer>,
}

impl CreateMailTemplate {
    /// Checks sources with this renderer.
    #[must_use]
    pub fn new(renderer: Arc<dyn Renderer>) -> Self {
        Self { renderer }
    }
}

impl Command for CreateMailTemplate {
    type Unit = dyn NotificationsTx;
    type Input = CreateMailTemplateCommand;
    type Plan = MailTemplate;
    type Target = ();
    type Answer = MailTemplate;
    type Error = CreateMailTemplateError;

    const NAME: &'static str = "notifications.create_mail_template";
    const ACTION: Action = actions::MANAGE_MAIL_TEMPLATE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let mut invalid = Invalid::default();
        let kind = fields::kind(&mut invalid, &input.kind);
        let locale = fields::locale(&mut invalid, &input.locale);
        let subject = fields::source(&mut invalid, TemplatePart::Subject, &input.subject);
        let text = fields::source(&mut invalid, TemplatePart::Text, &input.text);
        let html = input.html.and_then(|html| fields::source(&mut invalid, TemplatePart::Html, &html));
        let checked = invalid.finish((kind, locale, subject, text))?;
        let (Some(kind), Some(locale), Some(subject), Some(text)) = checked else {
            unreachable!("a value that is missing was recorded as invalid")
        };
        let sources = TemplateSources { subject, text, html };
        fields::check(&*self.renderer, kind, &sources)?;
        Ok(MailTemplate::create(MailTemplateId::new(call.new_id()), kind, locale, sources, call.now))
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn write(
        &self,
        template: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<MailTemplate, Self::Error> {
        let inserted = unit.mail_templates().insert(template).await;
        inserted.map_err(MAIL_TEMPLATE_LOCALE.refused::<Self::Error>(MailTemplateExists))?;
        let event = MailTemplateCreated::of(template);
        authorized.record(unit.outbox(), &event, template.version, template.created_at).await?;
        Ok(template.clone())
    }
}
