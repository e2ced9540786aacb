//! Templates of mails.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, page};
use async_trait::async_trait;
use skep_application::{
    kernel::{Page, PageRequest},
    notifications::{
        MailTemplateQueries, MailTemplateRepository, MailTemplateSort,
        constraints::{MAIL_TEMPLATE_ID, MAIL_TEMPLATE_LOCALE},
    },
};
use skep_domain::{
    notifications::{Locale, MailKind, MailTemplate, MailTemplateId},
    shared::Version,
};

impl Row for MailTemplate {
    type Key = MailTemplateId;
    const RULES: Rules<Self> = Rules {
        unique: &[(MAIL_TEMPLATE_LOCALE, |one, other| (one.kind, &one.locale) == (other.kind, &other.locale))],
        ..Rules::of(MAIL_TEMPLATE_ID, |template| template.id, |template| &mut template.version)
    };
}

#[async_trait]
impl MailTemplateRepository for MemoryUnit {
    async fn find(&mut self, id: MailTemplateId) -> Done<Option<MailTemplate>> {
        self.run(|state| Ok(state.mail_templates.get(id).cloned())).await
    }
    async fn insert(&mut self, template: &MailTemplate) -> Done<()> {
        self.run(|state| state.mail_templates.insert(template)).await
    }
    async fn save(&mut self, template: &MailTemplate) -> Done<Version> {
        self.run(|state| state.mail_templates.save(template)).await
    }
    async fn delete(&mut self, template: &MailTemplate) -> Done<()> {
        self.run(|state| state.mail_templates.delete(template)).await
    }
}

#[async_trait]
impl MailTemplateQueries for MemoryStore {
    async fn find_mail_template(&self, id: MailTemplateId) -> Done<Option<MailTemplate>> {
        Ok(self.state().mail_templates.get(id).cloned())
    }
    async fn list_mail_templates(&self, sort: MailTemplateSort, request: &PageRequest) -> Done<Page<MailTemplate>> {
        let state = self.state();
        let rows = state.mail_templates.rows().cloned();
        Ok(page(rows, |row| sort.key.position(row), sort.direction, request, usize::MAX, |_| 0))
    }
    async fn list_translations(&self, kind: MailKind, locale: &Locale) -> Done<Vec<MailTemplate>> {
        let (state, locales) = (self.state(), locale.fallbacks());
        let wanted = |row: &&MailTemplate| row.kind == kind && locales.contains(&row.locale);
        Ok(state.mail_templates.rows().filter(wanted).cloned().collect())
    }
}
