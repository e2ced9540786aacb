//! The ports of notifications: the stored templates, the template language, and the server that delivers mails.

use super::{MailError, TemplateFault, TemplatePart};
use crate::kernel::{Guarded, Page, PageRequest, Position, Sort, SortValue, StoreError, context};
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    notifications::{Locale, Mail, MailKind, MailTemplate, MailTemplateId},
    shared::{Version, named},
};

context! {
    /// The repositories that a command of notifications can use.
    unit NotificationsTx {
        /// The templates that admins have written.
        mail_templates: MailTemplateRepository by MockMailTemplateRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockNotificationsTx of NotificationsMocks
    /// The ports of a store that read templates of mails.
    store NotificationsStore: MailTemplateQueries
}

/// Templates belong to the shop, so the role alone decides.
impl Guarded for MailTemplate {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// Reads and writes templates of mails inside a unit of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait MailTemplateRepository: Send {
    /// The template with this id.
    async fn find(&mut self, id: MailTemplateId) -> Result<Option<MailTemplate>, StoreError>;
    /// Stores a new template. `Duplicate` of `MAIL_TEMPLATE_ID` or `MAIL_TEMPLATE_LOCALE`.
    async fn insert(&mut self, template: &MailTemplate) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. The kind and the locale stay. `Stale`.
    async fn save(&mut self, template: &MailTemplate) -> Result<Version, StoreError>;
    /// Deletes the version that was read. `Stale`.
    async fn delete(&mut self, template: &MailTemplate) -> Result<(), StoreError>;
}

named! {
    /// The keys that templates of mails can be sorted by. Each has an index. Clients pass the name.
    MailTemplateSortKey {
        /// The time of creation.
        CreatedAt = "created_at",
        /// The name of the kind, compared byte by byte.
        Kind = "kind",
    }
}

impl MailTemplateSortKey {
    /// The place of a template in a list that is sorted by this key.
    #[must_use]
    pub fn position(self, template: &MailTemplate) -> Position {
        let key = match self {
            Self::CreatedAt => SortValue::Time(template.created_at),
            Self::Kind => SortValue::Text(template.kind.name().to_owned()),
        };
        Position { key, id: template.id.uuid() }
    }
}

/// The sort key and direction of a list of templates.
pub type MailTemplateSort = Sort<MailTemplateSortKey>;

/// Reads templates of mails outside a unit of work.
///
/// 1. `list_translations` returns the templates of this kind in the fallbacks of this locale ([`Locale::fallbacks`]) and
///    no others, in any order.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait MailTemplateQueries: Send + Sync {
    /// The template with this id.
    async fn find_mail_template(&self, id: MailTemplateId) -> Result<Option<MailTemplate>, StoreError>;
    /// A page of the templates. It is empty if the key of the position has another type than the sort key.
    async fn list_mail_templates(
        &self,
        sort: MailTemplateSort,
        page: &PageRequest,
    ) -> Result<Page<MailTemplate>, StoreError>;
    /// The templates that a mail of this kind in this locale can be made from.
    async fn list_translations(&self, kind: MailKind, locale: &Locale) -> Result<Vec<MailTemplate>, StoreError>;
}

/// The language of templates. It knows variables, conditions, and loops over lists. A template cannot do anything else:
/// it reads no file and no other template, and its work and its output have limits.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Renderer: Send + Sync {
    /// Checks a source without rendering it. Each variable and field must exist in the sample, also in the branches
    /// that the sample would not take.
    ///
    /// # Errors
    /// The first fault.
    fn check(&self, part: TemplatePart, source: &str, sample: &serde_json::Value) -> Result<(), TemplateFault>;

    /// Fills the variables of a source with the data. In the HTML, the values of variables are escaped.
    ///
    /// # Errors
    /// A variable does not exist in the data, or a limit is reached.
    fn render(&self, part: TemplatePart, source: &str, data: &serde_json::Value) -> Result<String, TemplateFault>;
}

/// Gives mails to a server that delivers them.
///
/// 1. `Ok` means that the server has taken the mail for its recipient, and only for this one. Parallel mails do not mix.
/// 2. The recipient gets the names, the subject, the text and the HTML as they are in the mail, whatever characters and
///    however long lines they have. No value adds a header or a recipient.
/// 3. The `Message-ID` is that of the mail, each time that the mail is sent.
///
/// A mail that is sent again may arrive twice. If the connection is lost after the text was sent, no client of SMTP can
/// know whether the server has taken the mail. Programs that read mails can drop the second one by its `Message-ID`.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a mail.
    ///
    /// # Errors
    /// [`MailError::Refused`] if sending it again has the same result, [`MailError::Unavailable`] if a later try may
    /// succeed.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Checks that the server can be reached and accepts the credentials. Sends no mail.
    ///
    /// # Errors
    /// As [`Mailer::send`].
    async fn check(&self) -> Result<(), MailError>;
}
