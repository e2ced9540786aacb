//! A system in memory: the model itself behind a lock, with or without a planted flaw.

use crate::{
    call::{Answer, Call, Command, System},
    model::{Fresh, Model},
    state::EndState,
    world::{ModelClock, PlainTokens},
};
use async_trait::async_trait;
use skep_application::{
    identity::{AccessClaims, AccessTokens as _},
    kernel::{Clock as _, ErrorKind, IdGenerator as _, Precondition},
    testing::SeqIds,
};
use skep_domain::{
    ordering::OrderNumber,
    shared::{SessionId, Timestamp},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a store, or a use case over it, could do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Idempotency keys are forgotten at once.
    ForgetsKeys,
    /// A repeat with a key is answered, whatever the command.
    ConfusesKeys,
    /// Every version will do.
    IgnoresVersions,
    /// Orders are placed although there is too little.
    Oversells,
    /// Cancelling an order leaves its claims.
    KeepsClaims,
    /// A page that follows another starts one row too late.
    SkipsRows,
    /// Changes go to a copy that is written back later, over what others wrote.
    LosesUpdates,
    /// Two at once who bring one key are both served.
    RacesKeys,
    /// What was written shows only some calls later.
    ReadsStale,
}

impl Flaw {
    /// Those that one caller alone can meet.
    pub const ALONE: &[Self] = &[
        Self::ForgetsKeys,
        Self::ConfusesKeys,
        Self::IgnoresVersions,
        Self::Oversells,
        Self::KeepsClaims,
        Self::SkipsRows,
    ];
    /// Those that it takes several callers to meet, or several calls at once.
    pub const TOGETHER: &[Self] = &[Self::LosesUpdates, Self::RacesKeys, Self::ReadsStale, Self::Oversells];
}

/// A system in memory.
#[derive(Default)]
pub struct Double {
    model: Mutex<Model>,
    before: Mutex<Model>,
    clock: ModelClock,
    ids: SeqIds,
    flaw: Option<Flaw>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Double {
    /// One that does everything right.
    #[must_use]
    pub fn honest() -> Self {
        Self::default()
    }

    /// One with a flaw.
    #[must_use]
    pub fn with(flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..Self::default() }
    }

    /// Makes up what is new in an answer.
    fn fresh(&self, model: &Model, call: &Call, now: Timestamp) -> Fresh {
        let id = self.ids.next();
        let number = u64::try_from(id.as_u128()).ok().map(OrderNumber::from_random);
        let mut fresh = Fresh { id, number, token: String::new() };
        if let (Command::LogIn { .. }, Answer::LoggedIn(session)) =
            (&call.command, model.clone().step_with(call, now, &fresh))
        {
            let claims = AccessClaims {
                user_id: session.user_id,
                session_id: SessionId::new(id),
                token_id: id,
                issued_at: now,
                expires_at: now.plus_millis(3_600_000),
            };
            fresh.token = PlainTokens.issue(&claims).unwrap_or_default();
        }
        fresh
    }

    /// Without its key.
    fn keyless(call: &Call) -> Call {
        Call { key: None, ..call.clone() }
    }

    /// Any version will do.
    fn careless(call: &Call) -> Call {
        let mut call = call.clone();
        let precondition = match &mut call.command {
            Command::ChangeProduct(command) => &mut command.precondition,
            Command::ArchiveProduct(command) => &mut command.precondition,
            Command::SetStock(command) => &mut command.precondition,
            _ => return call,
        };
        if let Precondition::OneOf(_) = precondition {
            *precondition = Precondition::Any;
        }
        call
    }

    fn step(&self, model: &mut Model, call: &Call) -> Answer {
        let now = self.now();
        let fresh = self.fresh(model, call, now);
        let before = model.clone();
        let answer = match self.flaw {
            Some(Flaw::ForgetsKeys) => model.step_with(&Self::keyless(call), now, &fresh),
            Some(Flaw::IgnoresVersions) => model.step_with(&Self::careless(call), now, &fresh),
            _ => model.step_with(call, now, &fresh),
        };
        match (self.flaw, &answer) {
            (Some(Flaw::ConfusesKeys), Answer::Refused(refusal)) if refusal.code == "idempotency_key_reused" => {
                model.step_with(&Self::keyless(call), now, &fresh)
            }
            (Some(Flaw::Oversells), Answer::Refused(refusal)) if refusal.code == "insufficient_stock" => {
                model.oversell(call, now, &fresh)
            }
            (Some(Flaw::KeepsClaims), Answer::Order(order)) if order.status == "cancelled" => {
                model.stored.shelves.clone_from(&before.stored.shelves);
                answer
            }
            (Some(Flaw::SkipsRows), _) => skip(call, answer),
            _ => answer,
        }
    }
}

/// The page without its first row, if it follows another.
fn skip(call: &Call, answer: Answer) -> Answer {
    match (&call.command, answer) {
        (Command::ListProducts(_, request), Answer::Products(mut page)) if request.after.is_some() => {
            page.items = page.items.into_iter().skip(1).collect();
            Answer::Products(page)
        }
        (Command::ListOrders(_, request), Answer::Orders(mut page)) if request.after.is_some() => {
            page.items = page.items.into_iter().skip(1).collect();
            Answer::Orders(page)
        }
        (_, answer) => answer,
    }
}

impl Model {
    /// Places the order although there is too little of something.
    fn oversell(&mut self, call: &Call, now: Timestamp, fresh: &Fresh) -> Answer {
        const MORE: u32 = 1_000_000_000;
        let Command::PlaceOrder(command) = &call.command else {
            return Answer::refusal(ErrorKind::Internal, "internal");
        };
        let products: Vec<_> = command.lines.iter().map(|line| line.product_id).collect();
        let lend = |model: &mut Self, lent: bool| {
            for shelf in model.stored.shelves.values_mut().filter(|shelf| products.contains(&shelf.product.id)) {
                let stock = &mut shelf.stock;
                stock.on_hand = if lent { stock.on_hand + MORE } else { stock.on_hand - MORE };
                stock.available = stock.on_hand.saturating_sub(stock.reserved);
            }
        };
        lend(self, true);
        let answer = self.step_with(call, now, fresh);
        lend(self, false);
        answer
    }
}

#[async_trait]
impl System for Double {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&self, millis: i64) {
        self.clock.wait(millis);
    }

    async fn call(&self, call: &Call) -> Answer {
        // So that tasks take turns: every call can meet others half done.
        tokio::task::yield_now().await;
        match self.flaw {
            Some(Flaw::LosesUpdates) => {
                let mut copy = lock(&self.model).clone();
                tokio::task::yield_now().await;
                let answer = self.step(&mut copy, call);
                tokio::task::yield_now().await;
                *lock(&self.model) = copy;
                answer
            }
            Some(Flaw::RacesKeys) if call.key().is_some() => {
                let known = {
                    let mut copy = lock(&self.model).clone();
                    let keys = copy.kept_keys();
                    self.step(&mut copy, call);
                    copy.kept_keys() == keys
                };
                tokio::task::yield_now().await;
                let mut model = lock(&self.model);
                let call = if known { call.clone() } else { Self::keyless(call) };
                let answer = self.step(&mut model, &call);
                drop(model);
                answer
            }
            Some(Flaw::ReadsStale) => {
                let reads = matches!(
                    call.command,
                    Command::GetProduct(_) | Command::GetStock(_) | Command::GetOrder(_) | Command::ListOrders(..)
                );
                if reads {
                    return self.step(&mut lock(&self.before), call);
                }
                let mut model = lock(&self.model);
                lock(&self.before).clone_from(&model);
                self.step(&mut model, call)
            }
            _ => self.step(&mut lock(&self.model), call),
        }
    }

    async fn end_state(&self) -> Result<EndState, String> {
        Ok(lock(&self.model).end_state().clone())
    }
}
