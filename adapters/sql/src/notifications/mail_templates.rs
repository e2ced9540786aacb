//! The templates of mails.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, Value,
    declared::Declared,
    page::{Listed, Pages},
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Page, PageRequest, StoreError},
    notifications::{MailTemplateQueries, MailTemplateRepository, MailTemplateSort, MailTemplateSortKey, constraints},
};
use skep_domain::{
    notifications::{Locale, MailKind, MailTemplate, MailTemplateId, TemplateSources},
    shared::{Text, Version},
};
use std::sync::LazyLock;

static MAIL_TEMPLATES: LazyLock<Table<MailTemplate>> = LazyLock::new(|| {
    let (id, locale) = (constraints::MAIL_TEMPLATE_ID, constraints::MAIL_TEMPLATE_LOCALE);
    Table::<MailTemplate>::new("mail_templates", "notifications.mail_template", id)
        .key("id", Kind::Uuid, |template| template.id.uuid().into())
        .fixed("kind", Kind::Text, |template| template.kind.name().into())
        .fixed("locale", Kind::Text, |template| template.locale.as_str().into())
        .column("subject", Kind::Text, |template| template.sources.subject.as_str().into())
        .column("text", Kind::Text, |template| template.sources.text.as_str().into())
        .column("html", Kind::Text, |template| template.sources.html.as_ref().map(Text::as_str).into())
        .nullable()
        .fixed("created_at", Kind::Time, |template| template.created_at.into())
        .column("updated_at", Kind::Time, |template| template.updated_at.into())
        .version(|template| template.version)
        .unique(locale, &["kind", "locale"])
        .offers(&[Verb::Find, Verb::Insert, Verb::Save, Verb::Delete])
});

/// Has a parameter for each of the [`Locale::MOST_FALLBACKS`] locales.
static TRANSLATIONS: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM mail_templates WHERE kind = $1 AND locale IN ($2, $3, $4, $5)";
    MAIL_TEMPLATES.query("list_translations", text, &[Kind::Text; 1 + Locale::MOST_FALLBACKS], &[])
});

static LIST: LazyLock<Pages> = LazyLock::new(|| {
    // Each column has the name of its sort key.
    let sorts: Vec<_> =
        MailTemplateSortKey::NAMES.iter().map(|column| (format!("list_by_{column}"), *column)).collect();
    Pages::new(&MAIL_TEMPLATES, &Listed { condition: "", params: &[], sorts: &sorts, count: "count" })
});

pub(super) fn declared() -> Declared {
    Declared::table(&MAIL_TEMPLATES).statements(LIST.statements()).statements([&*TRANSLATIONS])
}

impl Stored for MailTemplate {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = MailTemplateId::new(row.uuid()?);
        let row_id = RowId("mail_templates", id);
        Ok(Self {
            id,
            kind: row_id.read("kind", MailKind::from_name(&row.text()?))?,
            locale: Locale::stored(row.text()?),
            sources: TemplateSources {
                subject: Text::stored(row.text()?),
                text: Text::stored(row.text()?),
                html: row.optional_text()?.map(Text::stored),
            },
            created_at: row.time()?,
            updated_at: row.time()?,
            version: row_id.version(row.int()?)?,
        })
    }
}

#[async_trait]
impl MailTemplateRepository for SqlUnit {
    async fn find(&mut self, id: MailTemplateId) -> Result<Option<MailTemplate>, StoreError> {
        MAIL_TEMPLATES.find(self, id.uuid()).await
    }

    async fn insert(&mut self, template: &MailTemplate) -> Result<(), StoreError> {
        MAIL_TEMPLATES.insert(self, template).await
    }

    async fn save(&mut self, template: &MailTemplate) -> Result<Version, StoreError> {
        MAIL_TEMPLATES.save(self, template).await
    }

    async fn delete(&mut self, template: &MailTemplate) -> Result<(), StoreError> {
        MAIL_TEMPLATES.delete(self, template).await
    }
}

#[async_trait]
impl MailTemplateQueries for SqlStore {
    async fn find_mail_template(&self, id: MailTemplateId) -> Result<Option<MailTemplate>, StoreError> {
        MAIL_TEMPLATES.look_up(self, id.uuid()).await
    }

    async fn list_mail_templates(
        &self,
        sort: MailTemplateSort,
        page: &PageRequest,
    ) -> Result<Page<MailTemplate>, StoreError> {
        let by = (sort.key.name(), sort.direction);
        LIST.page(self, by, vec![], page, |template| sort.key.position(template)).await
    }

    async fn list_translations(&self, kind: MailKind, locale: &Locale) -> Result<Vec<MailTemplate>, StoreError> {
        let locales = locale.fallbacks();
        // A locale that is passed twice changes nothing.
        let padded = locales.iter().cycle().take(Locale::MOST_FALLBACKS);
        let args: Vec<Value> = [kind.name()].into_iter().chain(padded.map(Locale::as_str)).map(Value::from).collect();
        self.rows(&TRANSLATIONS, args, MailTemplate::read).await
    }
}
