//! The calls to a system under test and its answers, as plain values that can be compared.

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

/// A use case with its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Creates an account for the caller.
    Register {
        /// The email address as typed.
        email: String,
        /// The password as typed.
        password: String,
        /// The name as typed.
        display_name: String,
    },
    /// Starts a session.
    LogIn {
        /// The email address as typed.
        email: String,
        /// The password as typed.
        password: String,
    },
    /// Finds the user of this access token.
    Authenticate(String),
    /// Reads the caller's own account.
    GetProfile,
    /// Adds a product to the catalog.
    CreateProduct(CreateProductCommand),
    /// Patches a product.
    ChangeProduct(ChangeProductCommand),
    /// Takes a product off sale.
    ArchiveProduct(ArchiveProductCommand),
    /// Sets the number of pieces on hand.
    SetStock(SetStockCommand),
    /// Reads a product.
    GetProduct(ProductId),
    /// Reads the stock of a product.
    GetStock(ProductId),
    /// Reads a page of products.
    ListProducts(ProductSort, PageRequest),
    /// Orders products.
    PlaceOrder(PlaceOrderCommand),
    /// Cancels an order and releases its stock.
    CancelOrder(CancelOrderCommand),
    /// Reads an order.
    GetOrder(OrderId),
    /// Reads a page of the orders that the caller may see.
    ListOrders(Direction, PageRequest),
    /// Deletes expired keys and sessions.
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

/// A command and its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The caller.
    pub actor: Actor,
    /// The use case and its input.
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

/// The result of a log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The account that logged in.
    pub user_id: UserId,
    /// The new session.
    pub session_id: SessionId,
    /// The access token.
    pub token: String,
    /// How long the token is valid, in milliseconds.
    pub expires_in: u128,
}

/// Everything that a caller learns about a refused command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind, which transports map to a status.
    pub kind: ErrorKind,
    /// The stable code of the refusal.
    pub code: &'static str,
    /// Pointer, code and text of every wrong field.
    pub fields: Vec<(String, &'static str, String)>,
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The account that was registered or read.
    User(UserView),
    /// The new session.
    LoggedIn(LoggedIn),
    /// The user that an access token belongs to.
    Principal(Principal),
    /// The product that was created, changed or read.
    Product(Product),
    /// Success without a result.
    Done,
    /// The stock of a product, as far as the caller may see it.
    Stock(StockDetail),
    /// The stock after it was set.
    StockSet(StockView),
    /// A page of the catalog.
    Products(Page<Product>),
    /// The order that was placed, cancelled or read.
    Order(OrderView),
    /// A page of the orders that the caller may see.
    Orders(Page<OrderView>),
    /// How many rows were deleted.
    Swept(Swept),
    /// The call was refused and changed nothing.
    Refused(Refusal),
    /// The store was unavailable or full, or the outcome is unknown. The change may have happened or may still happen.
    Unknown(String),
}

impl Answer {
    /// Turns an error into an answer. Store errors other than an unavailable or full store become refusals too. The
    /// model never gives such an answer, so a program that meets one fails.
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

    /// Makes a refusal without fields.
    #[must_use]
    pub const fn refusal(kind: ErrorKind, code: &'static str) -> Self {
        Self::Refused(Refusal { kind, code, fields: vec![] })
    }
}

/// The system under test.
#[async_trait]
pub trait System: Send + Sync {
    /// The time of the system's wall clock.
    fn now(&self) -> Timestamp;
    /// Moves the wall clock by this many milliseconds, forward or back.
    fn wait(&self, millis: i64);
    /// Executes the command and returns its result.
    async fn call(&self, call: &Call) -> Answer;
    /// Reads everything that is stored, as far as the ports show it.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    async fn end_state(&self) -> Result<crate::EndState, String>;
}
