//! `MailTemplateRepository` and `MailTemplateQueries`.

use super::{MailTemplates, MailTemplatesUnit};
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    laws::{Deleted, Entity, Listed, Shown, Unique, Versioned, deletes, lists, put, saves, shows},
    sample, world,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Page, PageRequest, Position, Scope, StoreError},
    notifications::{
        MailTemplateSort, MailTemplateSortKey,
        constraints::{MAIL_TEMPLATE_ID, MAIL_TEMPLATE_LOCALE},
    },
};
use skep_domain::{
    notifications::{Locale, MailKind, MailTemplate, MailTemplateId, TemplateSources},
    shared::{Direction, Text, Timestamp, Version},
};

clauses! { clauses of "mail_templates" on dyn MailTemplates, with [
        saves::clauses::<MailTemplate>("mail_templates"),
        deletes::clauses::<MailTemplate>("mail_templates"),
        shows::clauses::<MailTemplate>("mail_template_queries"),
        lists::clauses::<MailTemplate>("mail_template_queries"),
        lists::leaving::<MailTemplate>("mail_template_queries"),
    ]:
    the_translations_of_a_kind_are_found_and_no_others ["MailTemplateQueries 1"],
}

type Given = clause::Given<dyn MailTemplates>;

/// A locale that no other call returns: three letters, a script and a region.
fn locale() -> Locale {
    let id = world::uuid();
    let mut letters = id.as_bytes().iter().rev().map(|byte| char::from(b'a' + byte % 26));
    let mut word = |length| letters.by_ref().take(length).collect::<String>();
    Locale::stored(format!("{}-{}-{}", word(3), word(4), word(2)))
}

fn template(kind: MailKind, locale: Locale) -> Checked<MailTemplate> {
    let sources = TemplateSources {
        subject: TemplateSources::subject("Order {{ order.number }}")?,
        text: TemplateSources::text("Thank you\nfor your order.")?,
        html: Some(TemplateSources::html("<p>Thank you</p>")?),
    };
    Ok(MailTemplate::create(MailTemplateId::new(world::uuid()), kind, locale, sources, sample::at(0)))
}

#[async_trait]
impl Entity for MailTemplate {
    type Id = MailTemplateId;
    type Store = dyn MailTemplates;
    type Tx = dyn MailTemplatesUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: MAIL_TEMPLATE_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique {
            rule: MAIL_TEMPLATE_LOCALE,
            collide: |one, other| (other.kind, other.locale) = (one.kind, one.locale.clone()),
            on_save: false,
        },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        template(MailKind::OrderPlaced, locale())
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let text = |text: &str| Text::stored(text.to_owned());
        let longest = |length| text(&"\u{10FFFD}".repeat(length));
        let full = TemplateSources { subject: longest(500), text: longest(5_000), html: Some(longest(20_000)) };
        let hostile = text("'; DROP TABLE mail_templates; --\n\t{{ a }}");
        let plain = TemplateSources { subject: text("\u{e9}"), text: hostile, html: None };
        let (first, last) =
            (template(MailKind::OrderCancelled, locale())?, template(MailKind::OrderExpired, locale())?);
        let other_kind = MailTemplate { locale: first.locale.clone(), ..last.clone() };
        Ok(vec![
            Self { sources: full, created_at: Timestamp::MAX, updated_at: Timestamp::MAX, ..first },
            Self { sources: plain, created_at: Timestamp::MIN, updated_at: Timestamp::MIN, ..other_kind },
        ])
    }

    fn id(&self) -> MailTemplateId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: MailTemplateId) -> Result<Option<Self>, StoreError> {
        tx.mail_templates().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.mail_templates().insert(self).await
    }
}

#[async_trait]
impl Versioned for MailTemplate {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        let source = format!("Round {round}");
        self.sources = TemplateSources {
            subject: TemplateSources::subject(&source)?,
            text: TemplateSources::text(&source)?,
            html: if round % 2 == 1 { None } else { Some(TemplateSources::html(&source)?) },
        };
        self.updated_at = sample::at(100 * round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.mail_templates().save(self).await
    }
}

#[async_trait]
impl Deleted for MailTemplate {
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.mail_templates().delete(self).await
    }
}

#[async_trait]
impl Shown for MailTemplate {
    type Row = Self;

    fn row(&self) -> Self {
        self.clone()
    }

    async fn show(store: &Self::Store, _: Scope, id: MailTemplateId) -> Result<Option<Self>, StoreError> {
        store.queries().find_mail_template(id).await
    }
}

#[async_trait]
impl Listed for MailTemplate {
    type Sort = MailTemplateSortKey;
    const SORTS: &'static [MailTemplateSortKey] = MailTemplateSortKey::ALL;

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        let kind = match number % 3 {
            0 => MailKind::OrderPlaced,
            1 => MailKind::OrderCancelled,
            _ => MailKind::OrderExpired,
        };
        Ok(Self { created_at: sample::at(number % 5 * 10), ..template(kind, locale())? })
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let mut templates = Vec::new();
        for kind in MailKind::ALL {
            templates.push(template(*kind, locale())?);
        }
        for created_at in sample::edges_of_time()? {
            templates.push(Self { created_at, ..template(MailKind::OrderPlaced, locale())? });
        }
        Ok(templates)
    }

    fn place(sort: MailTemplateSortKey, row: &Self) -> Position {
        sort.position(row)
    }

    async fn list(
        store: &Self::Store,
        _: Scope,
        key: MailTemplateSortKey,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self>, StoreError> {
        store.queries().list_mail_templates(MailTemplateSort { key, direction }, page).await
    }

    async fn leave(&self, tx: &mut Self::Tx) -> Result<bool, StoreError> {
        tx.mail_templates().delete(self).await?;
        Ok(true)
    }
}

async fn the_translations_of_a_kind_are_found_and_no_others(given: &Given) -> Checked {
    let locales = ["en", "de", "de-AT", "zh", "zh-Hant", "zh-Hant-TW", "fr"];
    for locale in locales {
        put(&*given.store, &[template(MailKind::OrderPlaced, Locale::parse(locale)?)?]).await?;
    }
    put(&*given.store, &[template(MailKind::OrderExpired, Locale::parse("de")?)?]).await?;
    let found = async |kind, locale| -> Checked<Vec<String>> {
        let found = given.store.queries().list_translations(kind, &Locale::parse(locale)?).await?;
        let mut locales: Vec<_> = found.into_iter().map(|template| template.locale.into_string()).collect();
        locales.sort_unstable();
        Ok(locales)
    };
    let strings = |locales: &[&str]| locales.iter().map(|locale| (*locale).to_owned()).collect::<Vec<_>>();
    for (kind, locale, expected) in [
        (MailKind::OrderPlaced, "de-AT", &["de", "de-AT", "en"][..]),
        (MailKind::OrderPlaced, "de-CH", &["de", "en"]),
        (MailKind::OrderPlaced, "zh-Hant-TW", &["en", "zh", "zh-Hant", "zh-Hant-TW"]),
        (MailKind::OrderPlaced, "en", &["en"]),
        (MailKind::OrderExpired, "de-AT", &["de"]),
        (MailKind::OrderCancelled, "de", &[]),
    ] {
        equal(found(kind, locale).await?, strings(expected))?;
    }
    Ok(())
}
