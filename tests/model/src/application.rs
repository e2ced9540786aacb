//! The application over a real store, as a system under test.

use crate::{
    call::{Answer, Call, Command, LoggedIn, System},
    state::{self, EndState},
    world::{self, ModelClock, NoLimits, NoSecrets, PlainFingerprints, PlainHasher, PlainTokens},
};
use async_trait::async_trait;
use skep_application::{
    App, Policies, Ports, Store,
    identity::{AccountInput, LogInAnswer, LogInCommand, RegisterUserCommand},
    kernel::{Actor, AppError, Clock as _, ErrorKind},
};
use skep_domain::shared::Timestamp;
use std::{sync::Arc, time::Duration};

/// All use cases over a store.
pub struct Application {
    app: App,
    clock: Arc<ModelClock>,
    patience: Option<Duration>,
}

impl Application {
    /// The application over a migrated store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(ModelClock::default());
        let ports = Ports {
            store,
            runtime: world::runtime(clock.clone()),
            hasher: Arc::new(PlainHasher),
            tokens: Arc::new(PlainTokens),
            fingerprints: Arc::new(PlainFingerprints),
            secrets: Arc::new(NoSecrets),
            limits: Arc::new(NoLimits),
        };
        Self { app: App::new(ports, Policies::default()), clock, patience: None }
    }

    /// Its callers stop waiting after this time.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Another instance of it on another connection to the same data: it shares the clock, the identifiers and the
    /// randomness.
    #[must_use]
    pub fn beside(&self, store: Arc<dyn Store>) -> Self {
        let ports = Ports { store, ..self.app.ports.clone() };
        Self { app: App::new(ports, Policies::default()), clock: self.clock.clone(), patience: None }
    }
}

/// The answer as a value.
fn told<T, E: AppError>(result: Result<T, E>, answer: impl FnOnce(T) -> Answer) -> Answer {
    match result {
        Ok(done) => answer(done),
        Err(error) => Answer::refused(&error),
    }
}

fn logged_in(answer: LogInAnswer) -> Answer {
    let LogInAnswer { access_token: token, expires_in } = answer;
    match PlainTokens::read(&token) {
        Some(claims) => {
            let (user_id, session_id) = (claims.user_id, claims.session_id);
            Answer::LoggedIn(LoggedIn { user_id, session_id, token, expires_in: expires_in.as_millis() })
        }
        None => Answer::refusal(ErrorKind::Invalid, "not a token"),
    }
}

#[async_trait]
impl System for Application {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&self, millis: i64) {
        self.clock.wait(millis);
    }

    async fn call(&self, call: &Call) -> Answer {
        let App { identity, catalog, ordering, .. } = &self.app;
        let deadline = self.patience.map(|patience| self.clock.monotonic() + patience);
        let (actor, key) = (&Actor { deadline, ..call.actor.clone() }, call.key.as_ref());
        match call.command.clone() {
            Command::Register { email, password, display_name } => {
                let command = RegisterUserCommand { account: AccountInput { email, password, display_name } };
                told(identity.register_user.execute(actor, command).await, Answer::User)
            }
            Command::LogIn { email, password } => {
                told(identity.log_in.execute(actor, LogInCommand { email, password }).await, logged_in)
            }
            Command::Authenticate(token) => told(identity.authenticate.execute(&token).await, Answer::Principal),
            Command::GetProfile => told(identity.get_profile.execute(actor).await, Answer::User),
            Command::CreateProduct(command) => {
                told(catalog.create_product.execute_once(actor, key, command).await, Answer::Product)
            }
            Command::ChangeProduct(command) => {
                told(catalog.change_product.execute_once(actor, key, command).await, Answer::Product)
            }
            Command::ArchiveProduct(command) => {
                told(catalog.archive_product.execute_once(actor, key, command).await, |()| Answer::Done)
            }
            Command::SetStock(command) => {
                told(catalog.set_stock.execute_once(actor, key, command).await, Answer::StockSet)
            }
            Command::GetProduct(id) => told(catalog.get_product.execute(actor, id).await, Answer::Product),
            Command::GetStock(id) => told(catalog.get_stock.execute(actor, id).await, Answer::Stock),
            Command::ListProducts(sort, page) => {
                told(catalog.list_products.execute(actor, sort, &page).await, Answer::Products)
            }
            Command::PlaceOrder(command) => {
                told(ordering.place_order.execute_once(actor, key, command).await, Answer::Order)
            }
            Command::CancelOrder(command) => {
                told(ordering.cancel_order.execute_once(actor, key, command).await, Answer::Order)
            }
            Command::GetOrder(id) => told(ordering.get_order.execute(actor, id).await, Answer::Order),
            Command::ListOrders(direction, page) => {
                told(ordering.list_orders.execute(actor, direction, &page).await, Answer::Orders)
            }
            Command::SweepExpired => told(self.app.sweep_expired.execute().await, Answer::Swept),
        }
    }

    async fn end_state(&self) -> Result<EndState, String> {
        state::read(&*self.app.ports.store).await.map_err(|error| format!("the end state cannot be read: {error:?}"))
    }
}
