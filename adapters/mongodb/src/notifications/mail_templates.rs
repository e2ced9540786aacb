//! Templates of mails.

use crate::{
    ops::{List, Query, SortField},
    record::{self, Record, Stored, Unreadable, Versioned, date, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::{Page, PageRequest, StoreError},
    notifications::{MailTemplateQueries, MailTemplateRepository, MailTemplateSort, MailTemplateSortKey},
};
use skep_domain::{
    notifications::{Locale, MailKind, MailTemplate, MailTemplateId, TemplateSources},
    shared::{Text, Version},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct MailTemplateDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    kind: String,
    locale: String,
    subject: String,
    text: String,
    html: Option<String>,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
}

impl Record for MailTemplateDoc {
    const COLLECTION: &'static str = "mail_templates";
    type Entity = MailTemplate;
    fn read(self) -> Result<MailTemplate, Unreadable> {
        Ok(MailTemplate {
            id: MailTemplateId::new(self.id.to_uuid_1()),
            kind: MailKind::from_name(&self.kind).ok_or("unknown kind of mail")?,
            locale: Locale::stored(self.locale),
            sources: TemplateSources {
                subject: Text::stored(self.subject),
                text: Text::stored(self.text),
                html: self.html.map(Text::stored),
            },
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for MailTemplateDoc {
    fn of(template: &MailTemplate) -> Self {
        let TemplateSources { subject, text, html } = &template.sources;
        Self {
            id: record::id(template.id.uuid()),
            kind: template.kind.name().to_owned(),
            locale: template.locale.as_str().to_owned(),
            subject: subject.as_str().to_owned(),
            text: text.as_str().to_owned(),
            html: html.as_ref().map(|html| html.as_str().to_owned()),
            created_at: date(template.created_at),
            updated_at: date(template.updated_at),
            version: template.version.get(),
        }
    }
}

impl Versioned for MailTemplateDoc {}

#[async_trait]
impl MailTemplateRepository for MongoUnit {
    async fn find(&mut self, id: MailTemplateId) -> Result<Option<MailTemplate>, StoreError> {
        self.by_id::<MailTemplateDoc>(id.uuid()).await
    }

    async fn insert(&mut self, template: &MailTemplate) -> Result<(), StoreError> {
        self.add::<MailTemplateDoc>(from_ref(template)).await
    }

    async fn save(&mut self, template: &MailTemplate) -> Result<Version, StoreError> {
        self.put::<MailTemplateDoc>(template).await
    }

    async fn delete(&mut self, template: &MailTemplate) -> Result<(), StoreError> {
        self.remove::<MailTemplateDoc>(template).await
    }
}

/// The field that templates are sorted by, and its index.
const fn field(key: MailTemplateSortKey) -> SortField {
    match key {
        MailTemplateSortKey::CreatedAt => SortField::time("mail_templates_created_at_idx", "created_at"),
        MailTemplateSortKey::Kind => SortField::text("mail_templates_kind_idx", "kind"),
    }
}

#[async_trait]
impl MailTemplateQueries for MongoStore {
    async fn find_mail_template(&self, id: MailTemplateId) -> Result<Option<MailTemplate>, StoreError> {
        self.read().await?.by_id::<MailTemplateDoc>(id.uuid()).await
    }

    async fn list_mail_templates(
        &self,
        sort: MailTemplateSort,
        page: &PageRequest,
    ) -> Result<Page<MailTemplate>, StoreError> {
        let list = List::of(field(sort.key), sort.direction);
        self.read().await?.page::<MailTemplateDoc>(&list, page, |template| sort.key.position(template)).await
    }

    async fn list_translations(&self, kind: MailKind, locale: &Locale) -> Result<Vec<MailTemplate>, StoreError> {
        let locales: Vec<_> = locale.fallbacks().into_iter().map(Locale::into_string).collect();
        let filter = doc! { "kind": kind.name(), "locale": { "$in": locales } };
        self.read().await?.find::<MailTemplateDoc>(Query::of(filter)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in MailTemplateSortKey::ALL {
            let SortField { index: name, field, .. } = field(*key);
            assert!(crate::schema::has_index(MailTemplateDoc::COLLECTION, name, &[field, "_id"]), "{name}");
        }
    }
}
