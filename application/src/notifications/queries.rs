//! Reading templates of mails, and trying them.

use super::{MailTemplateQueries, MailTemplateSort, RenderedMail, Renderer, rendering, sample_data};
use crate::kernel::{
    Actor, Clock, Denied, GetError, Invalid, ListError, LongList, NotFound, Page, PageRequest, Precondition, Reader,
    Unmet, use_case_error,
};
use serde_json::Value;
use skep_domain::notifications::{MailTemplate, MailTemplateId, actions};
use std::sync::Arc;

/// Returns one template to an admin.
pub struct GetMailTemplate(Reader<dyn MailTemplateQueries>);

impl GetMailTemplate {
    /// Reads from this store.
    #[must_use]
    pub fn new(templates: Arc<dyn MailTemplateQueries>) -> Self {
        Self(Reader::new(actions::MANAGE_MAIL_TEMPLATE, templates))
    }

    /// Reads the template with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: MailTemplateId) -> Result<MailTemplate, GetError> {
        Ok(self.0.open(actor)?.find_mail_template(id).await?.ok_or(NotFound("mail template"))?)
    }
}

/// Returns pages of templates to an admin.
pub struct ListMailTemplates {
    templates: Reader<dyn MailTemplateQueries>,
    length: LongList,
}

impl ListMailTemplates {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(templates: Arc<dyn MailTemplateQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { templates: Reader::new(actions::MANAGE_MAIL_TEMPLATE, templates), length: LongList::new(clock) }
    }

    /// Reads a page of the templates.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        sort: MailTemplateSort,
        page: &PageRequest,
    ) -> Result<Page<MailTemplate>, ListError> {
        let templates = self.templates.open(actor)?;
        let asked = self.length.ask(page);
        Ok(self.length.complete(page, &asked, templates.list_mail_templates(sort, &asked).await?))
    }
}

use_case_error! {
    /// Why no preview was made.
    PreviewMailTemplateError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
    }
}

/// Shows an admin the mail that a template makes. Sends nothing.
pub struct PreviewMailTemplate {
    templates: Reader<dyn MailTemplateQueries>,
    renderer: Arc<dyn Renderer>,
}

impl PreviewMailTemplate {
    /// Reads from this store and renders with this renderer.
    #[must_use]
    pub fn new(templates: Arc<dyn MailTemplateQueries>, renderer: Arc<dyn Renderer>) -> Self {
        Self { templates: Reader::new(actions::MANAGE_MAIL_TEMPLATE, templates), renderer }
    }

    /// Renders the template with this id, if it is in a version that the precondition allows. Without data, it renders
    /// the sample data of its kind.
    ///
    /// # Errors
    /// [`PreviewMailTemplateError`]. Data that lacks a variable of the template is invalid.
    pub async fn execute(
        &self,
        actor: &Actor,
        id: MailTemplateId,
        precondition: &Precondition,
        data: Option<Value>,
    ) -> Result<RenderedMail, PreviewMailTemplateError> {
        let found = self.templates.open(actor)?.find_mail_template(id).await?;
        let template = found.ok_or(NotFound("mail template"))?;
        precondition.allow(template.version)?;
        let data = data.unwrap_or_else(|| sample_data(template.kind));
        let rendered = rendering::render(&*self.renderer, &template.sources, &data);
        Ok(rendered.map_err(|fault| Invalid::one("/data", fault.kind.field_code(), fault))?)
    }
}
