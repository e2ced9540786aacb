//! Changing a template of mails.

use super::{NotificationsTx, Renderer, TemplatePart, mail_template_fields as fields};
use crate::kernel::{
    Authorized, Call, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, use_case_error,
};
use skep_domain::{
    notifications::{MailTemplate, MailTemplateId, TemplateSources, actions, events::MailTemplateChanged},
    shared::{Action, Patch, Text},
};
use std::sync::Arc;

/// Which template to change, from which version, and how. An absent field stays as it is. Only the HTML can be cleared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangeMailTemplateCommand {
    /// The template to change.
    pub mail_template_id: MailTemplateId,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The new source of the subject, not yet checked.
    pub subject: Patch<String>,
    /// The new source of the plain text, not yet checked.
    pub text: Patch<String>,
    /// The new source of the HTML, not yet checked.
    pub html: Patch<String>,
}

use_case_error! {
    /// Why the template was not changed.
    ChangeMailTemplateError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
    }
}

/// Changes the sources of templates. A change that alters no value keeps the version.
pub struct ChangeMailTemplate {
    renderer: Arc<dyn Renderer>,
}

impl ChangeMailTemplate {
    /// Checks sources with this renderer.
    #[must_use]
    pub fn new(renderer: Arc<dyn Renderer>) -> Self {
        Self { renderer }
    }
}

/// The new sources; `None` keeps the old one, and `Some(None)` leaves out the HTML.
#[derive(Clone)]
struct Sources {
    subject: Option<Text>,
    text: Option<Text>,
    html: Option<Option<Text>>,
}

/// A checked change.
pub struct ChangeMailTemplatePlan {
    mail_template_id: MailTemplateId,
    precondition: Precondition,
    /// `write` reports invalid values only after it has compared the version of the template.
    change: Result<Sources, Invalid>,
}

impl Command for ChangeMailTemplate {
    type Unit = dyn NotificationsTx;
    type Input = ChangeMailTemplateCommand;
    type Plan = ChangeMailTemplatePlan;
    type Target = MailTemplate;
    type Answer = MailTemplate;
    type Error = ChangeMailTemplateError;

    const NAME: &'static str = "notifications.change_mail_template";
    const ACTION: Action = actions::MANAGE_MAIL_TEMPLATE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let ChangeMailTemplateCommand { mail_template_id, precondition, subject, text, html } = input;
        call.contend([mail_template_id.uuid()]);
        let mut invalid = Invalid::default();
        let mut required = |part: TemplatePart, field: Patch<String>| {
            let text = invalid.required(part.pointer(), field)?;
            fields::source(&mut invalid, part, &text)
        };
        let (subject, text) = (required(TemplatePart::Subject, subject), required(TemplatePart::Text, text));
        let html = match html {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(html) => Some(fields::source(&mut invalid, TemplatePart::Html, &html)),
        };
        let change = invalid.finish(Sources { subject, text, html });
        Ok(ChangeMailTemplatePlan { mail_template_id, precondition, change })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<MailTemplate, Self::Error> {
        Ok(unit.mail_templates().find(plan.mail_template_id).await?.ok_or(NotFound("mail template"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut template: Authorized<'_, MailTemplate>,
    ) -> Result<MailTemplate, Self::Error> {
        plan.precondition.require(template.version)?;
        let (now, change, before) = (template.now(), plan.change.clone()?, template.sources.clone());
        let sources = TemplateSources {
            subject: change.subject.unwrap_or(before.subject),
            text: change.text.unwrap_or(before.text),
            html: change.html.unwrap_or(before.html),
        };
        fields::check(&*self.renderer, template.kind, &sources)?;
        if template.rewrite(sources, now) {
            template.version = unit.mail_templates().save(&template).await?;
            let event = MailTemplateChanged::of(&template);
            template.record(unit.outbox(), &event, template.version, template.updated_at).await?;
        }
        Ok(template.into_target())
    }
}
