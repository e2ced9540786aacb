//! The repositories of the double.

use super::{Flaw, State, StoredKey, Unit};
use async_trait::async_trait;
use skep_application::{
    catalog::{ProductRepository, StockRepository},
    identity::{SessionRepository, SetupToken, SetupTokenRepository, UserRepository},
    kernel::{Claimed, Constraint, IdempotencyClaim, IdempotencyKeys, Outbox, OutboxEvent, StoreError},
    ordering::OrderRepository,
};
use skep_domain::{
    access::Role,
    catalog::{Product, Reservation, ReservationState, StockLevel, StockMovement},
    identity::{Session, User},
    ordering::Order,
    shared::{Email, EventId, Money, OrderId, ProductId, SessionId, Timestamp, UserId, Version},
};
use uuid::Uuid;

type Done<T> = Result<T, StoreError>;

fn unique(taken: bool, constraint: Constraint, flaw: Flaw) -> Done<()> {
    let constraint =
        if flaw == Flaw::NamesTheWrongRule { skep_application::ordering::constraints::ORDER_LINE } else { constraint };
    if taken { Err(StoreError::Duplicate { constraint }) } else { Ok(()) }
}

/// The version after a save over `stored` of what was read as `read`.
fn next(stored: Option<Version>, read: Version, flaw: Flaw) -> Done<Version> {
    match stored {
        Some(stored) if stored == read || flaw == Flaw::IgnoresVersions => Ok(stored.next()),
        None if flaw == Flaw::SavesTheMissing => Ok(read.next()),
        _ => Err(StoreError::Stale),
    }
}

#[async_trait]
impl UserRepository for Unit {
    async fn find(&mut self, id: UserId) -> Done<Option<User>> {
        self.run(|state, _| Ok(state.users.get(&id).cloned())).await
    }
    async fn find_by_email(&mut self, email: &Email) -> Done<Option<User>> {
        self.run(|state, _| Ok(state.users.values().find(|user| user.email == *email).cloned())).await
    }
    async fn any_with_role(&mut self, role: Role) -> Done<bool> {
        self.run(|state, _| Ok(state.users.values().any(|user| user.roles.contains(&role)))).await
    }
    async fn insert(&mut self, user: &User) -> Done<()> {
        self.run(|state, flaw| {
            unique(state.users.contains_key(&user.id), skep_application::identity::constraints::USER_ID, flaw)?;
            unique(
                state.users.values().any(|other| other.email == user.email),
                skep_application::identity::constraints::USER_EMAIL,
                flaw,
            )?;
            state.users.insert(user.id, user.clone());
            Ok(())
        })
        .await
    }
    async fn save(&mut self, user: &User) -> Done<Version> {
        self.run(|state, flaw| {
            let version = next(state.users.get(&user.id).map(|stored| stored.version), user.version, flaw)?;
            let taken = state.users.values().any(|other| other.email == user.email && other.id != user.id);
            unique(taken, skep_application::identity::constraints::USER_EMAIL, flaw)?;
            state.users.insert(user.id, User { version, ..user.clone() });
            Ok(version)
        })
        .await
    }
}

#[async_trait]
impl SessionRepository for Unit {
    async fn find(&mut self, id: SessionId) -> Done<Option<Session>> {
        self.run(|state, _| Ok(state.sessions.get(&id).cloned())).await
    }
    async fn insert(&mut self, session: &Session) -> Done<()> {
        self.run(|state, flaw| {
            unique(
                state.sessions.contains_key(&session.id),
                skep_application::identity::constraints::SESSION_ID,
                flaw,
            )?;
            state.sessions.insert(session.id, session.clone());
            Ok(())
        })
        .await
    }
    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Done<bool> {
        self.run(|state, flaw| match state.sessions.get_mut(&id) {
            Some(session) if session.revoked_at.is_none() || flaw == Flaw::RevokesTwice => {
                session.revoked_at = Some(now);
                Ok(true)
            }
            _ => Ok(false),
        })
        .await
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state, flaw| {
            let limit = if flaw == Flaw::SweepsAll { usize::MAX } else { usize::try_from(limit).unwrap() };
            let ended = |session: &Session| {
                let revoked = session.revoked_at.is_some_and(|at| at <= until) && flaw != Flaw::KeepsRevoked;
                revoked || session.expires_at <= until
            };
            let ended: Vec<_> =
                state.sessions.values().filter(|one| ended(one)).map(|one| one.id).take(limit).collect();
            state.sessions.retain(|id, _| !ended.contains(id));
            Ok(ended.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl SetupTokenRepository for Unit {
    async fn find(&mut self) -> Done<Option<SetupToken>> {
        self.run(|state, _| Ok(state.setup)).await
    }
    async fn replace(&mut self, token: &SetupToken) -> Done<()> {
        self.run(|state, flaw| {
            unique(
                state.setup.is_some() && flaw == Flaw::KeepsTheToken,
                skep_application::identity::constraints::SETUP_TOKEN,
                flaw,
            )?;
            state.setup = Some(*token);
            Ok(())
        })
        .await
    }
    async fn delete(&mut self) -> Done<()> {
        self.run(|state, _| {
            state.setup = None;
            Ok(())
        })
        .await
    }
}

/// The product as it comes back from a store with this flaw.
fn kept(product: &Product, flaw: Flaw) -> Product {
    let mut product = product.clone();
    if flaw == Flaw::RoundsPrices {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "that is the flaw")]
        let amount = product.price.amount() as f64 as i64;
        product.price = Money::new(amount, product.price.currency());
    }
    if flaw == Flaw::CutsMilliseconds {
        let millis = product.created_at.as_millis();
        product.created_at = Timestamp::from_millis(millis - millis.rem_euclid(1_000)).unwrap();
    }
    product
}

#[async_trait]
impl ProductRepository for Unit {
    async fn find(&mut self, id: ProductId) -> Done<Option<Product>> {
        self.run(|state, _| Ok(state.products.get(&id).cloned())).await
    }
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<Product>> {
        self.run(|state, _| Ok(state.products.values().filter(|one| ids.contains(&one.id)).cloned().collect())).await
    }
    async fn insert(&mut self, product: &Product) -> Done<()> {
        self.run(|state, flaw| {
            unique(state.products.contains_key(&product.id), skep_application::catalog::constraints::PRODUCT_ID, flaw)?;
            unique(
                state.products.values().any(|other| other.sku == product.sku),
                skep_application::catalog::constraints::PRODUCT_SKU,
                flaw,
            )?;
            state.products.insert(product.id, kept(product, flaw));
            Ok(())
        })
        .await
    }
    async fn save(&mut self, product: &Product) -> Done<Version> {
        self.run(|state, flaw| {
            let version = next(state.products.get(&product.id).map(|stored| stored.version), product.version, flaw)?;
            let taken = state.products.values().any(|other| other.sku == product.sku && other.id != product.id);
            unique(taken, skep_application::catalog::constraints::PRODUCT_SKU, flaw)?;
            state.products.insert(product.id, Product { version, ..kept(product, flaw) });
            Ok(version)
        })
        .await
    }
}

#[async_trait]
impl StockRepository for Unit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<StockLevel>> {
        self.run(|state, _| Ok(state.levels.values().filter(|one| ids.contains(&one.product_id)).copied().collect()))
            .await
    }
    async fn insert(&mut self, level: &StockLevel) -> Done<()> {
        self.run(|state, flaw| {
            unique(
                state.levels.contains_key(&level.product_id),
                skep_application::catalog::constraints::STOCK_LEVEL_PRODUCT,
                flaw,
            )?;
            state.levels.insert(level.product_id, *level);
            Ok(())
        })
        .await
    }
    async fn save_many(&mut self, levels: &[StockLevel]) -> Done<()> {
        self.run(|state, flaw| {
            for level in levels {
                let stored = state.levels.get(&level.product_id).map(|stored| stored.version);
                let version = next(stored, level.version, flaw)?;
                state.levels.insert(level.product_id, StockLevel { version, ..*level });
            }
            Ok(())
        })
        .await
    }
    async fn append_movements(&mut self, movements: &[StockMovement]) -> Done<()> {
        self.run(|state, flaw| {
            for movement in movements {
                let taken = state.movements.iter().any(|other| other.id == movement.id);
                unique(taken, skep_application::catalog::constraints::MOVEMENT_ID, flaw)?;
                state.movements.push(*movement);
            }
            Ok(())
        })
        .await
    }
    async fn list_movements(&mut self, product: ProductId) -> Done<Vec<StockMovement>> {
        self.run(|state, _| {
            let mut found: Vec<_> = state.movements.iter().filter(|one| one.product_id == product).copied().collect();
            found.sort_by_key(|movement| (movement.created_at, movement.id));
            Ok(found)
        })
        .await
    }
    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        self.run(|state, flaw| {
            for reservation in reservations {
                unique(
                    state.reservations.contains_key(&reservation.id),
                    skep_application::catalog::constraints::RESERVATION_ID,
                    flaw,
                )?;
                state.reservations.insert(reservation.id, *reservation);
            }
            Ok(())
        })
        .await
    }
    async fn list_reservations(&mut self, order: OrderId) -> Done<Vec<Reservation>> {
        self.run(|state, _| {
            let mut found: Vec<_> = state.reservations.values().filter(|one| one.order_id == order).copied().collect();
            found.sort_by_key(|reservation| reservation.product_id);
            Ok(found)
        })
        .await
    }
    async fn list_expired(&mut self, ids: &[ProductId], now: Timestamp, limit: u32) -> Done<Vec<Reservation>> {
        self.run(|state, flaw| {
            let due = |end: Timestamp| if flaw == Flaw::ExpiresLate { end < now } else { end <= now };
            let expired = |one: &&Reservation| {
                let active = one.state == ReservationState::Active && ids.contains(&one.product_id);
                active && one.expires_at.is_some_and(due)
            };
            let mut found: Vec<_> = state.reservations.values().filter(expired).copied().collect();
            found.sort_by_key(|reservation| reservation.product_id);
            found.truncate(usize::try_from(limit).unwrap());
            Ok(found)
        })
        .await
    }
    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        self.run(|state, flaw| {
            for ended in reservations {
                match state.reservations.get_mut(&ended.id) {
                    Some(one) if one.state == ReservationState::Active || flaw == Flaw::EndsTwice => *one = *ended,
                    _ => return Err(StoreError::Stale),
                }
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl OrderRepository for Unit {
    async fn find(&mut self, id: OrderId) -> Done<Option<Order>> {
        self.run(|state, flaw| {
            let mut found = state.orders.get(&id).cloned();
            if flaw == Flaw::SortsLines {
                found.iter_mut().for_each(|order| order.lines.sort_by_key(|line| line.product_id));
            }
            Ok(found)
        })
        .await
    }
    async fn insert(&mut self, order: &Order) -> Done<()> {
        self.run(|state, flaw| {
            unique(state.orders.contains_key(&order.id), skep_application::ordering::constraints::ORDER_ID, flaw)?;
            unique(
                state.orders.values().any(|other| other.number == order.number),
                skep_application::ordering::constraints::ORDER_NUMBER,
                flaw,
            )?;
            state.orders.insert(order.id, order.clone());
            Ok(())
        })
        .await
    }
    async fn save(&mut self, order: &Order) -> Done<Version> {
        self.run(|state, flaw| {
            let stored = state.orders.get(&order.id);
            let version = next(stored.map(|stored| stored.version), order.version, flaw)?;
            let mut saved = stored.filter(|_| flaw != Flaw::SavesLines).unwrap_or(order).clone();
            (saved.progress, saved.updated_at, saved.version) = (order.progress, order.updated_at, version);
            state.orders.insert(order.id, saved);
            Ok(version)
        })
        .await
    }
}

fn key(claim: &IdempotencyClaim, flaw: Flaw) -> (Uuid, &'static str, String) {
    let principal = if flaw == Flaw::SharesKeys { Uuid::nil() } else { claim.principal };
    (principal, claim.use_case, claim.key.as_str().to_owned())
}

fn claimed(state: &mut State, claim: &IdempotencyClaim, flaw: Flaw) -> Claimed {
    let stored = state.keys.get(&key(claim, flaw));
    let holds = |stored: &&StoredKey| claim.now < stored.expires_at || flaw == Flaw::NeverForgets;
    match stored.filter(holds) {
        Some(stored) if flaw != Flaw::NeverReplays => {
            let same = stored.fingerprint == claim.fingerprint || flaw == Flaw::IgnoresFingerprints;
            if same { Claimed::Replay(stored.answer.clone()) } else { Claimed::Mismatch }
        }
        _ => {
            let (fingerprint, expires_at) = (claim.fingerprint, claim.expires_at());
            state.keys.insert(key(claim, flaw), StoredKey { fingerprint, answer: String::new(), expires_at });
            Claimed::New
        }
    }
}

#[async_trait]
impl IdempotencyKeys for Unit {
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Done<Claimed> {
        self.run(|state, flaw| Ok(claimed(state, claim, flaw))).await
    }
    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &str) -> Done<()> {
        self.run(|state, flaw| {
            let stored = state.keys.get_mut(&key(claim, flaw));
            stored.ok_or_else(|| StoreError::Corrupt("not claimed".into()))?.answer = answer.to_owned();
            Ok(())
        })
        .await
    }
    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state, flaw| {
            let limit = if flaw == Flaw::SweepsAll { usize::MAX } else { usize::try_from(limit).unwrap() };
            let expired = state.keys.iter().filter(|(_, stored)| stored.expires_at <= now).take(limit);
            let expired: Vec<_> = expired.map(|(key, _)| key.clone()).collect();
            expired.iter().for_each(|key| drop(state.keys.remove(key)));
            Ok(expired.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl Outbox for Unit {
    async fn append(&mut self, event: &OutboxEvent) -> Done<()> {
        self.run(|state, flaw| {
            unique(state.events.contains_key(&event.id), skep_application::kernel::constraints::EVENT_ID, flaw)?;
            state.events.insert(event.id, event.clone());
            Ok(())
        })
        .await
    }
    async fn settle(&mut self, event: EventId) -> Done<bool> {
        self.run(|state, flaw| Ok(flaw != Flaw::NeverSettles && state.events.contains_key(&event))).await
    }
}
