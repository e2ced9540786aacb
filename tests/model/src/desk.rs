//! Where symbolic steps become calls: what a caller has met so far.

use crate::{
    call::{Answer, Call, Command},
    step::{Caller, Condition, EMAILS, Field, NAMES, Operation, PASSWORDS, PRICES, Quantity, SKUS, Step, Target},
    world::people,
};
use skep_application::{
    catalog::{
        ArchiveProductCommand, ChangeProductCommand, CreateProductCommand, MoneyInput, MoneyPatch, ProductPatch,
        ProductSort, ProductSortKey, SetStockCommand, StockView,
    },
    kernel::{Actor, IdempotencyKey, PageRequest, Position, Precondition, Principal},
    ordering::{CancelOrderCommand, OrderLineInput, PlaceOrderCommand},
};
use skep_domain::shared::{Direction, OrderId, PageLimit, Patch, ProductId, Version};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A place in a list, and the list.
#[derive(Debug, Clone)]
struct Mark<S> {
    sort: S,
    after: Option<Position>,
}

/// What a caller has met so far.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    products: Vec<ProductId>,
    orders: Vec<OrderId>,
    tokens: Vec<String>,
    principals: Vec<Principal>,
    versions: BTreeMap<ProductId, Version>,
    stock: BTreeMap<ProductId, StockView>,
    product_marks: Vec<Mark<ProductSort>>,
    order_marks: Vec<Mark<Direction>>,
    calls: Vec<Call>,
}

/// An identifier that nothing has.
const UNKNOWN: Uuid = Uuid::from_u128(0x00de_cade);

fn pick<T: Clone>(met: &[T], which: Target) -> Option<T> {
    match which {
        Target::Nth(n) if !met.is_empty() => met.get(n % met.len()).cloned(),
        Target::Nth(_) | Target::Unknown => None,
    }
}

fn pooled(pool: &[&str], n: usize) -> String {
    pool.get(n).copied().unwrap_or_default().to_owned()
}

fn money(n: usize) -> MoneyInput {
    let (amount, currency) = PRICES.get(n).copied().unwrap_or_default();
    MoneyInput { amount, currency: currency.to_owned() }
}

/// The whole price, or one part of it.
fn price_patch(n: usize) -> MoneyPatch {
    let MoneyPatch { amount, currency } = money(n).into();
    match n % 3 {
        0 => MoneyPatch { amount, currency },
        1 => MoneyPatch { amount, currency: Patch::Keep },
        _ => MoneyPatch { amount: Patch::Keep, currency },
    }
}

fn patch<T>(field: Field, value: impl FnOnce(usize) -> T) -> Patch<T> {
    match field {
        None => Patch::Keep,
        Some(None) => Patch::Clear,
        Some(Some(n)) => Patch::Set(value(n)),
    }
}

fn direction(descends: bool) -> Direction {
    if descends { Direction::Descending } else { Direction::Ascending }
}

fn request(after: Option<Position>, limit: i64, count: bool) -> PageRequest {
    PageRequest { limit: PageLimit::new(limit).unwrap_or_default(), after, count }
}

impl Desk {
    /// The call of a step.
    pub fn call(&mut self, step: &Step) -> Call {
        let call = match step.what {
            Operation::Again(back) if !self.calls.is_empty() => {
                self.calls[self.calls.len().saturating_sub(back).min(self.calls.len() - 1)].clone()
            }
            _ => {
                let command = self.command(step);
                let key = step.key.filter(|_| command.use_case().is_some());
                let key = key.and_then(|n| IdempotencyKey::parse(&format!("key {n}")).ok());
                Call { actor: self.actor(step.who), command, key }
            }
        };
        self.calls.push(call.clone());
        call
    }

    /// Keeps what the answer tells.
    pub fn note(&mut self, call: &Call, answer: &Answer) {
        match answer {
            Answer::LoggedIn(session) => self.tokens.push(session.token.clone()),
            Answer::Principal(principal) => self.principals.push(principal.clone()),
            Answer::Product(product) => {
                self.versions.insert(product.id, product.version);
                if !self.products.contains(&product.id) {
                    self.products.push(product.id);
                }
            }
            Answer::Stock(stock) => self.saw_stock(*stock.view()),
            Answer::StockSet(stock) => self.saw_stock(*stock),
            Answer::Order(order) => {
                if !self.orders.contains(&order.id) {
                    self.orders.push(order.id);
                }
            }
            Answer::Products(page) => {
                if let Command::ListProducts(sort, _) = &call.command {
                    self.product_marks.insert(0, Mark { sort: *sort, after: page.next.clone() });
                }
            }
            Answer::Orders(page) => {
                if let Command::ListOrders(direction, _) = &call.command {
                    self.order_marks.insert(0, Mark { sort: *direction, after: page.next.clone() });
                }
            }
            Answer::User(_) | Answer::Done | Answer::Swept(_) | Answer::Refused(_) | Answer::Unknown(_) => {}
        }
    }

    /// Forgets every product, so that the next ones are new ones.
    pub fn forget_products(&mut self) {
        self.products.clear();
        self.orders.clear();
        self.calls.clear();
    }

    /// The products that were met.
    #[must_use]
    pub fn products(&self) -> &[ProductId] {
        &self.products
    }

    fn saw_stock(&mut self, stock: StockView) {
        self.stock.insert(stock.product_id, stock);
    }

    fn actor(&self, who: Caller) -> Actor {
        let principal = match who {
            Caller::Visitor => Principal::Anonymous,
            Caller::System => Principal::System,
            Caller::Person(n) => {
                let people = people();
                let person = people[n % people.len()].clone();
                Principal::User { id: person.id, session: person.session, roles: person.roles }
            }
            // Nobody was recognized yet: the first customer stands in.
            Caller::Recognized(n) => match pick(&self.principals, Target::Nth(n)) {
                Some(principal) => principal,
                None => return self.actor(Caller::Person(1)),
            },
        };
        Actor { principal, ..Actor::anonymous("model") }
    }

    fn product(&self, which: Target) -> ProductId {
        pick(&self.products, which).unwrap_or(ProductId::new(UNKNOWN))
    }

    fn order(&self, which: Target) -> OrderId {
        pick(&self.orders, which).unwrap_or(OrderId::new(UNKNOWN))
    }

    fn quantity(&self, product: ProductId, quantity: Quantity) -> i64 {
        match quantity {
            Quantity::Of(count) => count,
            Quantity::Available(more) => self.stock.get(&product).map_or(1, |stock| i64::from(stock.available) + more),
        }
    }

    fn condition(condition: Condition, seen: Option<Version>) -> Precondition {
        match condition {
            Condition::Missing => Precondition::Missing,
            Condition::Any => Precondition::Any,
            Condition::Other => Precondition::OneOf(vec![]),
            Condition::Seen(more) => {
                let version = Version::new(seen.unwrap_or(Version::FIRST).get() + more);
                Precondition::OneOf(version.into_iter().collect())
            }
        }
    }

    fn command(&self, step: &Step) -> Command {
        match &step.what {
            Operation::Register(email, password, name) => Command::Register {
                email: pooled(EMAILS, *email),
                password: pooled(PASSWORDS, *password),
                display_name: pooled(NAMES, *name),
            },
            Operation::LogIn(email, password) => {
                Command::LogIn { email: pooled(EMAILS, *email), password: pooled(PASSWORDS, *password) }
            }
            Operation::Authenticate(which) => {
                Command::Authenticate(pick(&self.tokens, *which).unwrap_or_else(|| "no token".to_owned()))
            }
            // Nothing was done before: there is nothing to do again.
            Operation::GetProfile | Operation::Again(_) => Command::GetProfile,
            Operation::Create { sku, name, price, stock } => Command::CreateProduct(CreateProductCommand {
                sku: pooled(SKUS, *sku),
                name: pooled(NAMES, *name),
                description: pooled(NAMES, *price),
                price: money(*price),
                stock: *stock,
            }),
            Operation::Change(which, condition, [sku, name, description, price]) => {
                let product_id = self.product(*which);
                Command::ChangeProduct(ChangeProductCommand {
                    product_id,
                    precondition: Self::condition(*condition, self.versions.get(&product_id).copied()),
                    patch: ProductPatch {
                        sku: patch(*sku, |n| pooled(SKUS, n)),
                        name: patch(*name, |n| pooled(NAMES, n)),
                        description: patch(*description, |n| pooled(NAMES, n)),
                        price: patch(*price, price_patch),
                    },
                })
            }
            Operation::Archive(which, condition) => {
                let product_id = self.product(*which);
                let precondition = Self::condition(*condition, self.versions.get(&product_id).copied());
                Command::ArchiveProduct(ArchiveProductCommand { product_id, precondition })
            }
            Operation::SetStock(which, condition, quantity) => {
                let product_id = self.product(*which);
                let seen = self.stock.get(&product_id).map(|stock| stock.version);
                let precondition = Self::condition(*condition, seen);
                let on_hand = self.quantity(product_id, *quantity);
                Command::SetStock(SetStockCommand { product_id, precondition, on_hand })
            }
            Operation::GetProduct(which) => Command::GetProduct(self.product(*which)),
            Operation::GetStock(which) => Command::GetStock(self.product(*which)),
            Operation::ListProducts(..)
            | Operation::NextProducts(..)
            | Operation::ListOrders(..)
            | Operation::NextOrders(..) => self.page(&step.what),
            Operation::Place(lines) => {
                let lines = lines.iter().map(|(which, quantity)| {
                    let product_id = self.product(*which);
                    OrderLineInput { product_id, quantity: self.quantity(product_id, *quantity) }
                });
                Command::PlaceOrder(PlaceOrderCommand { lines: lines.collect() })
            }
            Operation::Cancel(which) => Command::CancelOrder(CancelOrderCommand {
                order_id: self.order(*which),
                precondition: Precondition::Missing,
            }),
            Operation::GetOrder(which) => Command::GetOrder(self.order(*which)),
            Operation::Sweep => Command::SweepExpired,
        }
    }

    fn page(&self, what: &Operation) -> Command {
        let products = |n| pick(&self.product_marks, Target::Nth(n));
        let orders = |n| pick(&self.order_marks, Target::Nth(n));
        let newest = ProductSort { key: ProductSortKey::CreatedAt, direction: Direction::Descending };
        match *what {
            Operation::ListProducts(key, descends, limit, count) => {
                let key = ProductSortKey::ALL[key % ProductSortKey::ALL.len()];
                Command::ListProducts(ProductSort { key, direction: direction(descends) }, request(None, limit, count))
            }
            Operation::NextProducts(n, limit, other) => {
                let Mark { mut sort, after } = products(n).unwrap_or(Mark { sort: newest, after: None });
                if other {
                    sort.key = ProductSortKey::Price;
                }
                Command::ListProducts(sort, request(after, limit, n % 2 == 0))
            }
            Operation::NextOrders(n, limit, true) => {
                let after = products(n).and_then(|mark| mark.after);
                Command::ListOrders(Direction::Ascending, request(after, limit, true))
            }
            Operation::NextOrders(n, limit, false) => {
                let Mark { sort, after } = orders(n).unwrap_or(Mark { sort: Direction::Descending, after: None });
                Command::ListOrders(sort, request(after, limit, n % 2 == 0))
            }
            Operation::ListOrders(descends, limit, count) => {
                Command::ListOrders(direction(descends), request(None, limit, count))
            }
            _ => Command::SweepExpired,
        }
    }
}
