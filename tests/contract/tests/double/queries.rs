//! The queries of the double.

use super::{Done, Flaw, Flawed, empty};
use async_trait::async_trait;
use skep_application::{
    catalog::{CategoryQueries, CategorySort, ProductQueries, ProductSort, StockQueries, StockView},
    events::{DeliveryQueries, EventQueries, HeldSort, LogEnds, PlacedEvent},
    files::FileQueries,
    identity::{Credentials, RoleQueries, SessionQueries, SessionView, UserFilter, UserQueries, UserSort, UserView},
    jobs::{
        JobFilter, JobQueries, JobSort, JobSummary, QueueCounts, QueueQueries, ReadyJob, ScheduleFilter,
        ScheduleQueries, ScheduleSort,
    },
    kernel::{OutboxEvent, OutboxQueries, Page, PageRequest, Position, Scope, Signaling, Signals, Total, WakeUps},
    notifications::{MailTemplateQueries, MailTemplateSort},
    ordering::{OrderQueries, OrderView, Overdue},
    search::SearchQueries,
};
use skep_domain::{
    access::Policy,
    catalog::{Category, CategoryId, Product},
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, Subscription, SubscriptionId},
    files::{File, FileId, FileImage},
    identity::Session,
    jobs::{Job, JobId, Queue, QueueName, Schedule, ScheduleId},
    notifications::{Locale, MailKind, MailTemplate, MailTemplateId},
    search::{DictionaryEntry, Posting, SearchBuild, SearchKind, Space, TermRange},
    shared::{Direction, Email, EmailLookup, EventId, Lease, OrderId, ProductId, SessionId, Timestamp, UserId},
};
use skep_memory::{MemoryStore, page};
use uuid::Uuid;

impl Flawed {
    fn asked(&self, request: &PageRequest, direction: Direction) -> PageRequest {
        let mut request = request.clone();
        if self.flaw == Flaw::CountsEveryRow {
            request.count_up_to = request.count_up_to.map(|_| Total::BOUND);
        }
        if let Some(Position { id, .. }) = request.after.as_mut().filter(|_| self.flaw == Flaw::SkipsEquals) {
            *id = if direction == Direction::Ascending { Uuid::max() } else { Uuid::nil() };
        }
        request
    }

    fn answered<T>(&self, page: Page<T>, request: &PageRequest) -> Page<T> {
        let is_cut = page.items.len() < request.limit.get();
        match self.flaw {
            Flaw::CountsThePage => Page { total: request.total(page.items.len() as u64), ..page },
            Flaw::EndsAtTheCut if is_cut => Page { next: None, ..page },
            _ => page,
        }
    }

    fn scope(&self, scope: Scope) -> Scope {
        if self.flaw == Flaw::IgnoresScopes { Scope::All } else { scope }
    }

    /// A copy of the store in which no product is archived.
    fn unarchived(&self) -> Done<MemoryStore> {
        let (mut state, store) = (self.seen.state(), empty());
        let products = std::mem::take(&mut state.products);
        for product in products.rows() {
            state.products.insert(&Product { archived_at: None, ..product.clone() })?;
        }
        store.restore(state);
        Ok(store)
    }
}

#[async_trait]
impl ProductQueries for Flawed {
    async fn find_product(&self, id: ProductId) -> Done<Option<Product>> {
        self.seen.find_product(id).await
    }
    async fn find_products(&self, ids: &[ProductId]) -> Done<Vec<Product>> {
        self.seen.find_products(ids).await
    }
    async fn list_product_ids(&self, after: Option<ProductId>, limit: u32) -> Done<Vec<ProductId>> {
        self.seen.list_product_ids(after, limit).await
    }
    async fn list_products(&self, sort: ProductSort, request: &PageRequest) -> Done<Page<Product>> {
        let seen = if self.flaw == Flaw::ListsArchived { self.unarchived()? } else { self.seen.clone() };
        let page = seen.list_products(sort, &self.asked(request, sort.direction)).await?;
        Ok(self.answered(page, request))
    }
}

#[async_trait]
impl StockQueries for Flawed {
    async fn find_stock(&self, id: ProductId, now: Timestamp) -> Done<Option<StockView>> {
        let now = if self.flaw == Flaw::CountsExpired { Timestamp::MIN } else { now };
        let found = self.seen.find_stock(id, now).await?;
        let orphan = || self.seen.state().levels.get(id).map(|level| StockView::of(level, 0, false));
        Ok(if self.flaw == Flaw::ShowsOrphans { found.or_else(orphan) } else { found })
    }
}

#[async_trait]
impl CategoryQueries for Flawed {
    async fn find_category(&self, id: CategoryId) -> Done<Option<Category>> {
        self.seen.find_category(id).await
    }
    async fn list_categories(&self, sort: CategorySort, request: &PageRequest) -> Done<Page<Category>> {
        self.seen.list_categories(sort, request).await
    }
}

#[async_trait]
impl SearchQueries for Flawed {
    async fn count_postings(&self, space: &Space, range: &TermRange, most: u32) -> Done<u64> {
        self.seen.count_postings(space, range, most).await
    }
    async fn list_postings(&self, space: &Space, range: &TermRange, limit: u32) -> Done<Vec<Posting>> {
        self.seen.list_postings(space, range, limit).await
    }
    async fn list_postings_of(&self, space: &Space, range: &TermRange, ids: &[Uuid], limit: u32) -> Done<Vec<Posting>> {
        self.seen.list_postings_of(space, range, ids, limit).await
    }
    async fn count_terms_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Done<Vec<(String, u64)>> {
        self.seen.count_terms_of(space, range, ids, limit).await
    }
    async fn list_words(&self, keys: &[Uuid], limit: u32) -> Done<Vec<DictionaryEntry>> {
        self.seen.list_words(keys, limit).await
    }
    async fn find_build(&self, kind: SearchKind) -> Done<Option<SearchBuild>> {
        self.seen.find_build(kind).await
    }
}

#[async_trait]
impl FileQueries for Flawed {
    async fn find_file(&self, id: FileId) -> Done<Option<File>> {
        self.seen.find_file(id).await
    }
    async fn list_files(&self, scope: Scope, direction: Direction, request: &PageRequest) -> Done<Page<File>> {
        self.seen.list_files(self.scope(scope), direction, request).await
    }
    async fn list_open_uploads(
        &self,
        owner: UserId,
        now: Timestamp,
        direction: Direction,
        request: &PageRequest,
    ) -> Done<Page<File>> {
        self.seen.list_open_uploads(owner, now, direction, request).await
    }
    async fn list_quarantined_files(&self, after: Option<FileId>, limit: u32) -> Done<Vec<FileId>> {
        self.seen.list_quarantined_files(after, limit).await
    }
    async fn list_removable_files(
        &self,
        until: Timestamp,
        now: Timestamp,
        after: Option<FileId>,
        limit: u32,
    ) -> Done<Vec<FileId>> {
        self.seen.list_removable_files(until, now, after, limit).await
    }
    async fn list_expired_files(&self, now: Timestamp, limit: u32) -> Done<Vec<FileId>> {
        self.seen.list_expired_files(now, limit).await
    }
    async fn list_files_of(&self, owner: UserId, limit: u32) -> Done<Vec<FileId>> {
        self.seen.list_files_of(owner, limit).await
    }
    async fn find_image(&self, file: FileId, side: u32) -> Done<Option<FileImage>> {
        self.seen.find_image(file, side).await
    }
    async fn list_known_files(&self, ids: &[FileId]) -> Done<Vec<FileId>> {
        self.seen.list_known_files(ids).await
    }
}

#[async_trait]
impl MailTemplateQueries for Flawed {
    async fn find_mail_template(&self, id: MailTemplateId) -> Done<Option<MailTemplate>> {
        self.seen.find_mail_template(id).await
    }
    async fn list_mail_templates(&self, sort: MailTemplateSort, request: &PageRequest) -> Done<Page<MailTemplate>> {
        self.seen.list_mail_templates(sort, request).await
    }
    async fn list_translations(&self, kind: MailKind, locale: &Locale) -> Done<Vec<MailTemplate>> {
        self.seen.list_translations(kind, locale).await
    }
}

#[async_trait]
impl UserQueries for Flawed {
    async fn find_user(&self, scope: Scope, id: UserId) -> Done<Option<UserView>> {
        self.seen.find_user(scope, id).await
    }
    async fn list_users(&self, filter: &UserFilter, sort: UserSort, request: &PageRequest) -> Done<Page<UserView>> {
        self.seen.list_users(filter, sort, request).await
    }
    async fn find_credentials(&self, email: &EmailLookup) -> Done<Option<Credentials>> {
        self.seen.find_credentials(email).await
    }
    async fn list_without_key(&self, after: Option<UserId>, limit: u32) -> Done<Vec<(UserId, Email)>> {
        self.seen.list_without_key(after, limit).await
    }
    async fn list_erasures(&self, now: Timestamp, after: Option<UserId>, limit: u32) -> Done<Vec<UserId>> {
        self.seen.list_erasures(now, after, limit).await
    }
}

#[async_trait]
impl RoleQueries for Flawed {
    async fn find_policy(&self) -> Done<Policy> {
        self.seen.find_policy().await
    }
}

#[async_trait]
impl SessionQueries for Flawed {
    async fn find_session(&self, id: SessionId) -> Done<Option<SessionView>> {
        self.seen.find_session(id).await
    }
    async fn list_sessions(&self, user_id: UserId, now: Timestamp, limit: u32) -> Done<Vec<Session>> {
        self.seen.list_sessions(user_id, now, limit).await
    }
}

#[async_trait]
impl OrderQueries for Flawed {
    async fn find_order(&self, scope: Scope, id: OrderId) -> Done<Option<OrderView>> {
        self.seen.find_order(self.scope(scope), id).await
    }
    async fn list_orders(&self, scope: Scope, direction: Direction, request: &PageRequest) -> Done<Page<OrderView>> {
        let (scope, asked) = (self.scope(scope), self.asked(request, direction));
        if self.flaw == Flaw::ListsEveryLine {
            let state = self.seen.state();
            let rows = state.orders.rows().filter(|order| scope.admits(order.customer_id)).map(OrderView::from);
            return Ok(page(rows, OrderView::position, direction, &asked, usize::MAX, |_| 0));
        }
        Ok(self.answered(self.seen.list_orders(scope, direction, &asked).await?, request))
    }
    async fn list_overdue(&self, now: Timestamp, after: Option<Overdue>, limit: u32) -> Done<Vec<Overdue>> {
        let now = if self.flaw == Flaw::ExpiresLate { now.plus_millis(-1) } else { now };
        self.seen.list_overdue(now, after, limit).await
    }
}

#[async_trait]
impl OutboxQueries for Flawed {
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Done<Vec<OutboxEvent>> {
        self.seen.list_events(after, limit).await
    }
}

#[async_trait]
impl JobQueries for Flawed {
    async fn find_job(&self, id: JobId) -> Done<Option<Job>> {
        self.seen.find_job(id).await
    }
    async fn find_jobs(&self, ids: &[JobId]) -> Done<Vec<Job>> {
        self.seen.find_jobs(ids).await
    }
    async fn list_ready(&self, queue: &QueueName, limit: u32) -> Done<Vec<ReadyJob>> {
        self.seen.list_ready(queue, limit).await
    }
    async fn list_jobs(&self, filter: &JobFilter, sort: JobSort, request: &PageRequest) -> Done<Page<JobSummary>> {
        self.seen.list_jobs(filter, sort, request).await
    }
    async fn list_held(&self) -> Done<Vec<(JobId, Lease)>> {
        self.seen.list_held().await
    }
    async fn next_ready_at(&self) -> Done<Option<Timestamp>> {
        self.seen.next_ready_at().await
    }
}

#[async_trait]
impl QueueQueries for Flawed {
    async fn find_queue(&self, name: &QueueName) -> Done<Option<Queue>> {
        self.seen.find_queue(name).await
    }
    async fn list_queues(&self, limit: u32) -> Done<Vec<Queue>> {
        self.seen.list_queues(limit).await
    }
    async fn list_unopened(&self, limit: u32) -> Done<Vec<QueueName>> {
        self.seen.list_unopened(limit).await
    }
    async fn count_jobs(&self, queue: &QueueName, bound: u32) -> Done<QueueCounts> {
        self.seen.count_jobs(queue, bound).await
    }
}

#[async_trait]
impl ScheduleQueries for Flawed {
    async fn find_schedule(&self, id: ScheduleId) -> Done<Option<Schedule>> {
        self.seen.find_schedule(id).await
    }
    async fn list_schedules(
        &self,
        filter: &ScheduleFilter,
        sort: ScheduleSort,
        request: &PageRequest,
    ) -> Done<Page<Schedule>> {
        self.seen.list_schedules(filter, sort, request).await
    }
    async fn list_due_schedules(&self, now: Timestamp, limit: u32) -> Done<Vec<ScheduleId>> {
        self.seen.list_due_schedules(now, limit).await
    }
    async fn next_fire_at(&self) -> Done<Option<Timestamp>> {
        self.seen.next_fire_at().await
    }
}

impl Signaling for Flawed {
    fn signals(&self) -> &Signals {
        self.seen.signals()
    }
    fn wake_ups(&self) -> Option<&dyn WakeUps> {
        self.seen.wake_ups()
    }
}

#[async_trait]
impl EventQueries for Flawed {
    async fn list_placed(&self, after: EventPosition, limit: u32) -> Done<Vec<PlacedEvent>> {
        self.seen.list_placed(after, limit).await
    }
    async fn find_placed(&self, id: EventId) -> Done<Option<PlacedEvent>> {
        self.seen.find_placed(id).await
    }
    async fn log_ends(&self) -> Done<LogEnds> {
        self.seen.log_ends().await
    }
    async fn count_unplaced(&self, bound: u32) -> Done<u64> {
        self.seen.count_unplaced(bound).await
    }
}

#[async_trait]
impl DeliveryQueries for Flawed {
    async fn list_subscriptions(&self, limit: u32) -> Done<Vec<Subscription>> {
        self.seen.list_subscriptions(limit).await
    }
    async fn find_subscription(&self, id: SubscriptionId) -> Done<Option<Subscription>> {
        self.seen.find_subscription(id).await
    }
    async fn list_due(&self, id: SubscriptionId, now: Timestamp, limit: u32) -> Done<Vec<HeldEvent>> {
        self.seen.list_due(id, now, limit).await
    }
    async fn list_held_events(&self, state: HeldState, sort: HeldSort, page: &PageRequest) -> Done<Page<HeldEvent>> {
        self.seen.list_held_events(state, sort, page).await
    }
    async fn find_held_event(&self, id: HeldEventId) -> Done<Option<HeldEvent>> {
        self.seen.find_held_event(id).await
    }
    async fn count_held_events(&self, id: SubscriptionId, bound: u32) -> Done<Vec<(HeldState, u64)>> {
        self.seen.count_held_events(id, bound).await
    }
}
