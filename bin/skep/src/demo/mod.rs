//! A believable shop of any size. The use cases make it, so it obeys their rules and has events, reservations and a
//! ledger of the stock like any other shop.

mod past;
mod shop;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use shop::{Dice, Shop};
use skep_application::{
    App, Policies, Ports,
    catalog::{CreateProductCommand, MoneyInput, ProductSort, ProductSortKey},
    identity::{AccountInput, CreateUserCommand, ForeignHashRefusal, HashCaller, HashError, PasswordHasher},
    kernel::{Actor, BoxError, PageRequest, Precondition},
    ordering::{CancelOrderCommand, OrderLineInput, OrderPolicy, PlaceOrderCommand},
};
use skep_domain::{
    access::{Permissions, Policy, Role},
    shared::{Direction, PageLimit, ProductId, SessionId, Timestamp, UserId},
};
use std::{borrow::Cow, sync::Arc};
use tokio::sync::OnceCell;

/// How many use cases run at once: enough for a store to commit many together, and few enough to hold in memory.
const AT_ONCE: usize = 64;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
const ADMIN: &str = "admin@example.com";

/// The size of a shop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) products: u32,
    pub(crate) users: u32,
    pub(crate) orders: u32,
}

/// A shop that was made.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Made {
    pub(crate) products: u32,
    pub(crate) users: u32,
    pub(crate) orders: u32,
    pub(crate) cancelled: u32,
    pub(crate) seed: u64,
    /// The password of every account.
    pub(crate) password: String,
    /// The admin, then some of the customers.
    pub(crate) log_ins: Vec<LogIn>,
}

/// An account that can log in.
#[derive(Debug, serde::Serialize)]
pub(crate) struct LogIn {
    pub(crate) email: String,
    pub(crate) role: &'static str,
}

/// Why a shop was not made, or not completely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(
        "the store is in use, because it has products or users: fill another one, for example with \
         SKEP_DATA_DIR=./demo-data"
    )]
    InUse,
    #[error("orders need at least one product and one user: raise --products and --users, or set --orders 0")]
    NobodyToOrder,
    #[error("the demo stopped at {what}; the store keeps what was made before")]
    Stopped {
        what: Cow<'static, str>,
        #[source]
        source: BoxError,
    },
}

/// Hashes the password of the demo once for all accounts.
struct OneHash {
    real: Arc<dyn PasswordHasher>,
    hash: OnceCell<String>,
}

#[async_trait::async_trait]
impl PasswordHasher for OneHash {
    async fn hash(&self, caller: HashCaller, password: String) -> Result<String, HashError> {
        self.hash.get_or_try_init(|| self.real.hash(caller, password)).await.cloned()
    }

    async fn verify(&self, caller: HashCaller, password: String, hash: Option<String>) -> Result<bool, HashError> {
        self.real.verify(caller, password, hash).await
    }

    fn is_outdated(&self, hash: &str) -> bool {
        self.real.is_outdated(hash)
    }

    fn judge_foreign(&self, hash: &str) -> Result<(), ForeignHashRefusal> {
        self.real.judge_foreign(hash)
    }

    async fn take_over(&self, caller: HashCaller, hash: String) -> Result<String, HashError> {
        self.real.take_over(caller, hash).await
    }
}

/// Fills the store of these ports: first the products, then the customers, then the orders.
pub(crate) async fn fill(
    ports: &Ports,
    policies: Policies,
    size: Size,
    seed: u64,
    password: String,
) -> Result<Made, DemoError> {
    if size.orders > 0 && (size.products == 0 || size.users == 0) {
        return Err(DemoError::NobodyToOrder);
    }
    if in_use(ports).await.map_err(stopped("asking whether the store is empty"))? {
        return Err(DemoError::InUse);
    }
    // The history ends with yesterday, so that the same seed makes the same shop all day.
    let today = ports.runtime.clock.now().as_millis() / DAY_MILLIS * DAY_MILLIS;
    let until = Timestamp::from_millis(today).unwrap_or(Timestamp::MIN);
    let shop = Shop { products: size.products, customers: size.users, orders: size.orders, seed, until };
    let hasher = Arc::new(OneHash { real: ports.hasher.clone(), hash: OnceCell::new() });
    let ports = Ports { runtime: past::runtime(&ports.runtime), hasher, ..ports.clone() };
    // The orders of the past are not paid. They must not end when the server starts.
    let orders = OrderPolicy { minimums: vec![], lifetime: None, open_lines: None, ..policies.orders };
    let app = Box::new(App::new(ports, Policies { orders, ..policies }));
    let demo = Demo { app, shop, password };
    let admin = demo.admin().await.map_err(stopped("the admin"))?;
    let products = demo.products(&admin).await?;
    let customers = demo.customers().await?;
    let cancelled = demo.orders(&products, &customers).await?;
    let some = (0..shop.customers.min(3)).map(|number| LogIn { email: shop.customer(number).email, role: "user" });
    let log_ins = std::iter::once(LogIn { email: ADMIN.to_owned(), role: "admin" }).chain(some).collect();
    let Size { products, users, orders } = size;
    Ok(Made { products, users, orders, cancelled, seed, password: demo.password, log_ins })
}

/// Whether the store has ever been used. Every change leaves an event.
async fn in_use(ports: &Ports) -> Result<bool, BoxError> {
    if !ports.store.list_events(None, 1).await?.is_empty() {
        return Ok(true);
    }
    let page = PageRequest { limit: PageLimit::default(), after: None, count_up_to: None };
    let sort = ProductSort { key: ProductSortKey::CreatedAt, direction: Direction::Ascending };
    let products: &dyn skep_application::catalog::ProductQueries = &*ports.store;
    Ok(!products.list_products(sort, &page).await?.items.is_empty())
}

fn stopped<E: Into<BoxError>>(what: impl Into<Cow<'static, str>>) -> impl FnOnce(E) -> DemoError {
    let what = what.into();
    move |source| DemoError::Stopped { what, source: source.into() }
}

struct Demo {
    app: Box<App>,
    shop: Shop,
    password: String,
}

impl Demo {
    fn account(&self, email: String, display_name: String) -> AccountInput {
        AccountInput { email, password: self.password.clone(), display_name }
    }

    async fn admin(&self) -> Result<Actor, BoxError> {
        let account = self.account(ADMIN.to_owned(), "Admin".to_owned());
        let command = CreateUserCommand { account, roles: vec![Role::ADMIN] };
        let system = Actor::system("skep demo");
        let create = self.app.identity.create_user.execute(&system, command);
        let user = past::at(self.shop.product(0).at, Dice::of(self.shop.seed, 10, 0), create).await?;
        Ok(actor(user.id, &user.roles))
    }

    async fn products(&self, admin: &Actor) -> Result<Vec<ProductId>, DemoError> {
        let demand = self.shop.demand();
        let bar = progress("products", self.shop.products);
        let make = |(number, demand): (u32, u32)| {
            let bar = &bar;
            async move {
                let product = self.shop.product(number);
                let command = CreateProductCommand {
                    sku: product.sku,
                    name: product.name,
                    description: product.description,
                    price: MoneyInput { amount: product.price, currency: "EUR".to_owned() },
                    stock: Some(i64::from(demand) + i64::from(product.left)),
                };
                let create = self.app.catalog.create_product.execute(admin, command);
                let made = past::at(product.at, Dice::of(self.shop.seed, 11, number), create).await;
                bar.inc(1);
                made.map(|view| view.id).map_err(stopped(format!("product {}", number + 1)))
            }
        };
        stream::iter((0..self.shop.products).zip(demand)).map(make).buffered(AT_ONCE).try_collect().await
    }

    async fn customers(&self) -> Result<Vec<Actor>, DemoError> {
        let bar = progress("users", self.shop.customers);
        let make = |number: u32| {
            let bar = &bar;
            async move {
                let customer = self.shop.customer(number);
                let account = self.account(customer.email, customer.display_name);
                let command = CreateUserCommand { account, roles: vec![] };
                let creator = Actor::system("skep demo");
                // Their addresses do not exist, so they get no mail to verify them.
                let register = self.app.identity.create_user.execute(&creator, command);
                let made = past::at(customer.at, Dice::of(self.shop.seed, 12, number), register).await;
                bar.inc(1);
                made.map(|view| actor(view.id, &view.roles)).map_err(stopped(format!("user {}", number + 1)))
            }
        };
        stream::iter(0..self.shop.customers).map(make).buffered(AT_ONCE).try_collect().await
    }

    /// Returns the number of cancelled orders.
    async fn orders(&self, products: &[ProductId], customers: &[Actor]) -> Result<u32, DemoError> {
        let bar = progress("orders", self.shop.orders);
        let make = |number: u32| {
            let bar = &bar;
            async move {
                let made = self.order(number, products, customers).await;
                bar.inc(1);
                made.map_err(stopped(format!("order {}", number + 1)))
            }
        };
        let made = stream::iter(0..self.shop.orders).map(make).buffered(AT_ONCE);
        made.try_fold(0, |cancelled, was| async move { Ok(cancelled + u32::from(was)) }).await
    }

    async fn order(&self, number: u32, products: &[ProductId], customers: &[Actor]) -> Result<bool, BoxError> {
        let order = self.shop.order(number);
        let none = "an order of the demo names a product or a user that does not exist";
        let customer = customers.get(usize::try_from(order.customer)?).ok_or(none)?;
        let line = |(product, pieces): (u32, u32)| {
            let product_id = *products.get(usize::try_from(product).ok()?)?;
            Some(OrderLineInput { product_id, quantity: i64::from(pieces) })
        };
        let lines: Option<Vec<_>> = order.lines.into_iter().map(line).collect();
        let command = PlaceOrderCommand { lines: lines.ok_or(none)? };
        let place = self.app.ordering.place_order.execute(customer, command);
        let placed = past::at(order.at, Dice::of(self.shop.seed, 13, number), place).await?;
        let Some(cancelled_at) = order.cancelled_at else { return Ok(false) };
        let command = CancelOrderCommand { order_id: placed.id, precondition: Precondition::Missing };
        let cancel = self.app.ordering.cancel_order.execute(customer, command);
        past::at(cancelled_at, Dice::of(self.shop.seed, 14, number), cancel).await?;
        Ok(true)
    }
}

/// A user that acts without a login, on behalf of the operator.
fn actor(id: UserId, roles: &[Role]) -> Actor {
    let permissions = Permissions::of(roles, &Policy::default());
    Actor::user(id, SessionId::new(uuid::Uuid::nil()), permissions, "skep demo")
}

/// A progress bar on the standard error, if it is a terminal.
fn progress(what: &'static str, count: u32) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>9} {bar:40} {human_pos}/{human_len}  {elapsed}, {eta} left");
    let bar = ProgressBar::new(u64::from(count)).with_message(what);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests;
