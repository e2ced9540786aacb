//! Tests of the use cases of templates, with mocks only.

use super::{constraints::MAIL_TEMPLATE_LOCALE, *};
use crate::{
    kernel::{Command, PageRequest, Precondition, StoreError},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    notifications::{MailKind, MailTemplate, TemplateSources},
    shared::{Direction, Patch, Version},
};
use std::sync::Arc;

/// A postbox with one template and nothing else.
fn one() -> Postbox {
    Postbox { template: Some(mail_template(1)), ..Postbox::default() }
}

async fn run<C: Command<Unit = dyn NotificationsTx>>(
    tx: MockNotificationsTx,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([tx])).execute(&admin(), input).await
}

fn creating() -> CreateMailTemplate {
    CreateMailTemplate::new(renderer())
}

fn create() -> CreateMailTemplateCommand {
    CreateMailTemplateCommand {
        kind: "order_placed".to_owned(),
        locale: "de-at".to_owned(),
        subject: "Bestellung {{ number }}".to_owned(),
        text: "Danke".to_owned(),
        html: Some("<p>Danke</p>".to_owned()),
    }
}

fn changing() -> ChangeMailTemplate {
    ChangeMailTemplate::new(renderer())
}

fn change(subject: &str) -> ChangeMailTemplateCommand {
    ChangeMailTemplateCommand {
        mail_template_id: mail_template_id(1),
        precondition: Precondition::version(Version::FIRST),
        subject: Patch::Set(subject.to_owned()),
        text: Patch::Keep,
        html: Patch::Keep,
    }
}

fn delete(precondition: Precondition) -> DeleteMailTemplateCommand {
    DeleteMailTemplateCommand { mail_template_id: mail_template_id(1), precondition }
}

#[tokio::test]
async fn a_new_template_is_stored_with_one_event() {
    let postbox = Postbox::default();
    let template = run(postbox.open(), creating(), create()).await.unwrap();
    assert_eq!(template, postbox.seen.one("mail_templates.insert"));
    assert_eq!((template.kind, template.locale.as_str()), (MailKind::OrderPlaced, "de-AT"));
    assert_eq!(template.sources.html.unwrap().as_str(), "<p>Danke</p>");
    assert_eq!(postbox.seen.event().name, "notifications.mail_template_created.v1");
    let payload = json!({ "mail_template_id": template.id, "kind": "order_placed", "locale": "de-AT" });
    assert_eq!(postbox.seen.payload(), payload);
}

#[tokio::test]
async fn all_invalid_fields_are_reported_at_once_before_anything_is_read() {
    let refusal = async |wrong| use_case(creating(), &Scripted::untouched()).execute(&admin(), wrong).await;
    let wrong = CreateMailTemplateCommand {
        kind: "spam".to_owned(),
        locale: "german".to_owned(),
        subject: "a\r\nBcc: eve@example.com".to_owned(),
        text: String::new(),
        html: Some("a".repeat(20_001)),
    };
    let fields = vec![
        ("/kind", "unknown_mail_kind"),
        ("/locale", "invalid_locale"),
        ("/subject", "invalid_text"),
        ("/text", "invalid_text"),
        ("/html", "invalid_text"),
    ];
    assert_eq!(problem(&refusal(wrong).await), ("validation_failed", fields));
    let faulty = |text: &str| text.to_owned() + "{{ unknown }}";
    let wrong = CreateMailTemplateCommand { subject: faulty("a"), html: Some(faulty("b")), ..create() };
    let fields = vec![("/subject", "unknown_variable"), ("/html", "unknown_variable")];
    assert_eq!(problem(&refusal(wrong).await), ("validation_failed", fields));
}

#[tokio::test]
async fn a_template_must_make_a_mail_from_the_sample() {
    let long = |length| CreateMailTemplateCommand { subject: "a".repeat(length), ..create() };
    let refused = use_case(creating(), &Scripted::untouched()).execute(&admin(), long(201)).await;
    assert_eq!(problem(&refused), ("validation_failed", vec![("/subject", "unusable_template")]));
    run(Postbox::default().open(), creating(), long(200)).await.unwrap();
}

#[tokio::test]
async fn a_kind_has_one_template_for_each_locale() {
    let postbox = Postbox::default();
    let mut tx = postbox.looking();
    let exists = StoreError::Duplicate { constraint: MAIL_TEMPLATE_LOCALE };
    tx.mail_templates.expect_insert().times(1).return_once(|_| Err(exists));
    assert_eq!(code(&run(tx, creating(), create()).await), "mail_template_exists");
    assert_eq!(postbox.seen.endings(), [Ending::RolledBack]);
}

#[tokio::test]
async fn a_change_raises_the_version_and_records_one_event() {
    let postbox = one();
    let before = mail_template(1);
    let template = run(postbox.open(), changing(), change("Hello")).await.unwrap();
    assert_eq!((template.sources.subject.as_str(), &template.sources.text), ("Hello", &before.sources.text));
    let saved: MailTemplate = postbox.seen.one("mail_templates.save");
    assert_eq!((template.version, saved.version), (before.version.next(), before.version));
    assert_eq!(postbox.seen.event().name, "notifications.mail_template_changed.v1");
    let same = run(one().looking(), changing(), change(before.sources.subject.as_str())).await;
    assert_eq!(same.unwrap(), before, "the same sources change nothing");
}

#[tokio::test]
async fn only_the_html_can_be_left_out() {
    let keep = || ChangeMailTemplateCommand { subject: Patch::Keep, ..change("") };
    let mut postbox = one();
    let html = ChangeMailTemplateCommand { html: Patch::Set("<p></p>".to_owned()), ..keep() };
    postbox.template = Some(run(postbox.open(), changing(), html).await.unwrap());
    let precondition = Precondition::Any;
    let none = ChangeMailTemplateCommand { html: Patch::Clear, precondition: precondition.clone(), ..keep() };
    assert_eq!(run(postbox.open(), changing(), none).await.unwrap().sources.html, None);
    let wrong = ChangeMailTemplateCommand { subject: Patch::Clear, text: Patch::Clear, precondition, ..keep() };
    let fields = vec![("/subject", "required"), ("/text", "required")];
    assert_eq!(problem(&run(one().looking(), changing(), wrong).await), ("validation_failed", fields));
}

#[tokio::test]
async fn not_found_is_reported_before_the_precondition_and_the_precondition_before_the_values() {
    let wrong = |precondition| ChangeMailTemplateCommand { precondition, ..change("{{ unknown }}") };
    let ask = async |postbox: Postbox, precondition| run(postbox.looking(), changing(), wrong(precondition)).await;
    let other = Precondition::version(Version::FIRST.next());
    assert_eq!(code(&ask(Postbox::default(), Precondition::Missing).await), "not_found");
    assert_eq!(code(&ask(one(), Precondition::Missing).await), "precondition_required");
    assert_eq!(code(&ask(one(), other.clone()).await), "precondition_failed");
    let invalid = ("validation_failed", vec![("/subject", "unknown_variable")]);
    assert_eq!(problem(&ask(one(), Precondition::Any).await), invalid);
    // A deletion needs no precondition.
    let ask = async |postbox: Postbox, precondition| {
        code(&run(postbox.open(), DeleteMailTemplate, delete(precondition)).await)
    };
    assert_eq!(ask(Postbox::default(), other.clone()).await, "not_found");
    assert_eq!(ask(one(), other).await, "precondition_failed");
    assert_eq!(ask(one(), Precondition::version(Version::FIRST)).await, "ok");
}

#[tokio::test]
async fn a_template_is_deleted_with_one_event() {
    let postbox = one();
    run(postbox.open(), DeleteMailTemplate, delete(Precondition::Missing)).await.unwrap();
    assert_eq!(Some(postbox.seen.one("mail_templates.delete")), postbox.template);
    let event = postbox.seen.event();
    let expected = ("notifications.mail_template_deleted.v1", Version::FIRST.next());
    assert_eq!((event.name.as_str(), event.aggregate_version), expected);
}

#[tokio::test]
async fn only_admins_read_and_try_templates() {
    let mut queries = MockMailTemplateQueries::new();
    queries.expect_find_mail_template().returning(|id| Ok(one().template.filter(|found| found.id == id)));
    queries.expect_list_mail_templates().times(1).returning(|_, _| Err(away()));
    let queries: Arc<dyn MailTemplateQueries> = Arc::new(queries);
    let (get, list) =
        (GetMailTemplate::new(queries.clone()), ListMailTemplates::new(queries.clone(), fixed_runtime().0.clock));
    let (preview, any) = (PreviewMailTemplate::new(queries, renderer()), &Precondition::Missing);
    let sort = MailTemplateSort { key: MailTemplateSortKey::Kind, direction: Direction::Ascending };
    for (actor, expected) in [(visitor(), "unauthenticated"), (user(1), "forbidden")] {
        assert_eq!(code(&get.execute(&actor, mail_template_id(1)).await), expected);
        assert_eq!(code(&list.execute(&actor, sort, &PageRequest::default()).await), expected);
        assert_eq!(code(&preview.execute(&actor, mail_template_id(1), any, None).await), expected);
    }
    assert_eq!(get.execute(&admin(), mail_template_id(1)).await.unwrap().id, mail_template_id(1));
    assert_eq!(code(&get.execute(&admin(), mail_template_id(2)).await), "not_found");
    assert_eq!(code(&list.execute(&admin(), sort, &PageRequest::default()).await), "store_unavailable");
    assert_eq!(code(&preview.execute(&admin(), mail_template_id(2), any, None).await), "not_found");
}

#[tokio::test]
async fn a_preview_is_made_from_the_sample_or_from_given_data() {
    let of = |subject: &str| {
        let mut template = mail_template(1);
        template.sources.subject = TemplateSources::subject(subject).unwrap();
        let mut queries = MockMailTemplateQueries::new();
        queries.expect_find_mail_template().returning(move |_| Ok(Some(template.clone())));
        PreviewMailTemplate::new(Arc::new(queries), renderer())
    };
    let subject = async |data| {
        of("Order {{ number }}").execute(&admin(), mail_template_id(1), &Precondition::Missing, data).await
    };
    let sample = sample_data(MailKind::OrderPlaced)["order"]["number"].as_str().unwrap().to_owned();
    assert_eq!(subject(None).await.unwrap().subject.as_str(), format!("Order {sample}"));
    let given = Some(json!({ "order": { "number": "7" } }));
    assert_eq!(subject(given).await.unwrap().subject.as_str(), "Order 7");
    let hostile = Some(json!({ "order": { "number": "7\r\nBcc: eve@example.com" } }));
    assert_eq!(problem(&subject(hostile).await), ("validation_failed", vec![("/data", "unusable_template")]));
    let unknown = of("{{ unknown }}").execute(&admin(), mail_template_id(1), &Precondition::Missing, None).await;
    assert_eq!(problem(&unknown), ("validation_failed", vec![("/data", "unknown_variable")]));
    let other = Precondition::version(Version::FIRST.next());
    assert_eq!(code(&of("a").execute(&admin(), mail_template_id(1), &other, None).await), "precondition_failed");
}

#[tokio::test]
async fn obey_the_frame_of_commands() {
    obeys_the_frame(&Postbox::default(), creating, &admin(), create).await;
    obeys_the_frame(&one(), changing, &admin(), || change("Hello")).await;
    obeys_the_frame(&one(), || DeleteMailTemplate, &admin(), || delete(Precondition::Missing)).await;
}
