//! The mock world of notifications.

use super::{MockUnit, Seen, World};
use crate::notifications::{MockRenderer, NotificationsMocks, Renderer, TemplateFault, TemplateFaultKind};
use skep_domain::notifications::MailTemplate;
use std::sync::Arc;

/// The templates of mails.
#[derive(Clone, Default)]
pub struct Postbox {
    /// The only template, if there is one.
    pub template: Option<MailTemplate>,
    /// The calls that the units of work have received.
    pub seen: Seen,
}

impl World for Postbox {
    type Mocks = NotificationsMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockUnit<NotificationsMocks> {
        let mut unit: MockUnit<NotificationsMocks> = self.seen.looking();
        let templates = Vec::from_iter(self.template.clone());
        let finds = self.seen.finds("mail_templates.find", templates, |template| template.id);
        unit.mail_templates.expect_find().returning(finds);
        unit
    }

    fn open(&self) -> MockUnit<NotificationsMocks> {
        let (mut unit, seen) = (self.looking(), &self.seen);
        unit.mail_templates.expect_insert().returning(seen.stores("mail_templates.insert"));
        let saves = seen.saves("mail_templates.save", |template: &MailTemplate| template.version);
        unit.mail_templates.expect_save().returning(saves);
        unit.mail_templates.expect_delete().returning(seen.stores("mail_templates.delete"));
        seen.writes(&mut unit);
        unit
    }
}

/// A renderer whose result is the source. A source with `{{ unknown }}` has a fault, and `{{ number }}` stands for
/// `order.number` of the data.
#[must_use]
pub fn renderer() -> Arc<dyn Renderer> {
    let check = |source: &str| {
        let fault = || TemplateFault::new(TemplateFaultKind::UnknownVariable, "there is no variable `unknown`");
        if source.contains("{{ unknown }}") { Err(fault()) } else { Ok(()) }
    };
    let mut renderer = MockRenderer::new();
    renderer.expect_check().returning(move |_, source, _| check(source));
    renderer.expect_render().returning(move |_, source, data| {
        check(source)?;
        let number = data["order"]["number"].as_str().unwrap_or_default();
        Ok(source.replace("{{ number }}", number))
    });
    Arc::new(renderer)
}
