//! A unit of work with a flaw.

use super::{Done, Flaw};
use async_trait::async_trait;
use skep_application::{
    catalog::{CategoryRepository, ProductRepository, StockRepository},
    files::{FileImageRepository, FileRepository, FileUsageRepository},
    identity::{
        AccountLinkRepository, GroupRepository, KnownNetworkRepository, RoleRepository, SessionRepository, SetupToken,
        SetupTokenRepository, UserRepository, constraints::SETUP_TOKEN,
    },
    kernel::{
        Claimed, Constraint, IdempotencyClaim, IdempotencyKeys, KeptAnswer, Outbox, OutboxEvent, StoreError,
        Transaction, TxMode, Units as _,
    },
    notifications::MailTemplateRepository,
    ordering::OrderRepository,
};
use skep_domain::{
    access::{Group, GroupId, OwnRole, Role, RoleName},
    catalog::{Category, CategoryId, Product, Reservation, ReservationState, StockLevel, StockMovement},
    files::{File, FileId, FileImage, FileUsage, UploadLinkId},
    identity::{AccountLink, KnownNetworks, LinkPurpose, RefreshChain, Renewal, Rotation, Session, User},
    notifications::{MailTemplate, MailTemplateId},
    ordering::Order,
    shared::{EmailLookup, EventId, Money, OrderId, ProductId, SessionId, Timestamp, UserId, Version},
};
use skep_memory::{MemoryStore, MemoryUnit, Row, State, Table};
use uuid::Uuid;

pub(crate) struct FlawedUnit {
    /// `None` after the unit has ended.
    inner: Option<MemoryUnit>,
    store: MemoryStore,
    flaw: Flaw,
    mode: TxMode,
}

/// Runs a statement of the correct unit, with the flaws that can affect any statement.
macro_rules! through {
    ($unit:ident, $port:ident::$name:ident($($argument:expr),*)) => {{
        $unit.before().await?;
        let done = $port::$name($unit.inner(), $($argument),*).await;
        $unit.after(done).await
    }};
}

mod events;
mod jobs;
mod search;

impl FlawedUnit {
    pub(crate) fn new(inner: MemoryUnit, store: MemoryStore, flaw: Flaw, mode: TxMode) -> Self {
        Self { inner: Some(inner), store, flaw, mode }
    }

    fn inner(&mut self) -> &mut MemoryUnit {
        self.inner.as_mut().unwrap()
    }

    fn state(&self) -> &State {
        self.inner.as_ref().unwrap().state()
    }

    /// Changes the data of the unit without checking its rules.
    async fn bend(&mut self, work: impl FnOnce(&mut State)) -> Done<()> {
        let bent = |state: &mut State| {
            work(state);
            Ok(())
        };
        self.inner().run(bent).await
    }

    async fn before(&mut self) -> Done<()> {
        if self.flaw == Flaw::ReadsChange && self.mode == TxMode::Read {
            let now = self.store.state();
            self.bend(|state| *state = now).await?;
        }
        Ok(())
    }

    async fn after<T>(&mut self, done: Done<T>) -> Done<T> {
        if self.flaw == Flaw::ForgetsErrors && done.is_err() {
            let draft = self.state().clone();
            self.inner = None;
            self.inner = Some(self.store.open(self.mode, &[]).await?);
            self.bend(|state| *state = draft).await?;
        }
        if self.flaw == Flaw::ShowsDrafts && self.mode == TxMode::Write {
            self.store.restore(self.state().clone());
        }
        match done {
            Err(StoreError::Duplicate { .. }) if self.flaw == Flaw::NamesTheWrongRule => {
                Err(StoreError::Duplicate { constraint: Constraint::new("bees_pkey") })
            }
            done => done,
        }
    }

    /// If the unit holds nothing, lets the others look, too, before one of them commits.
    async fn let_others_look(&self) {
        if self.flaw == Flaw::HoldsNothing {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// The row to pass to `save`, and whether to insert it instead.
    fn changed<R: Row>(&self, row: &R, table: fn(&State) -> &Table<R>) -> (R, bool) {
        let (mut row, version) = (row.clone(), R::RULES.version);
        let stored = table(self.state()).get((R::RULES.key)(&row)).cloned();
        let is_inserted = stored.is_none() && self.flaw == Flaw::SavesTheMissing;
        if let Some(mut stored) = stored.filter(|_| self.flaw == Flaw::IgnoresVersions) {
            *version(&mut row) = *version(&mut stored);
        }
        (row, is_inserted)
    }
}

/// Stores the rows that are new or changed in `draft`, whatever another unit has stored meanwhile.
fn merge<R: Row>(now: &mut Table<R>, draft: &Table<R>) -> Done<()> {
    let version = R::RULES.version;
    for row in draft.rows() {
        let mut row = row.clone();
        let Some(mut stored) = now.get((R::RULES.key)(&row)).cloned() else {
            now.insert(&row)?;
            continue;
        };
        if *version(&mut stored) < *version(&mut row) {
            *version(&mut row) = *version(&mut stored);
            now.save(&row)?;
        }
    }
    Ok(())
}

#[async_trait]
impl Transaction for FlawedUnit {
    async fn commit(mut self: Box<Self>) -> Done<()> {
        let inner = self.inner.take().unwrap();
        let draft = inner.state().clone();
        if self.flaw == Flaw::HoldsNothing && self.mode == TxMode::Write {
            let mut now = self.store.state();
            merge(&mut now.users, &draft.users)?;
            merge(&mut now.products, &draft.products)?;
            merge(&mut now.levels, &draft.levels)?;
            self.store.restore(now);
            return Ok(());
        }
        match Box::new(inner).commit().await {
            Err(StoreError::Full(_)) if self.flaw == Flaw::CommitLies => Ok(()),
            Ok(()) if self.flaw == Flaw::LosesUpdates && self.mode == TxMode::Write => {
                self.store.restore(draft);
                Ok(())
            }
            done => done,
        }
    }

    async fn rollback(mut self: Box<Self>) -> Done<()> {
        let inner = Box::new(self.inner.take().unwrap());
        if self.flaw == Flaw::RollbackCommits { inner.commit().await } else { inner.rollback().await }
    }
}

impl Drop for FlawedUnit {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.as_ref().filter(|_| self.flaw == Flaw::DropCommits) {
            self.store.restore(inner.state().clone());
        }
    }
}

#[async_trait]
impl IdempotencyKeys for FlawedUnit {
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Done<Claimed> {
        let mut claim = self.claimed(claim);
        let key = (claim.principal, claim.use_case, claim.key.as_str().to_owned());
        if let Some(stored) = self.state().keys.get(&key).filter(|_| self.flaw == Flaw::NeverForgets) {
            claim.now = stored.expires_at.plus_millis(-1);
        }
        if self.flaw == Flaw::NeverReplays {
            self.bend(|state| drop(state.keys.remove(&key))).await?;
        }
        through!(self, IdempotencyKeys::claim(&claim))
    }
    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &KeptAnswer) -> Done<()> {
        let claim = self.claimed(claim);
        through!(self, IdempotencyKeys::fill(&claim, answer))
    }
    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Done<u64> {
        let limit = if self.flaw == Flaw::SweepsAll { u32::MAX } else { limit };
        through!(self, IdempotencyKeys::sweep(now, limit))
    }
}

impl FlawedUnit {
    fn claimed(&self, claim: &IdempotencyClaim) -> IdempotencyClaim {
        let principal = if self.flaw == Flaw::SharesKeys { Uuid::nil() } else { claim.principal };
        let fingerprint = if self.flaw == Flaw::IgnoresFingerprints { [0; 32] } else { claim.fingerprint };
        IdempotencyClaim { principal, fingerprint, ..claim.clone() }
    }
}

#[async_trait]
impl Outbox for FlawedUnit {
    async fn append(&mut self, event: &OutboxEvent) -> Done<()> {
        through!(self, Outbox::append(event))
    }
    async fn settle(&mut self, event: EventId) -> Done<bool> {
        Ok(through!(self, Outbox::settle(event))? && self.flaw != Flaw::NeverSettles)
    }
}

#[async_trait]
impl UserRepository for FlawedUnit {
    async fn find(&mut self, id: UserId) -> Done<Option<User>> {
        through!(self, UserRepository::find(id))
    }
    async fn find_by_email(&mut self, email: &EmailLookup) -> Done<Option<User>> {
        through!(self, UserRepository::find_by_email(email))
    }
    async fn any_with_role(&mut self, role: Role) -> Done<bool> {
        through!(self, UserRepository::any_with_role(role))
    }
    async fn count_with_role(&mut self, role: Role) -> Done<u64> {
        through!(self, UserRepository::count_with_role(role))
    }
    async fn hold_another_with_role(&mut self, role: Role, other: UserId) -> Done<Option<UserId>> {
        let another = through!(self, UserRepository::hold_another_with_role(role, other))?;
        self.let_others_look().await;
        Ok(another)
    }
    async fn insert(&mut self, user: &User) -> Done<()> {
        through!(self, UserRepository::insert(user))
    }
    async fn save(&mut self, user: &User) -> Done<Version> {
        let (user, _) = self.changed(user, |state| &state.users);
        through!(self, UserRepository::save(&user))
    }
    async fn erase(&mut self, user: &User) -> Done<()> {
        through!(self, UserRepository::erase(user))
    }
    async fn renew_hash(&mut self, id: UserId, old: &str, new: &str) -> Done<bool> {
        let renewed = through!(self, UserRepository::renew_hash(id, old, new))?;
        Ok(renewed || self.flaw == Flaw::ConsumesTwice)
    }
}

#[async_trait]
impl RoleRepository for FlawedUnit {
    async fn find(&mut self, name: &RoleName) -> Done<Option<OwnRole>> {
        through!(self, RoleRepository::find(name))
    }
    async fn hold(&mut self, names: &[RoleName]) -> Done<Vec<OwnRole>> {
        through!(self, RoleRepository::hold(names))
    }
    async fn count(&mut self) -> Done<u64> {
        through!(self, RoleRepository::count())
    }
    async fn insert(&mut self, role: &OwnRole) -> Done<()> {
        through!(self, RoleRepository::insert(role))
    }
    async fn save(&mut self, role: &OwnRole) -> Done<Version> {
        let (role, _) = self.changed(role, |state| &state.roles);
        through!(self, RoleRepository::save(&role))
    }
    async fn delete(&mut self, role: &OwnRole) -> Done<()> {
        through!(self, RoleRepository::delete(role))
    }
}

#[async_trait]
impl GroupRepository for FlawedUnit {
    async fn find(&mut self, id: GroupId) -> Done<Option<Group>> {
        through!(self, GroupRepository::find(id))
    }
    async fn hold(&mut self) -> Done<Vec<Group>> {
        through!(self, GroupRepository::hold())
    }
    async fn insert(&mut self, group: &Group) -> Done<()> {
        through!(self, GroupRepository::insert(group))
    }
    async fn save(&mut self, group: &Group) -> Done<Version> {
        let (group, _) = self.changed(group, |state| &state.groups);
        through!(self, GroupRepository::save(&group))
    }
    async fn delete(&mut self, group: &Group) -> Done<()> {
        through!(self, GroupRepository::delete(group))
    }
}

#[async_trait]
impl SessionRepository for FlawedUnit {
    async fn find(&mut self, id: SessionId) -> Done<Option<Session>> {
        through!(self, SessionRepository::find(id))
    }
    async fn insert(&mut self, session: &Session) -> Done<()> {
        through!(self, SessionRepository::insert(session))
    }
    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Done<bool> {
        if self.flaw == Flaw::RevokesTwice {
            self.bend(|state| state.sessions.values_mut().for_each(|session| session.revoked_at = None)).await?;
        }
        through!(self, SessionRepository::revoke(id, now))
    }
    async fn rotate(&mut self, id: SessionId, rotation: &Rotation) -> Done<bool> {
        if self.flaw == Flaw::RotatesTwice {
            let again = |session: &mut Session| {
                session.refresh = session.refresh.map(|chain| RefreshChain { current: rotation.presented, ..chain });
            };
            self.bend(|state| state.sessions.values_mut().for_each(again)).await?;
        }
        through!(self, SessionRepository::rotate(id, rotation))
    }
    async fn renew(&mut self, id: SessionId, renewal: Renewal) -> Done<bool> {
        if self.flaw == Flaw::RenewsTheEnded {
            let lives = |session: &mut Session| (session.revoked_at, session.expires_at) = (None, Timestamp::MAX);
            self.bend(|state| state.sessions.values_mut().for_each(lives)).await?;
        }
        through!(self, SessionRepository::renew(id, renewal))
    }
    async fn revoke_all(&mut self, user_id: UserId, except: Option<SessionId>, now: Timestamp) -> Done<u64> {
        through!(self, SessionRepository::revoke_all(user_id, except, now))
    }
    async fn keep_newest(&mut self, user_id: UserId, keep: u32, limit: u32) -> Done<u64> {
        let keep = if self.flaw == Flaw::KeepsOneSessionMore { keep + 1 } else { keep };
        through!(self, SessionRepository::keep_newest(user_id, keep, limit))
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        let limit = if self.flaw == Flaw::SweepsAll { u32::MAX } else { limit };
        let mut kept = self.state().sessions.clone();
        kept.retain(|_, session| self.flaw == Flaw::KeepsRevoked && session.revoked_at.is_some());
        self.bend(|state| state.sessions.retain(|id, _| !kept.contains_key(id))).await?;
        let swept = through!(self, SessionRepository::sweep(until, limit))?;
        self.bend(|state| state.sessions.append(&mut kept)).await?;
        Ok(swept)
    }
}

#[async_trait]
impl KnownNetworkRepository for FlawedUnit {
    async fn find(&mut self, id: UserId) -> Done<Option<KnownNetworks>> {
        through!(self, KnownNetworkRepository::find(id))
    }
    async fn replace(&mut self, networks: &KnownNetworks) -> Done<()> {
        through!(self, KnownNetworkRepository::replace(networks))
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        let limit = if self.flaw == Flaw::SweepsAll { u32::MAX } else { limit };
        through!(self, KnownNetworkRepository::sweep(until, limit))
    }
}

#[async_trait]
impl AccountLinkRepository for FlawedUnit {
    async fn find(&mut self, user_id: UserId, purpose: LinkPurpose) -> Done<Option<AccountLink>> {
        through!(self, AccountLinkRepository::find(user_id, purpose))
    }
    async fn find_by_hash(&mut self, hash: &[u8; 32]) -> Done<Option<AccountLink>> {
        through!(self, AccountLinkRepository::find_by_hash(hash))
    }
    async fn replace(&mut self, link: &AccountLink) -> Done<()> {
        through!(self, AccountLinkRepository::replace(link))
    }
    async fn consume(&mut self, hash: &[u8; 32], now: Timestamp) -> Done<bool> {
        let consumed = through!(self, AccountLinkRepository::consume(hash, now))?;
        Ok(consumed || self.flaw == Flaw::ConsumesTwice)
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        let limit = if self.flaw == Flaw::SweepsAll { u32::MAX } else { limit };
        through!(self, AccountLinkRepository::sweep(until, limit))
    }
}

#[async_trait]
impl SetupTokenRepository for FlawedUnit {
    async fn find(&mut self) -> Done<Option<SetupToken>> {
        through!(self, SetupTokenRepository::find())
    }
    async fn replace(&mut self, token: &SetupToken) -> Done<()> {
        if self.flaw == Flaw::KeepsTheToken && self.state().setup_token.is_some() {
            return Err(StoreError::Duplicate { constraint: SETUP_TOKEN });
        }
        through!(self, SetupTokenRepository::replace(token))
    }
    async fn delete(&mut self) -> Done<()> {
        through!(self, SetupTokenRepository::delete())
    }
}

impl FlawedUnit {
    /// The product to store.
    fn kept(&self, product: &Product) -> Product {
        let mut product = product.clone();
        if self.flaw == Flaw::RoundsPrices {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "that is the flaw")]
            let amount = product.price.amount() as f64 as i64;
            product.price = Money::new(amount, product.price.currency());
        }
        if self.flaw == Flaw::CutsMilliseconds {
            let millis = product.created_at.as_millis();
            product.created_at = Timestamp::from_millis(millis - millis.rem_euclid(1_000)).unwrap();
        }
        product
    }
}

#[async_trait]
impl ProductRepository for FlawedUnit {
    async fn find(&mut self, id: ProductId) -> Done<Option<Product>> {
        through!(self, ProductRepository::find(id))
    }
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<Product>> {
        through!(self, ProductRepository::find_many(ids))
    }
    async fn insert(&mut self, product: &Product) -> Done<()> {
        let product = self.kept(product);
        through!(self, ProductRepository::insert(&product))
    }
    async fn save(&mut self, product: &Product) -> Done<Version> {
        let (product, is_inserted) = self.changed(&self.kept(product), |state| &state.products);
        if is_inserted {
            return through!(self, ProductRepository::insert(&product)).map(|()| product.version.next());
        }
        through!(self, ProductRepository::save(&product))
    }
}

#[async_trait]
impl CategoryRepository for FlawedUnit {
    async fn find(&mut self, id: CategoryId) -> Done<Option<Category>> {
        through!(self, CategoryRepository::find(id))
    }
    async fn insert(&mut self, category: &Category) -> Done<()> {
        through!(self, CategoryRepository::insert(category))
    }
    async fn save(&mut self, category: &Category) -> Done<Version> {
        through!(self, CategoryRepository::save(category))
    }
    async fn lineage(&mut self, id: CategoryId, moving: CategoryId) -> Done<Vec<CategoryId>> {
        through!(self, CategoryRepository::lineage(id, moving))
    }
    async fn height(&mut self, id: CategoryId) -> Done<usize> {
        through!(self, CategoryRepository::height(id))
    }
    async fn delete(&mut self, category: &Category) -> Done<()> {
        through!(self, CategoryRepository::delete(category))
    }
}

#[async_trait]
impl FileRepository for FlawedUnit {
    async fn find(&mut self, id: FileId) -> Done<Option<File>> {
        through!(self, FileRepository::find(id))
    }
    async fn find_many(&mut self, ids: &[FileId]) -> Done<Vec<File>> {
        through!(self, FileRepository::find_many(ids))
    }
    async fn find_by_link(&mut self, link: UploadLinkId) -> Done<Option<File>> {
        through!(self, FileRepository::find_by_link(link))
    }
    async fn insert(&mut self, file: &File) -> Done<()> {
        through!(self, FileRepository::insert(file))
    }
    async fn save(&mut self, file: &File) -> Done<Version> {
        through!(self, FileRepository::save(file))
    }
    async fn delete(&mut self, file: &File) -> Done<()> {
        through!(self, FileRepository::delete(file))
    }
}

#[async_trait]
impl FileImageRepository for FlawedUnit {
    async fn list_of(&mut self, file: FileId) -> Done<Vec<FileImage>> {
        through!(self, FileImageRepository::list_of(file))
    }
    async fn insert(&mut self, image: &FileImage) -> Done<()> {
        through!(self, FileImageRepository::insert(image))
    }
    async fn delete_many(&mut self, ids: &[FileId]) -> Done<()> {
        through!(self, FileImageRepository::delete_many(ids))
    }
}

#[async_trait]
impl FileUsageRepository for FlawedUnit {
    async fn find(&mut self, owner: UserId) -> Done<Option<FileUsage>> {
        through!(self, FileUsageRepository::find(owner))
    }
    async fn insert(&mut self, usage: &FileUsage) -> Done<()> {
        through!(self, FileUsageRepository::insert(usage))
    }
    async fn save(&mut self, usage: &FileUsage) -> Done<Version> {
        through!(self, FileUsageRepository::save(usage))
    }
}

#[async_trait]
impl MailTemplateRepository for FlawedUnit {
    async fn find(&mut self, id: MailTemplateId) -> Done<Option<MailTemplate>> {
        through!(self, MailTemplateRepository::find(id))
    }
    async fn insert(&mut self, template: &MailTemplate) -> Done<()> {
        through!(self, MailTemplateRepository::insert(template))
    }
    async fn save(&mut self, template: &MailTemplate) -> Done<Version> {
        through!(self, MailTemplateRepository::save(template))
    }
    async fn delete(&mut self, template: &MailTemplate) -> Done<()> {
        through!(self, MailTemplateRepository::delete(template))
    }
}

#[async_trait]
impl StockRepository for FlawedUnit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<StockLevel>> {
        through!(self, StockRepository::find_many(ids))
    }
    async fn hold(&mut self, ids: &[ProductId]) -> Done<()> {
        through!(self, StockRepository::hold(ids))?;
        self.let_others_look().await;
        Ok(())
    }
    async fn insert(&mut self, level: &StockLevel) -> Done<()> {
        through!(self, StockRepository::insert(level))
    }
    async fn save_many(&mut self, levels: &[StockLevel]) -> Done<()> {
        let levels: Vec<_> = levels.iter().map(|level| self.changed(level, |state| &state.levels).0).collect();
        through!(self, StockRepository::save_many(&levels))
    }
    async fn append_movements(&mut self, movements: &[StockMovement]) -> Done<()> {
        through!(self, StockRepository::append_movements(movements))
    }
    async fn list_movements(&mut self, product: ProductId) -> Done<Vec<StockMovement>> {
        through!(self, StockRepository::list_movements(product))
    }
    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        through!(self, StockRepository::insert_reservations(reservations))
    }
    async fn list_reservations(&mut self, order: OrderId) -> Done<Vec<Reservation>> {
        through!(self, StockRepository::list_reservations(order))
    }
    async fn list_expired(&mut self, ids: &[ProductId], now: Timestamp, limit: u32) -> Done<Vec<Reservation>> {
        let now = if self.flaw == Flaw::ExpiresLate { now.plus_millis(-1) } else { now };
        through!(self, StockRepository::list_expired(ids, now, limit))
    }
    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        if self.flaw == Flaw::EndsTwice {
            let revive = |one: &mut Reservation| one.state = ReservationState::Active;
            self.bend(|state| state.reservations.values_mut().for_each(revive)).await?;
        }
        through!(self, StockRepository::end_reservations(reservations))
    }
    async fn keep_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        if self.flaw == Flaw::EndsTwice {
            let revive = |one: &mut Reservation| one.state = ReservationState::Active;
            self.bend(|state| state.reservations.values_mut().for_each(revive)).await?;
        }
        let kept = if self.flaw == Flaw::KeepsNothing { &[] } else { reservations };
        through!(self, StockRepository::keep_reservations(kept))
    }
}

#[async_trait]
impl OrderRepository for FlawedUnit {
    async fn find(&mut self, id: OrderId) -> Done<Option<Order>> {
        let mut found = through!(self, OrderRepository::find(id))?;
        if let Some(order) = found.as_mut().filter(|_| self.flaw == Flaw::SortsLines) {
            order.lines.sort_by_key(|line| line.product_id);
        }
        Ok(found)
    }
    async fn count_open_lines(&mut self, customer: UserId, now: Timestamp) -> Done<u64> {
        let now = if self.flaw == Flaw::CountsExpired { Timestamp::MIN } else { now };
        through!(self, OrderRepository::count_open_lines(customer, now))
    }
    async fn insert(&mut self, order: &Order) -> Done<()> {
        through!(self, OrderRepository::insert(order))
    }
    async fn save(&mut self, order: &Order) -> Done<Version> {
        let (order, is_inserted) = self.changed(order, |state| &state.orders);
        if is_inserted {
            return through!(self, OrderRepository::insert(&order)).map(|()| order.version.next());
        }
        let version = through!(self, OrderRepository::save(&order))?;
        if self.flaw == Flaw::SavesLines {
            let whole = Order { version, ..order };
            self.bend(|state| state.orders.delete(&whole).and_then(|()| state.orders.insert(&whole)).unwrap()).await?;
        }
        Ok(version)
    }
}
