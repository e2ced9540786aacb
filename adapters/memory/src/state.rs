//! The data of a store.

use crate::{
    events::Log,
    search::{Postings, Words},
    table::{Shared, Table},
};
use skep_application::{
    identity::SetupToken,
    kernel::{KeptAnswer, OutboxEvent},
    operations::{AppliedStep, FieldKey, SealedKey},
};
use skep_domain::{
    access::{Group, OwnRole, PolicyVersion},
    catalog::{Category, Product, Reservation, StockLevel, StockMovement},
    events::{HeldEvent, Subscription, SubscriptionId},
    files::{File, FileId, FileImage, FileUsage},
    identity::{AccountLink, KnownNetworks, Session, User},
    jobs::{Job, Queue, Schedule},
    notifications::MailTemplate,
    ordering::Order,
    search::SearchBuild,
    shared::{EventId, ReservationId, SessionId, Timestamp, UserId},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The data of a store at one moment. A clone is cheap: it shares each table until one of the two changes it.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Accounts, by id.
    pub users: Table<User>,
    /// The roles that the deployment defines.
    pub roles: Table<OwnRole>,
    /// The groups of accounts.
    pub groups: Table<Group>,
    /// The number of changes of roles and groups.
    pub policy: PolicyVersion,
    /// Sessions, by id; each is a login.
    pub sessions: Shared<BTreeMap<SessionId, Session>>,
    /// The networks that accounts have logged in from, by account.
    pub known_networks: Shared<BTreeMap<UserId, KnownNetworks>>,
    /// The links that are mailed to the owners of accounts, by account and purpose.
    pub account_links: Shared<BTreeMap<(UserId, &'static str), AccountLink>>,
    /// The token that allows the setup, if one was issued.
    pub setup_token: Option<SetupToken>,
    /// Products, including archived ones.
    pub products: Table<Product>,
    /// The tree of categories.
    pub categories: Table<Category>,
    /// The stock level of each product.
    pub levels: Table<StockLevel>,
    /// The ledger, in the order in which it was written.
    pub movements: Shared<Vec<StockMovement>>,
    /// Reservations, including those that have ended.
    pub reservations: Shared<BTreeMap<ReservationId, Reservation>>,
    /// Orders with their lines.
    pub orders: Table<Order>,
    /// Jobs in every state.
    pub jobs: Table<Job>,
    /// The settings of queues.
    pub queues: Table<Queue>,
    /// Schedules, also those that are paused or done.
    pub schedules: Table<Schedule>,
    /// The templates of mails that admins have written.
    pub mail_templates: Table<MailTemplate>,
    /// Files in every state.
    pub files: Table<File>,
    /// The pictures of files in sizes, by id.
    pub file_images: Shared<BTreeMap<FileId, FileImage>>,
    /// How much users keep, by user.
    pub file_usage: Table<FileUsage>,
    /// The terms of documents, by space, term and document.
    pub postings: Shared<Postings>,
    /// The words of documents, by the keys by which mistyped ones find them.
    pub words: Shared<Words>,
    /// How far the index of each kind of documents is built.
    pub builds: Table<SearchBuild>,
    /// Idempotency keys, by principal, use case and key.
    pub keys: Shared<BTreeMap<(Uuid, &'static str, String), StoredKey>>,
    /// The outbox: all events, by id.
    pub events: Shared<BTreeMap<EventId, OutboxEvent>>,
    /// The positions of events.
    pub log: Shared<Log>,
    /// Subscriptions, replays included.
    pub subscriptions: Table<Subscription>,
    /// When subscriptions have received events.
    pub received: Shared<BTreeMap<(SubscriptionId, EventId), Timestamp>>,
    /// Events that subscriptions hold back.
    pub held_events: Table<HeldEvent>,
    /// Sealed keys of the deployment.
    pub instance_keys: Shared<Vec<SealedKey>>,
    /// Keys of sealed fields, wrapped.
    pub field_keys: Shared<Vec<FieldKey>>,
    /// Records of the migration steps that are applied.
    pub applied: Shared<Vec<AppliedStep>>,
}

/// A claimed idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Distinguishes the command that claimed the key from other commands.
    pub fingerprint: [u8; 32],
    /// The answer of the command; `None` until the command has set it.
    pub answer: Option<KeptAnswer>,
    /// The time from which the key can be claimed again.
    pub expires_at: Timestamp,
}

impl State {
    /// The number of rows, not counting the terms and words of documents, sealed keys and records of migrations.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.users.len()
            + self.roles.len()
            + self.groups.len()
            + self.sessions.len()
            + self.known_networks.len()
            + self.account_links.len()
            + self.products.len()
            + self.categories.len()
            + self.levels.len()
            + self.movements.len()
            + self.reservations.len()
            + self.orders.len()
            + self.jobs.len()
            + self.queues.len()
            + self.schedules.len()
            + self.mail_templates.len()
            + self.files.len()
            + self.file_images.len()
            + self.file_usage.len()
            + self.builds.len()
            + self.keys.len()
            + self.events.len()
            + self.subscriptions.len()
            + self.received.len()
            + self.held_events.len()
    }
}
