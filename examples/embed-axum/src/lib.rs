//! A shop on axum: Skep's accounts and orders under its own routes, with a table of its own in the same transaction.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router, http::HeaderMap, http::StatusCode};
use serde_json::{Value, json};
use skep::{Skep, config::Config};
use skep_application::identity::{AccountInput, LogInCommand, RegisterUserCommand};
use skep_application::kernel::{Actor, AppError, Authorized, BoxError, Call, Command, Commands, Constraint};
use skep_application::kernel::{FieldCipher, IdempotencyKey, Invalid, SealedField, StoreError, UseCase};
use skep_application::operations::{FOUNDATION, MigrationStep};
use skep_application::ordering::{OrderView, PlaceOrder, PlaceOrderCommand, PlaceOrderError};
use skep_domain::shared::{Action, OrderId, Sealed, Text, UserId};
use skep_sql::{Declared, Kind, Row, SqlSet, SqlStep, SqlStore, SqlUnit, SqlWork, Stored, Table, Verb};
use skep_sqlite::SqliteDatabase;
use std::sync::{Arc, LazyLock};

/// The message that goes with an order, sealed: a copy of the store does not show it. Its id is that of the order.
struct Gift(OrderId, Sealed);

const MESSAGE: SealedField = SealedField::new("gifts", "message");
const TABLE: &str = "CREATE TABLE gifts (id UUID NOT NULL, message TEXT NOT NULL, \
    CONSTRAINT gifts_pkey PRIMARY KEY (id), CONSTRAINT gifts_id_fkey FOREIGN KEY (id) REFERENCES orders (id)); \
    CREATE INDEX gifts_message_idx ON gifts (message)";
const STEP: SqlStep = SqlStep { up: SqlWork::both(TABLE), down: SqlWork::both("DROP TABLE gifts") };
const SET: SqlSet =
    SqlSet { name: "gifts", after: &[FOUNDATION], steps: &[MigrationStep { name: "gifts", work: STEP }] };
static GIFTS: LazyLock<Table<Gift>> = LazyLock::new(|| {
    Table::<Gift>::new("gifts", "shop.gift", Constraint::new("gifts_pkey"))
        .key("id", Kind::Uuid, |gift| gift.0.into())
        .fixed("message", Kind::Text, |gift| gift.1.as_str().into())
        .sealed()
        .references(Constraint::new("gifts_id_fkey"), "id", "orders")
        .offers(&[Verb::Find, Verb::Insert])
});

impl Stored for Gift {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self(OrderId::new(row.uuid()?), Sealed::stored(row.text()?)))
    }
}

/// Places the order as Skep does, and stores the message with it.
struct OrderGift(PlaceOrder, Arc<dyn FieldCipher>);

impl Command for OrderGift {
    type Unit = SqlUnit;
    type Input = (PlaceOrderCommand, String);
    type Plan = (<PlaceOrder as Command>::Plan, Text);
    type Target = UserId;
    type Answer = OrderView;
    type Error = PlaceOrderError;
    const NAME: &'static str = "shop.order_gift";
    const ACTION: Action = PlaceOrder::ACTION;

    async fn plan(&self, call: &mut Call<'_>, (order, message): Self::Input) -> Result<Self::Plan, Self::Error> {
        let message = Text::line(&message, 200).map_err(|error| Invalid::one("/message", "invalid", error))?;
        Ok((self.0.plan(call, order).await?, message))
    }
    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<UserId, Self::Error> {
        self.0.load(&plan.0, unit).await
    }
    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        customer: Authorized<'_, UserId>,
    ) -> Result<OrderView, Self::Error> {
        let order = self.0.write(&plan.0, unit, customer).await?;
        let message = self.1.seal(&MESSAGE.of(order.id), plan.1.as_str().as_bytes()).map_err(StoreError::from)?;
        GIFTS.insert(unit, &Gift(order.id, message)).await?;
        Ok(order)
    }
}

/// Skep, and what this program adds to it.
pub struct Shop {
    /// An instance of Skep, without its HTTP API.
    pub skep: Skep,
    order_gift: UseCase<OrderGift>,
    store: SqlStore,
}

impl Shop {
    /// Starts Skep on this database, and brings the tables of both up to date. The caller closes the database.
    pub async fn start(config: Config, database: &SqliteDatabase) -> Result<Arc<Self>, BoxError> {
        let store = SqlStore::new(Arc::new(database.clone()), skep_local::system_runtime().clock);
        let store = store.with_sets(&[SET])?.with_tables(Declared::table(&GIFTS))?;
        let place_order = PlaceOrder::new(config.policies.orders.clone());
        let skep = Skep::builder().config(config).store(Arc::new(store.clone())).start().await?;
        let ports = &skep.app.ports;
        let (fingerprints, runtime) = (ports.fingerprints.clone(), ports.runtime.clone());
        let commands = Commands::<SqlUnit>::new(Arc::new(store.clone()), fingerprints, runtime);
        let order_gift = UseCase::new(OrderGift(place_order, ports.fields.clone()), &commands);
        Ok(Arc::new(Self { skep, order_gift, store }))
    }

    /// The account behind the token of a login, or a visitor.
    async fn caller(&self, headers: &HeaderMap) -> Result<Actor, Refused> {
        let mut actor = Actor::anonymous(self.skep.app.ports.runtime.ids.next().to_string());
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        if let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) {
            actor.principal = self.skep.app.identity.authenticate.execute(token).await.map_err(refused)?;
        }
        Ok(actor)
    }
}

/// The routes of the shop.
pub fn router(shop: Arc<Shop>) -> Router {
    let accounts = Router::new().route("/accounts", post(register)).route("/login", post(log_in));
    accounts.route("/orders", post(order_gift)).route("/orders/{id}", get(show_gift)).with_state(shop)
}

type Refused = (StatusCode, String);
type Answer = Result<Json<Value>, Refused>;

fn refused(error: impl AppError) -> Refused {
    (StatusCode::from_u16(error.kind().http_status()).unwrap_or_default(), error.to_string())
}

async fn register(State(shop): State<Arc<Shop>>, headers: HeaderMap, Json(account): Json<AccountInput>) -> Answer {
    let command = RegisterUserCommand { account };
    let user = shop.skep.app.identity.register_user.execute(&shop.caller(&headers).await?, command).await;
    Ok(Json(json!(user.map_err(refused)?)))
}

async fn log_in(State(shop): State<Arc<Shop>>, headers: HeaderMap, Json(command): Json<LogInCommand>) -> Answer {
    let session = shop.skep.app.identity.log_in.execute(&shop.caller(&headers).await?, command).await;
    Ok(Json(json!({ "access_token": session.map_err(refused)?.access_token })))
}

#[derive(serde::Deserialize)]
struct GiftOrder {
    #[serde(flatten)]
    order: PlaceOrderCommand,
    message: String,
}

async fn order_gift(State(shop): State<Arc<Shop>>, headers: HeaderMap, Json(gift): Json<GiftOrder>) -> Answer {
    let key = headers.get("idempotency-key").map(|key| IdempotencyKey::parse(key.to_str().unwrap_or_default()));
    let key = key.transpose().map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let actor = shop.caller(&headers).await?;
    let order = shop.order_gift.execute_once(&actor, key.as_ref(), (gift.order, gift.message)).await;
    Ok(Json(json!(order.map_err(refused)?)))
}

async fn show_gift(State(shop): State<Arc<Shop>>, headers: HeaderMap, Path(id): Path<OrderId>) -> Answer {
    let order = shop.skep.app.ordering.get_order.execute(&shop.caller(&headers).await?, id).await.map_err(refused)?;
    let gift = GIFTS.look_up(&shop.store, order.id).await.map_err(refused)?;
    let opened = gift.map(|gift| shop.skep.app.ports.fields.open(&MESSAGE.of(order.id), &gift.1));
    let message = opened.transpose().map_err(|error| refused(StoreError::from(error)))?;
    let message = message.map(|message| String::from_utf8_lossy(&message.0).into_owned());
    Ok(Json(json!({ "order": order, "message": message })))
}
