//! The endpoints of templates of mails, and their bodies.

use crate::{
    body::{MergePatch, Strict},
    parts::{
        Answer, Created, Done, Id, IfMatch, List, Listed, RepeatKey, SelfLink, Sent, Shown, SignedIn, SortKey, patch,
        path_of,
    },
    problem::Problem,
};
use poem_openapi::{ApiResponse, Object, OpenApi, Tags, param::Path, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use skep_application::notifications::{
    ChangeMailTemplateCommand, CreateMailTemplateCommand, DeleteMailTemplateCommand, MailTemplateSort,
    MailTemplateSortKey, RenderedMail,
};
use skep_domain::{
    notifications::{MailTemplate, MailTemplateId},
    shared::Text,
};
use std::collections::HashMap;

/// The path of the templates.
const MAIL_TEMPLATES: &str = "/api/v1/mail-templates";

#[derive(Tags)]
enum Tag {
    /// The templates of mails to customers.
    Notifications,
}

#[derive(Default)]
pub(super) struct MailTemplateApi;

impl SortKey for MailTemplateSortKey {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

/// A new template of mails.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateMailTemplateRequest {
    /// The mails that are made from it.
    kind: String,
    /// The language of the mails, possibly with a script and a region: `de`, `de-AT`, `zh-Hant-TW`.
    locale: String,
    /// The source of the subject: one line of 1 to 500 characters.
    subject: String,
    /// The source of the plain text: 1 to 5,000 characters.
    text: String,
    /// The source of the HTML: 1 to 20,000 characters. Values of variables are escaped. The mail is plain text if it is
    /// absent or `null`.
    #[oai(nullable)]
    #[serde(default)]
    html: Option<String>,
}

impl From<CreateMailTemplateRequest> for CreateMailTemplateCommand {
    fn from(CreateMailTemplateRequest { kind, locale, subject, text, html }: CreateMailTemplateRequest) -> Self {
        Self { kind, locale, subject, text, html }
    }
}

/// A change of the sources of a template. Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeMailTemplateRequest {
    /// The new source of the subject: one line of 1 to 500 characters.
    subject: MaybeUndefined<String>,
    /// The new source of the plain text: 1 to 5,000 characters.
    text: MaybeUndefined<String>,
    /// The new source of the HTML: 1 to 20,000 characters. `null` leaves out the HTML.
    html: MaybeUndefined<String>,
}

/// The data of a preview.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PreviewMailTemplateRequest {
    /// The values of the variables. The sample data of the kind is taken if it is absent or `null`.
    #[oai(nullable)]
    data: Option<HashMap<String, Value>>,
}

/// A template of mails. It replaces the built-in one of its kind and locale.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "MailTemplate")]
struct MailTemplateBody {
    /// The id of the template.
    id: Id<MailTemplateId>,
    /// The mails that are made from it.
    kind: String,
    /// The language of the mails.
    locale: String,
    /// The source of the subject.
    subject: String,
    /// The source of the plain text.
    text: String,
    /// The source of the HTML; absent if the mail is plain text.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    /// The time of creation.
    created_at: String,
    /// The time of the last change.
    updated_at: String,
    /// The path of the template.
    links: SelfLink,
}

impl From<MailTemplate> for MailTemplateBody {
    fn from(template: MailTemplate) -> Self {
        Self {
            id: Id(template.id),
            kind: template.kind.name().to_owned(),
            locale: template.locale.into_string(),
            subject: template.sources.subject.into_string(),
            text: template.sources.text.into_string(),
            html: template.sources.html.map(Text::into_string),
            created_at: template.created_at.to_string(),
            updated_at: template.updated_at.to_string(),
            links: SelfLink::to(path_of(MAIL_TEMPLATES, template.id, "")),
        }
    }
}

/// The mail that a template makes.
#[derive(Debug, Object, Serialize)]
struct MailPreview {
    /// The subject, with the values of its variables.
    subject: String,
    /// The plain text.
    text: String,
    /// The HTML; absent if the mail is plain text.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
}

impl From<RenderedMail> for MailPreview {
    fn from(RenderedMail { subject, text, html }: RenderedMail) -> Self {
        let html = html.map(|html| html.as_str().to_owned());
        Self { subject: subject.as_str().to_owned(), text: text.as_str().to_owned(), html }
    }
}

#[derive(ApiResponse)]
enum Previewed {
    /// The mail.
    #[oai(status = 200)]
    Ok(Answer<MailPreview>),
}

fn shown(template: MailTemplate) -> Shown<MailTemplateBody> {
    Shown::of(template.version, template)
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Notifications")]
impl MailTemplateApi {
    /// Create a template of mails
    ///
    /// Creates a template for mails of a kind in a locale. Needs the permission `notifications.mail_template.manage`. A
    /// mail is made from the template of the best locale: of `de-AT`, then of `de`, then of `en`, and without any from
    /// the built-in one. If there is a template of this kind and locale, the answer is 409 `mail_template_exists`.
    ///
    /// Sources are in a small part of Jinja: variables such as `{{ order.number }}`, `if`, `for`, comparisons, and the
    /// filters `upper`, `lower` and `default("…")`. A variable that does not exist is refused.
    #[oai(path = "/mail-templates", method = "post", operation_id = "create_mail_template")]
    async fn create(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<CreateMailTemplateRequest>,
    ) -> Result<Created<MailTemplateBody>, Problem> {
        let create = &caller.app().notifications.create_mail_template;
        let template = create.execute_once(&caller.actor, key.as_ref(), body.0.into()).await?;
        Ok(Created::at(path_of(MAIL_TEMPLATES, template.id, ""), template.version, template))
    }

    /// List templates of mails
    ///
    /// Lists the templates that admins have written. Needs the permission `notifications.mail_template.manage`.
    /// Built-in templates are not listed.
    #[oai(path = "/mail-templates", method = "get", operation_id = "list_mail_templates")]
    async fn list(
        &self,
        caller: SignedIn,
        Sent(list): List<MailTemplateSortKey>,
    ) -> Result<Listed<MailTemplateBody>, Problem> {
        let list = list.open(&caller, MAIL_TEMPLATES)?;
        let sort = MailTemplateSort { key: list.key, direction: list.direction };
        let page = caller.app().notifications.list_mail_templates.execute(&caller.actor, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Get a template of mails
    ///
    /// Returns the template with its sources. Needs the permission `notifications.mail_template.manage`.
    #[oai(path = "/mail-templates/:id", method = "get", operation_id = "get_mail_template")]
    async fn get(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<MailTemplateId>>,
    ) -> Result<Shown<MailTemplateBody>, Problem> {
        Ok(shown(caller.app().notifications.get_mail_template.execute(&caller.actor, id.0).await?))
    }

    /// Change a template of mails
    ///
    /// Sets the subject, the text or the HTML (JSON merge patch, RFC 7396). Needs the permission
    /// `notifications.mail_template.manage`. Absent fields keep their values, and `null` leaves out the HTML. The kind
    /// and the locale stay. If nothing is different afterwards, the `ETag` stays the same.
    #[oai(path = "/mail-templates/:id", method = "patch", operation_id = "change_mail_template")]
    async fn change(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<MailTemplateId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: MergePatch<ChangeMailTemplateRequest>,
    ) -> Result<Shown<MailTemplateBody>, Problem> {
        let (subject, text, html) = (patch(body.0.subject), patch(body.0.text), patch(body.0.html));
        let command = ChangeMailTemplateCommand { mail_template_id: id.0, precondition, subject, text, html };
        let change = &caller.app().notifications.change_mail_template;
        Ok(shown(change.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Delete a template of mails
    ///
    /// Deletes the template permanently. Needs the permission `notifications.mail_template.manage`. Mails are then made
    /// from the template of the next best locale, or from the built-in one.
    #[oai(path = "/mail-templates/:id", method = "delete", operation_id = "delete_mail_template")]
    async fn delete(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<MailTemplateId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = DeleteMailTemplateCommand { mail_template_id: id.0, precondition };
        caller.app().notifications.delete_mail_template.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }

    /// Preview a mail
    ///
    /// Returns the mail that the template makes from the data, or from the sample data of its kind. Needs the
    /// permission `notifications.mail_template.manage`. With `If-Match`, only the named version is rendered. Nothing is
    /// sent or stored. Data that lacks a variable of the template is invalid.
    #[oai(path = "/mail-templates/:id/preview", method = "post", operation_id = "preview_mail_template")]
    async fn preview(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<MailTemplateId>>,
        Sent(precondition): IfMatch,
        body: Strict<PreviewMailTemplateRequest>,
    ) -> Result<Previewed, Problem> {
        let data = body.0.data.map(|data| Value::Object(Map::from_iter(data)));
        let preview = &caller.app().notifications.preview_mail_template;
        let mail = preview.execute(&caller.actor, id.0, &precondition, data).await?;
        Ok(Previewed::Ok(Answer(mail.into())))
    }
}
