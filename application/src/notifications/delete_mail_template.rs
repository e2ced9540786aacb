//! Deleting a template of mails.

use super::NotificationsTx;
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, use_case_error};
use skep_domain::{
    notifications::{MailTemplate, MailTemplateId, actions, events::MailTemplateDeleted},
    shared::Action,
};

/// Which template to delete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeleteMailTemplateCommand {
    /// The template to delete.
    pub mail_template_id: MailTemplateId,
    /// The version that the template must still have, if the caller names one.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the template was not deleted.
    DeleteMailTemplateError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Deletes templates. Mails are then made from the template of the next best locale, or from the built-in one.
pub struct DeleteMailTemplate;

impl Command for DeleteMailTemplate {
    type Unit = dyn NotificationsTx;
    type Input = DeleteMailTemplateCommand;
    type Plan = DeleteMailTemplateCommand;
    type Target = MailTemplate;
    type Answer = ();
    type Error = DeleteMailTemplateError;

    const NAME: &'static str = "notifications.delete_mail_template";
    const ACTION: Action = actions::MANAGE_MAIL_TEMPLATE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.mail_template_id.uuid()]);
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<MailTemplate, Self::Error> {
        Ok(unit.mail_templates().find(plan.mail_template_id).await?.ok_or(NotFound("mail template"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        template: Authorized<'_, MailTemplate>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(template.version)?;
        unit.mail_templates().delete(&template).await?;
        let event = MailTemplateDeleted::of(&template);
        Ok(template.record(unit.outbox(), &event, template.version.next(), template.now()).await?)
    }
}
