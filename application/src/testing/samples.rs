//! Sample actors, entities and errors. Samples of one kind differ only in what follows from their number.

use super::{FixedClock, SeqIds};
use crate::kernel::{
    Actor, AppError, Clock as _, Fingerprints, IdempotencyKey, MockFingerprints, Principal, StoreError,
};
use skep_domain::{
    access::{Group, GroupFields, GroupId, OwnRole, Permissions, Policy, Role, RoleId, RoleName},
    catalog::{Category, CategoryId, NAME_MAX, Product, Sku, Slug, StockLevel},
    events::{EventPosition, HeldEvent, HeldEventId, SubscriberName, Subscription, SubscriptionId},
    files::{Checksum, File, FileContent, FileId, FileName, FilePurpose, FileVisibility, MediaType},
    identity::SessionKind,
    jobs::{
        Interval, Job, JobArgs, JobId, JobKind, JobOrigin, MisfirePolicy, NewJob, NewSchedule, OverlapPolicy, Queue,
        QueueId, QueueName, Schedule, ScheduleId, ScheduleName, ScheduledJob, Timing,
    },
    notifications::{Locale, MailKind, MailTemplate, MailTemplateId, TemplateSources},
    ordering::{Basket, MAX_LINES, Order, OrderNumber},
    shared::{EventId, Money, OrderId, ProductId, SessionId, Text, Timestamp, UserId},
};
use std::sync::Arc;

/// The id of the `n`th user.
#[must_use]
pub fn user_id(n: u64) -> UserId {
    UserId::new(SeqIds::nth(1_000 + n))
}

/// The `n`th user, with these roles.
#[must_use]
pub fn actor(n: u64, roles: &[Role]) -> Actor {
    Actor::user(
        user_id(n),
        SessionId::new(SeqIds::nth(2_000 + n)),
        Permissions::of(roles, &Policy::default()),
        "request-1",
    )
}

/// The `n`th user, with the role `user`.
#[must_use]
pub fn user(n: u64) -> Actor {
    actor(n, &[Role::USER])
}

/// The same user, with the cookie of the session.
#[must_use]
pub fn by_cookie(actor: Actor) -> Actor {
    let principal = match actor.principal {
        Principal::User { id, session, permissions, .. } => {
            Principal::User { id, session, credential: SessionKind::Cookie, permissions }
        }
        other => other,
    };
    Actor { principal, ..actor }
}

/// User 99, with the role `admin`.
#[must_use]
pub fn admin() -> Actor {
    actor(99, &[Role::ADMIN, Role::USER])
}

/// A role of the deployment with these permissions. Its id follows from its name.
///
/// # Panics
/// Never.
#[must_use]
pub fn own_role(name: &str, permissions: &[&str]) -> OwnRole {
    let number = name.bytes().fold(0, |sum: u64, byte| sum * 31 % 997 + u64::from(byte));
    let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
    let name = RoleName::parse(name).expect("a name");
    OwnRole::create(RoleId::new(SeqIds::nth(14_000 + number)), name, text("A role"), permissions, Timestamp::MIN)
}

/// A group with a number, these roles, and a parent of another number.
///
/// # Panics
/// Never.
#[must_use]
pub fn group_of_users(number: u64, roles: &[&str], parent: Option<u64>) -> Group {
    let id = |number| GroupId::new(SeqIds::nth(15_000 + number));
    let fields = GroupFields {
        name: text(&format!("Group {number}")),
        description: text("A group"),
        roles: roles.iter().map(|name| Role::stored(name)).collect(),
        parent_id: parent.map(id),
    };
    Group::create(id(number), fields, Timestamp::MIN)
}

/// A caller without an account.
#[must_use]
pub fn visitor() -> Actor {
    Actor::anonymous("request-1")
}

/// A valid idempotency key.
///
/// # Panics
/// Never.
#[must_use]
pub fn key() -> IdempotencyKey {
    IdempotencyKey::parse("key-1").expect("a valid key")
}

/// An error after which the attempt is repeated.
#[must_use]
pub fn aborted() -> StoreError {
    StoreError::Retry("aborted".into())
}

/// An error of a commit that may or may not be stored.
#[must_use]
pub fn unknown() -> StoreError {
    StoreError::OutcomeUnknown("the connection was lost".into())
}

/// An error of a store that does not answer.
#[must_use]
pub fn away() -> StoreError {
    StoreError::Unavailable("no server answers".into())
}

/// Fingerprints that differ for different commands. Each is a checksum, not an HMAC.
#[must_use]
pub fn fingerprints() -> Arc<dyn Fingerprints> {
    let mut fingerprints = MockFingerprints::new();
    fingerprints.expect_fingerprint().returning(|command| {
        let sum = command.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let mut fingerprint = [0; 32];
        fingerprint[..8].copy_from_slice(&sum.to_be_bytes());
        fingerprint
    });
    Arc::new(fingerprints)
}

/// An amount in cents.
///
/// # Panics
/// Never.
#[must_use]
pub fn eur(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().expect("a currency"))
}

fn text(text: &str) -> Text {
    Text::line(text, NAME_MAX).expect("a text")
}

/// The id of the `n`th product.
#[must_use]
pub fn product_id(n: u64) -> ProductId {
    ProductId::new(SeqIds::nth(3_000 + n))
}

/// The `n`th product: honey with the SKU `honey-n`.
///
/// # Panics
/// If a product cannot have this price.
#[must_use]
pub fn product(n: u64, price: Money) -> Product {
    let sku = Sku::parse(&format!("honey-{n}")).expect("a SKU");
    Product::create(product_id(n), sku, text("Honey"), text("Sweet"), price, Timestamp::MIN).expect("a price")
}

/// The stock level of the `n`th product, without reservations.
#[must_use]
pub fn level(n: u64, on_hand: u32) -> StockLevel {
    StockLevel { on_hand, ..StockLevel::empty(product_id(n), Timestamp::MIN) }
}

/// The id of the `n`th category.
#[must_use]
pub fn category_id(n: u64) -> CategoryId {
    CategoryId::new(SeqIds::nth(4_000 + n))
}

/// The `n`th category, at the top of the tree. The slug of the first one is `honey`, that of the others `honey-n`.
///
/// # Panics
/// Never.
#[must_use]
pub fn category(n: u64) -> Category {
    let slug = if n == 1 { "honey".to_owned() } else { format!("honey-{n}") };
    let slug = Slug::parse(&slug).expect("a slug");
    Category::create(category_id(n), text("Honey"), slug, None, Timestamp::MIN)
}

/// The id of the `n`th template of mails.
#[must_use]
pub fn mail_template_id(n: u64) -> MailTemplateId {
    MailTemplateId::new(SeqIds::nth(6_000 + n))
}

/// The `n`th template: mails of plain text to customers of new orders, in English.
#[must_use]
pub fn mail_template(n: u64) -> MailTemplate {
    let sources = TemplateSources { subject: text("Order {{ order.number }}"), text: text("Thank you"), html: None };
    let locale = Locale::english();
    MailTemplate::create(mail_template_id(n), MailKind::OrderPlaced, locale, sources, Timestamp::MIN)
}

/// The id of the `n`th file.
#[must_use]
pub fn file_id(n: u64) -> FileId {
    FileId::new(SeqIds::nth(13_000 + n))
}

/// The `n`th file: 5 bytes of text, private, ready, of user 1.
///
/// # Panics
/// Never.
#[must_use]
pub fn file(n: u64) -> File {
    let name = FileName::parse("a.txt").expect("a valid name");
    let (purpose, visibility) = (FilePurpose::Attachment, FileVisibility::Private);
    let mut file = File::begin(file_id(n), user_id(1), purpose, visibility, name, 5, Timestamp::MIN);
    let media_type = MediaType::parse("text/plain").expect("a valid media type");
    let content = FileContent { size: 5, media_type, checksum: Checksum::new([7; 32]) };
    file.complete(None, content, Timestamp::MIN).expect("an upload");
    file
}

/// The `n`th file as a picture that every visitor sees.
#[must_use]
pub fn picture_file(n: u64) -> File {
    File { purpose: FilePurpose::Image, visibility: FileVisibility::Public, ..file(n) }
}

/// The id of the `n`th order.
#[must_use]
pub fn order_id(n: u64) -> OrderId {
    OrderId::new(SeqIds::nth(5_000 + n))
}

/// The `n`th order of a user. A line is a product and its number of pieces.
///
/// # Panics
/// If the lines do not make a valid order.
#[must_use]
pub fn order(n: u64, customer: UserId, lines: &[(&Product, i64)]) -> Order {
    let basket: Vec<_> = lines.iter().map(|(product, quantity)| (product.id, *quantity)).collect();
    let products: Vec<_> = lines.iter().map(|(product, _)| (*product).clone()).collect();
    let lines = Basket::new(&basket, MAX_LINES).expect("a basket").price(&products).expect("lines with prices");
    let order = Order::place(order_id(n), OrderNumber::from_random(n), customer, lines, Timestamp::MIN);
    order.expect("lines that add up")
}

/// The id of the `n`th job.
#[must_use]
pub fn job_id(n: u64) -> JobId {
    JobId::new(SeqIds::nth(6_000 + n))
}

/// The `n`th job: it waits in the default queue, and its argument is its number.
///
/// # Panics
/// Never.
#[must_use]
pub fn job(n: u64) -> Job {
    let kind = JobKind::parse("shop.greet").expect("a kind");
    let origin = JobOrigin { request_id: "request-1".to_owned(), traceparent: None };
    Job::create(job_id(n), NewJob::of(kind, JobArgs::stored(n.to_string())), origin, Timestamp::MIN)
}

/// The default queue.
#[must_use]
pub fn queue() -> Queue {
    Queue::create(QueueId::new(SeqIds::nth(7_000)), QueueName::default(), Timestamp::MIN)
}

/// The subscription of the subscriber `shop.mails`, at the start of the log.
///
/// # Panics
/// Never.
#[must_use]
pub fn subscription() -> Subscription {
    let name = SubscriberName::parse("shop.mails").expect("a name");
    Subscription::create(SubscriptionId::new(SeqIds::nth(8_000)), name, EventPosition::START, None, Timestamp::MIN)
}

/// The id of the `n`th event that is held back.
#[must_use]
pub fn held_event_id(n: u64) -> HeldEventId {
    HeldEventId::new(SeqIds::nth(9_000 + n))
}

/// The `n`th event that [`subscription`] holds back: it has the position `n`, and waits for another event of the first
/// product.
#[must_use]
pub fn held_event(n: u64) -> HeldEvent {
    let position = i64::try_from(n).ok().and_then(EventPosition::new).unwrap_or(EventPosition::START);
    let event = (EventId::new(SeqIds::nth(9_500 + n)), position);
    HeldEvent::waiting(held_event_id(n), subscription().id, event, product_id(1).uuid(), Timestamp::MIN)
}

/// The id of the `n`th schedule.
#[must_use]
pub fn schedule_id(n: u64) -> ScheduleId {
    ScheduleId::new(SeqIds::nth(8_000 + n))
}

/// The `n`th schedule: it makes a job each hour, and was created at the first time of a fixed clock.
///
/// # Panics
/// Never.
#[must_use]
pub fn schedule(n: u64) -> Schedule {
    let now = FixedClock::default().now();
    let Job { kind, queue, args, priority, max_attempts, .. } = job(n);
    let new = NewSchedule {
        name: ScheduleName::parse(&format!("hourly-{n}")).expect("a name"),
        timing: Timing::Every { interval: Interval::of_seconds(3_600).expect("an hour"), from: now },
        job: ScheduledJob { kind, queue, args, priority, max_attempts },
        misfire: MisfirePolicy::default(),
        overlap: OverlapPolicy::default(),
    };
    Schedule::create(schedule_id(n), new, now)
}

/// The code of the error, and its fields with their codes; `ok` if there is no error.
pub fn problem<T>(result: &Result<T, impl AppError>) -> (&'static str, Vec<(&str, &'static str)>) {
    match result {
        Ok(_) => ("ok", vec![]),
        Err(error) => (error.code(), error.fields().iter().map(|field| (field.pointer.as_str(), field.code)).collect()),
    }
}

/// The code of the error; `ok` if there is no error.
pub fn code<T>(result: &Result<T, impl AppError>) -> &'static str {
    problem(result).0
}
