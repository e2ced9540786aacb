//! What is asked of a system under test, and what it answers: plain values that can be compared.

use async_trait::async_trait;
use skep_application::{
    catalog::{
        ArchiveProductCommand, ChangeProductCommand, CreateProductCommand, ProductSort, SetStockCommand, StockDetail,
        StockView,
    },
    identity::UserView,
    kernel::Swept,
    kernel::{Actor, AppError, ErrorKind, IdempotencyKey, Page, PageRequest, Principal},
    ordering::{CancelOrderCommand, OrderView, PlaceOrderCommand},
};
use skep_domain::{
    catalog::Product,
    shared::{Direction, OrderId, ProductId, SessionId, Timestamp, UserId},
};

/// One operation of the slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Somebody makes an account for themselves.
    Register {
        /// The address, as typed.
        email: String,
        /// The password, as typed.
        password: String,
        /// The name, as typed.
        display_name: String,
    },
    /// Somebody logs in.
    LogIn {
        /// The address, as typed.
        email: String,
        /// The password, as typed.
        password: String,
    },
    /// Who is behind this token?
    Authenticate(String),
    /// One's own profile.
    GetProfile,
    /// A new product.
    CreateProduct(CreateProductCommand),
    /// A changed product.
    ChangeProduct(ChangeProductCommand),
    /// A product leaves the shelf.
    ArchiveProduct(ArchiveProductCommand),
    /// Somebody counted.
    SetStock(SetStockCommand),
    /// One product.
    GetProduct(ProductId),
    /// How much of it there is.
    GetStock(ProductId),
    /// A page of products.
    ListProducts(ProductSort, PageRequest),
    /// A new order.
    PlaceOrder(PlaceOrderCommand),
    /// An order is called off.
    CancelOrder(CancelOrderCommand),
    /// One order.
    GetOrder(OrderId),
    /// A page of orders.
    ListOrders(Direction, PageRequest),
    /// Expired keys are forgotten.
    SweepExpired,
}

impl Command {
    /// The use case to which an idempotency key belongs, if the command takes one.
    #[must_use]
    pub const fn use_case(&self) -> Option<&'static str> {
        match self {
            Self::CreateProduct(_) => Some("create_product"),
            Self::ChangeProduct(_) => Some("change_product"),
            Self::ArchiveProduct(_) => Some("archive_product"),
            Self::SetStock(_) => Some("set_stock"),
            Self::PlaceOrder(_) => Some("place_order"),
            Self::CancelOrder(_) => Some("cancel_order"),
            _ => None,
        }
    }
}

/// A command and who gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who.
    pub actor: Actor,
    /// What.
    pub command: Command,
    /// The idempotency key, for a command that takes one.
    pub key: Option<IdempotencyKey>,
}

impl Call {
    /// The idempotency key, and the use case to which it belongs.
    #[must_use]
    pub fn key(&self) -> Option<(&'static str, &IdempotencyKey)> {
        self.command.use_case().zip(self.key.as_ref())
    }
}

/// A started session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The account.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// The access token.
    pub token: String,
    /// How long the token is good, in milliseconds.
    pub expires_in: u128,
}

/// Why something was not done: all that a caller learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its kind.
    pub kind: ErrorKind,
    /// Its code.
    pub code: &'static str,
    /// Pointer, code and text of every field that is wrong.
    pub fields: Vec<(String, &'static str, String)>,
}

/// What a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An account.
    User(UserView),
    /// A session.
    LoggedIn(LoggedIn),
    /// Who it is.
    Principal(Principal),
    /// A product.
    Product(Product),
    /// Done, without anything to say.
    Done,
    /// Stock, as far as the caller may know.
    Stock(StockDetail),
    /// Stock that was set.
    StockSet(StockView),
    /// A page of products.
    Products(Page<Product>),
    /// An order.
    Order(OrderView),
    /// A page of orders.
    Orders(Page<OrderView>),
    /// So much was forgotten.
    Swept(Swept),
    /// It was refused, and changed nothing.
    Refused(Refusal),
    /// The store was away or full, or the outcome is unknown: it was done or not, or will be done later.
    Unknown(String),
}

impl Answer {
    /// What an error says. Errors of the store that are not about its being away are refusals here as well: no program of
    /// ours should ever meet one, and the model never answers it.
    #[must_use]
    pub fn refused(error: &dyn AppError) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::StorageFull => Self::Unknown(format!("{error:?}")),
            kind => {
                let fields = error.fields().iter();
                let fields = fields.map(|field| (field.pointer.clone(), field.code, field.detail.clone())).collect();
                Self::Refused(Refusal { kind, code: error.code(), fields })
            }
        }
    }

    /// A refusal without fields.
    #[must_use]
    pub const fn refusal(kind: ErrorKind, code: &'static str) -> Self {
        Self::Refused(Refusal { kind, code, fields: vec![] })
    }
}

/// What calls are made to.
#[async_trait]
pub trait System: Send + Sync {
    /// The wall clock of the system.
    fn now(&self) -> Timestamp;
    /// Moves that clock by milliseconds.
    fn wait(&self, millis: i64);
    /// Makes a call.
    async fn call(&self, call: &Call) -> Answer;
    /// Everything that is stored, as far as ports show it.
    ///
    /// # Errors
    /// Why it cannot be read.
    async fn end_state(&self) -> Result<crate::EndState, String>;
}
