//! All use cases of Skep over one set of ports. A transport or an embedding program holds them as an [`App`].

use crate::{
    Store,
    catalog::{Catalog, ProductSource},
    events::{EventPolicy, Events, PlaceEvents, SweepEvents},
    files::{
        BlobStore, ContentTypes, DeliveryPolicy, ExportFiles, ExportUploads, FilePolicy, Files, ImagePolicy,
        ImageScaler, Scanner, SweepExpiredFiles, SweepFiles, SweepOrphanBlobs,
    },
    identity::{
        AccessTokens, AccountPolicy, AddEmailKeys, EraseAccounts, ExportAccount, ExportKnownNetworks, ExportProfile,
        ExportSessions, Identity, IdentityHooks, OneTimeSecrets, PasswordHasher, RolePolicy, SessionPolicy,
        SweepAccountLinks, SweepKnownNetworks, SweepSessions,
    },
    jobs::{JobPolicy, Jobs, LeasePolicy, SchedulePolicy, SweepJobs, TicketPolicy, TicketQueue},
    kernel::{EraseUser, ExportUser, FieldCipher, Fingerprints, RateLimits, Runtime, SweepAll},
    notifications::{MailPolicy, Mailer, Notifications, Renderer},
    operations::{SweepExpired, SweepIdempotencyKeys},
    ordering::{ExportOrders, OrderPolicy, Ordering},
    search::{Search, SearchPolicy, SearchSource},
};
use skep_domain::identity::PasswordPolicy;
use std::sync::Arc;

/// The adapters that the use cases are built on.
#[derive(Clone)]
pub struct Ports {
    /// The store, shared by all contexts.
    pub store: Arc<dyn Store>,
    /// Time, identifiers and randomness.
    pub runtime: Runtime,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub tokens: Arc<dyn AccessTokens>,
    /// Fingerprints commands.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// Seals fields before they are stored, and opens them.
    pub fields: Arc<dyn FieldCipher>,
    /// Signs links to the contents of files, and nothing else. With another key, all links that were made before end.
    pub link_key: Arc<dyn Fingerprints>,
    /// Creates and compares one-time tokens.
    pub secrets: Arc<dyn OneTimeSecrets>,
    /// Counts requests, login attempts and mails.
    pub limits: Arc<dyn RateLimits>,
    /// Fills templates of mails.
    pub renderer: Arc<dyn Renderer>,
    /// Sends mails.
    pub mailer: Arc<dyn Mailer>,
    /// Keeps the contents of files.
    pub blobs: Arc<dyn BlobStore>,
    /// Judges what a content is.
    pub content_types: Arc<dyn ContentTypes>,
    /// Makes smaller pictures.
    pub image_scaler: Arc<dyn ImageScaler>,
    /// Judges whether contents are harmful. Without one, files are ready as soon as they are stored.
    pub scanner: Option<Arc<dyn Scanner>>,
    /// What the program adds to identity. By default, nothing.
    pub hooks: IdentityHooks,
    /// Gives the jobs of some queues to workers. Without one, workers claim them in the store.
    pub tickets: Option<Arc<dyn TicketQueue>>,
}

/// The rules that a deployment can configure.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// The rules for new passwords.
    pub passwords: PasswordPolicy,
    /// How long sessions and access tokens last, and how often a login may be tried.
    pub sessions: SessionPolicy,
    /// The callers that may register, and the links that are mailed to the owners of accounts.
    pub accounts: AccountPolicy,
    /// How many roles there may be.
    pub roles: RolePolicy,
    /// The limits of orders, and how long they wait for their payment.
    pub orders: OrderPolicy,
    /// The sender of mails, and how many are sent.
    pub mail: MailPolicy,
    /// How long events are kept.
    pub events: EventPolicy,
    /// How long jobs are kept after they ended, and how many may wait.
    pub jobs: JobPolicy,
    /// Which queues of jobs are outside of the store.
    pub tickets: TicketPolicy,
    /// How many schedules there may be.
    pub schedules: SchedulePolicy,
    /// When a process that holds jobs or subscriptions counts as lost.
    pub leases: LeasePolicy,
    /// What users may keep, and when remains of uploads are removed.
    pub files: FilePolicy,
    /// The sizes in which pictures are shown.
    pub images: ImagePolicy,
    /// Where clients and caches get the contents of public files.
    pub delivery: DeliveryPolicy,
    /// How much a search reads.
    pub search: SearchPolicy,
}

/// The use cases of Skep, grouped by context.
pub struct App {
    /// The use cases of identity.
    pub identity: Identity,
    /// The use cases of the catalog.
    pub catalog: Catalog,
    /// The use cases of ordering.
    pub ordering: Ordering,
    /// The use cases of jobs.
    pub jobs: Jobs,
    /// The use cases of mails.
    pub notifications: Notifications,
    /// The use cases of events.
    pub events: Events,
    /// The use cases of files.
    pub files: Files,
    /// The use cases of search.
    pub search: Search,
    /// Makes the archives of exports, from what all contexts have of a user.
    pub export_account: Arc<ExportAccount>,
    /// Ends or deletes what has expired in all contexts.
    pub sweep_expired: SweepExpired,
    /// The ports that the use cases are built on.
    pub ports: Ports,
    /// The rules that the use cases keep, for interfaces that describe them.
    pub policies: Policies,
}

impl App {
    /// Builds every use case from these ports and policies.
    #[must_use]
    pub fn new(ports: Ports, policies: Policies) -> Self {
        let ordering = Ordering::new(&ports, policies.orders.clone());
        let files = Files::new(&ports, policies.files, policies.images.clone(), policies.jobs);
        // What each context erases of a user, before identity erases the account.
        let erasures: Vec<Arc<dyn EraseUser>> = vec![files.erase_files.clone()];
        let (store, runtime) = (ports.store.clone(), ports.runtime.clone());
        // What each context exports of a user, in the order of the archive.
        let sections: Vec<Arc<dyn ExportUser>> = vec![
            Arc::new(ExportProfile::new(store.clone())),
            Arc::new(ExportSessions::new(store.clone())),
            Arc::new(ExportKnownNetworks::new(store.clone(), runtime.clone())),
            Arc::new(ExportOrders::new(store.clone())),
            Arc::new(ExportFiles::new(store.clone())),
            Arc::new(ExportUploads::new(store.clone())),
        ];
        // The documents that search finds, one line for each kind.
        let documents: Vec<Arc<dyn SearchSource>> =
            vec![Arc::new(ProductSource::new(store.clone(), store.clone(), runtime.clone()))];
        let search = Search::new(&ports, documents, policies.search);
        let archives = files.store_archive.clone();
        let lifetime = policies.accounts.export_lifetime;
        let export_account = ExportAccount::new(store.clone(), sections, archives, runtime.clone(), lifetime);
        let sweeps: Vec<Arc<dyn SweepAll>> = vec![
            Arc::new(SweepIdempotencyKeys::new(ports.store.clone())),
            Arc::new(SweepSessions::new(ports.store.clone())),
            ordering.expire_orders.clone(),
            Arc::new(SweepKnownNetworks::new(ports.store.clone(), policies.sessions.known_networks)),
            Arc::new(SweepAccountLinks::new(ports.store.clone())),
            Arc::new(AddEmailKeys::new(ports.store.clone(), ports.store.clone(), ports.runtime.clone())),
            Arc::new(PlaceEvents::new(ports.store.clone(), ports.runtime.clone())),
            Arc::new(SweepEvents::new(ports.store.clone(), policies.events)),
            Arc::new(SweepJobs::new(ports.store.clone(), policies.jobs)),
            Arc::new(SweepFiles::new(ports.store.clone(), files.remove_files.clone(), policies.files.upload_time)),
            Arc::new(SweepExpiredFiles::new(ports.store.clone(), files.erase_files.clone())),
            Arc::new(SweepOrphanBlobs::new(
                ports.store.clone(),
                ports.blobs.clone(),
                ports.store.clone(),
                policies.files.orphan_age,
            )),
            search.builds.clone(),
            // The last one, because it can take longer than the others together.
            Arc::new(EraseAccounts::new(store.clone(), store, erasures, runtime, policies.accounts.grace)),
        ];
        Self {
            identity: Identity::new(&ports, &policies),
            catalog: Catalog::new(&ports, search.index.clone(), policies.search),
            ordering,
            jobs: Jobs::new(&ports, (policies.jobs, &policies.tickets), policies.schedules, policies.leases),
            notifications: Notifications::new(&ports, policies.mail.clone()),
            events: Events::new(&ports, policies.leases),
            files,
            search,
            export_account: Arc::new(export_account),
            sweep_expired: SweepExpired::new(sweeps, ports.runtime.clone()),
            ports,
            policies,
        }
    }
}
