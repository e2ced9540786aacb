//! Symbolic steps, and strategies for random programs.

use proptest::{collection::vec, option, prelude::*, sample::select};
use skep_application::catalog::ProductSortKey;

/// The caller of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A client without a token.
    Visitor,
    /// One of [`crate::people`], by index.
    Person(usize),
    /// A user that an earlier step authenticated, by index.
    Recognized(usize),
    /// Skep itself.
    System,
}

/// The product, order or token that a step refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The nth that the caller has seen, modulo their number.
    Nth(usize),
    /// One that does not exist.
    Unknown,
}

/// The precondition on the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// No precondition.
    Missing,
    /// Every version meets it.
    Any,
    /// The version that the caller saw last, plus this number.
    Seen(i64),
    /// No version meets it.
    Other,
}

/// A number of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// This number.
    Of(i64),
    /// The number that the caller last saw as available, plus this number.
    Available(i64),
}

/// A field of a patch: absent, null, or the index of a value in its pool.
pub type Field = Option<Option<usize>>;

/// The maximum number of pieces of a product.
pub(crate) const MOST: i64 = 1_000_000_000;
/// SKUs, so few that they are often taken. The last three are invalid.
pub(crate) const SKUS: &[&str] = &["honey", "wax", "pollen", "HONEY", "hive/1", "b-2", "-bad", "bad sku", ""];
/// Names, some of which only a comparison by bytes sorts correctly. The last two are invalid.
pub(crate) const NAMES: &[&str] =
    &["Honey", "honey", "Wachs", "Ärger", "  Bee 🐝 ", "Zoe\u{308}", "Zo\u{eb}", "", "a\0b"];
/// Prices with their currencies. The second half has extreme and invalid values.
pub(crate) const PRICES: &[(i64, &str)] = &[
    (500, "EUR"),
    (0, "EUR"),
    (501, "EUR"),
    (1_999, "EUR"),
    (700, "JPY"),
    (9_007_199_254_740_993, "EUR"),
    (i64::MAX, "EUR"),
    (-1, "EUR"),
    (1, "eur"),
    (-5, "XXX"),
];
/// Email addresses. The first two are the same account, the last is invalid.
pub(crate) const EMAILS: &[&str] = &["ada@example.com", "ADA@Example.com", "bob@example.com", "no address"];
/// Passwords. The last two are refused.
pub(crate) const PASSWORDS: &[&str] = &["correct horse battery", "staple of the hive", "short", "111111111111111111"];

/// The operation of a step. Numbers without a unit are indexes into the pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Creates an account with an email address, a password and a name.
    Register(usize, usize, usize),
    /// Starts a session with an email address and a password.
    LogIn(usize, usize),
    /// Checks the token of an earlier log-in.
    Authenticate(Target),
    /// Reads the caller's own account.
    GetProfile,
    /// Adds a product to the catalog.
    Create {
        /// An index into the pool of SKUs.
        sku: usize,
        /// An index into the pool of names.
        name: usize,
        /// An index into the pool of prices.
        price: usize,
        /// The initial number of pieces.
        stock: Option<i64>,
    },
    /// Patches the SKU, name, description and price of a product.
    Change(Target, Condition, [Field; 4]),
    /// Takes a product off sale.
    Archive(Target, Condition),
    /// Sets the number of pieces on hand.
    SetStock(Target, Condition, Quantity),
    /// Reads a product.
    GetProduct(Target),
    /// Reads the stock of a product.
    GetStock(Target),
    /// Reads the first page: sort key, whether descending, limit, whether to count.
    ListProducts(usize, bool, i64, bool),
    /// Reads the page after an earlier one: its index, limit, whether to switch to another sort key.
    NextProducts(usize, i64, bool),
    /// Orders products.
    Place(Vec<(Target, Quantity)>),
    /// Cancels an order.
    Cancel(Target),
    /// Reads an order.
    GetOrder(Target),
    /// Reads the first page: whether descending, limit, whether to count.
    ListOrders(bool, i64, bool),
    /// Reads the page after an earlier one: its index, limit, whether to take a position in the list of products.
    NextOrders(usize, i64, bool),
    /// Repeats the call of this many steps before.
    Again(usize),
    /// Deletes expired keys and sessions.
    Sweep,
}

/// A step of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// By how many milliseconds the wall clock moves before the call.
    pub pause: i64,
    /// The caller.
    pub who: Caller,
    /// The operation and its parameters.
    pub what: Operation,
    /// The index of the idempotency key, for operations that take one.
    pub key: Option<usize>,
}

fn which() -> impl Strategy<Value = Target> + Clone {
    prop_oneof![30 => (0..6_usize).prop_map(Target::Nth), 1 => Just(Target::Unknown)]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        6 => Just(Condition::Seen(0)),
        2 => Just(Condition::Any),
        2 => prop_oneof![Just(-1), Just(1)].prop_map(Condition::Seen),
        1 => Just(Condition::Missing),
        1 => Just(Condition::Other),
    ]
}

fn quantity() -> impl Strategy<Value = Quantity> {
    let limits = select(vec![0, -1, MOST, MOST + 1, i64::MAX, i64::MIN, 500_000_000]);
    prop_oneof![
        20 => (1..6_i64).prop_map(Quantity::Of),
        4 => (-1..2_i64).prop_map(Quantity::Available),
        1 => limits.prop_map(Quantity::Of),
    ]
}

fn limit() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1..4_i64, 2 => 4..=100_i64]
}

fn field(len: usize) -> impl Strategy<Value = Field> {
    prop_oneof![8 => Just(None), 6 => (0..len).prop_map(|n| Some(Some(n))), 1 => Just(Some(None))]
}

fn patch() -> impl Strategy<Value = [Field; 4]> {
    (field(SKUS.len()), field(NAMES.len()), field(NAMES.len()), field(PRICES.len())).prop_map(Into::into)
}

/// Indexes into a pool. The values after the first `good` ones are wrong, and are chosen rarely.
fn mostly(len: usize, good: usize) -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..good, 1 => 0..len]
}

fn create() -> impl Strategy<Value = Operation> {
    let stock = prop_oneof![3 => 0..12_i64, 5 => 12..60_i64, 1 => select(vec![-1, MOST, MOST + 1])];
    let (skus, names) = (mostly(SKUS.len(), 6), mostly(NAMES.len(), 7));
    (skus, names, mostly(PRICES.len(), 5), option::weighted(0.9, stock))
        .prop_map(|(sku, name, price, stock)| Operation::Create { sku, name, price, stock })
}

fn place(lines: usize) -> impl Strategy<Value = Operation> {
    let lines = prop_oneof![1 => Just(0), 9 => 1..=2_usize, 3 => 1..=lines];
    lines.prop_flat_map(|lines| vec((which(), quantity()), lines)).prop_map(Operation::Place)
}

fn shop(lines: usize) -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => place(lines),
        6 => which().prop_map(Operation::Cancel),
        3 => which().prop_map(Operation::GetOrder),
        3 => which().prop_map(Operation::GetProduct),
        3 => which().prop_map(Operation::GetStock),
    ]
}

fn manage() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => create(),
        4 => (which(), condition(), patch()).prop_map(|(which, condition, patch)| Operation::Change(which, condition, patch)),
        1 => (which(), condition()).prop_map(|(which, condition)| Operation::Archive(which, condition)),
        4 => (which(), condition(), quantity()).prop_map(|(which, condition, n)| Operation::SetStock(which, condition, n)),
    ]
}

fn list() -> impl Strategy<Value = Operation> {
    let keys = ProductSortKey::ALL.len();
    prop_oneof![
        2 => (0..keys, any::<bool>(), limit(), any::<bool>()).prop_map(|(k, d, l, c)| Operation::ListProducts(k, d, l, c)),
        3 => (0..4_usize, limit(), prop::bool::weighted(0.1)).prop_map(|(n, l, other)| Operation::NextProducts(n, l, other)),
        2 => (any::<bool>(), limit(), any::<bool>()).prop_map(|(d, l, c)| Operation::ListOrders(d, l, c)),
        3 => (0..4_usize, limit(), prop::bool::weighted(0.1)).prop_map(|(n, l, other)| Operation::NextOrders(n, l, other)),
    ]
}

fn identity() -> impl Strategy<Value = Operation> {
    // Mostly the first password, so that a log-in often uses the registered one.
    let (emails, passwords) = (|| mostly(EMAILS.len(), 3), || mostly(PASSWORDS.len(), 1));
    prop_oneof![
        2 => (emails(), passwords(), mostly(NAMES.len(), 7)).prop_map(|(e, p, n)| Operation::Register(e, p, n)),
        3 => (emails(), passwords()).prop_map(|(e, p)| Operation::LogIn(e, p)),
        3 => which().prop_map(Operation::Authenticate),
        2 => Just(Operation::GetProfile),
    ]
}

fn key() -> impl Strategy<Value = Option<usize>> {
    option::weighted(0.4, 0..3_usize)
}

fn step() -> impl Strategy<Value = Step> {
    let shopper = || {
        prop_oneof![
            8 => (1..3_usize).prop_map(Caller::Person),
            2 => (0..3_usize).prop_map(Caller::Recognized),
            2 => Just(Caller::Person(0)),
            1 => Just(Caller::Person(3)),
            1 => Just(Caller::Visitor),
            1 => Just(Caller::System),
        ]
    };
    let manager = prop_oneof![14 => Just(Caller::Person(0)), 1 => Just(Caller::System), 1 => shopper()];
    let done = prop_oneof![
        10 => (shopper(), shop(4)),
        8 => (manager, manage()),
        4 => (shopper(), list()),
        5 => (shopper(), identity()),
        4 => (shopper(), (1..6_usize).prop_map(Operation::Again)),
        1 => (Just(Caller::System), Just(Operation::Sweep)),
    ];
    // The clock stands still, goes forward or back, or jumps past the end of tokens, keys or sessions.
    let jumps = vec![3_600_000_i64, 86_400_000, -86_400_000, 37 * 86_400_000];
    let pause = prop_oneof![6 => Just(0_i64), 3 => 1..2_000_i64, 1 => -2_000..0_i64, 1 => select(jumps)];
    (pause, done, key()).prop_map(|(pause, (who, what), key)| {
        // A customer cancels few orders. With several keys, two cancellations would rarely use the same key.
        let key = key.map(|n| if matches!(what, Operation::Cancel(_)) { 0 } else { n });
        Step { pause, who, what, key }
    })
}

/// Programs that first create products and then have at most `steps` random steps.
pub fn program(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let filling = (create(), key()).prop_map(|(what, key)| Step { pause: 1, who: Caller::Person(0), what, key });
    // Some programs start with an account that is logged in.
    let step = |what| Step { pause: 0, who: Caller::Visitor, what, key: None };
    let known = [Operation::Register(0, 0, 0), Operation::LogIn(0, 0), Operation::Authenticate(Target::Nth(0))]
        .map(step)
        .to_vec();
    let known = prop_oneof![Just(vec![]), Just(known)];
    // Some programs start with orders.
    let buying = (place(2), key()).prop_map(|(what, key)| Step { pause: 0, who: Caller::Person(1), what, key });
    let parts = (vec(filling, 2..5), known, vec(buying, 0..4), vec(self::step(), 1..=steps));
    parts.prop_map(|(filling, known, buying, steps)| [filling, known, buying, steps].concat())
}

/// Programs for parallel clients: short, with few products and keys, and without a change of the clock.
pub fn short_programs(clients: usize, steps: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let few = || (0..2_usize).prop_map(Target::Nth);
    let lines = vec((few(), (1..4_i64).prop_map(Quantity::Of)), 1..3);
    let shopping = prop_oneof![
        8 => lines.prop_map(Operation::Place),
        4 => few().prop_map(Operation::Cancel),
        1 => few().prop_map(Operation::GetOrder),
        2 => few().prop_map(Operation::GetStock),
        1 => few().prop_map(Operation::GetProduct),
        // Without a count, because a separate statement reads it, possibly at another moment than the rows.
        1 => (any::<bool>(), 1..4_i64).prop_map(|(descends, limit)| Operation::ListOrders(descends, limit, false)),
        2 => (1..3_usize).prop_map(Operation::Again),
    ];
    let price = (0..4_usize).prop_map(|price| [None, None, None, Some(Some(price))]);
    let managing = prop_oneof![
        4 => (few(), condition(), (0..8_i64).prop_map(Quantity::Of)).prop_map(|(w, c, n)| Operation::SetStock(w, c, n)),
        3 => (few(), condition(), price).prop_map(|(which, condition, patch)| Operation::Change(which, condition, patch)),
        1 => (0..6_usize, 0..4_usize).prop_map(|(sku, price)| Operation::Create { sku, name: sku, price, stock: Some(2) }),
        1 => (few(), condition()).prop_map(|(which, condition)| Operation::Archive(which, condition)),
        1 => (0..4_usize, any::<bool>(), 1..4_i64).prop_map(|(k, d, limit)| Operation::ListProducts(k, d, limit, false)),
    ];
    let shopper = prop_oneof![4 => (1..3_usize).prop_map(Caller::Person), 1 => Just(Caller::Person(0))];
    let done = prop_oneof![3 => (shopper, shopping), 1 => (Just(Caller::Person(0)), managing)];
    let key = option::weighted(0.5, 0..2_usize);
    let step = (done, key).prop_map(|((who, what), key)| Step { pause: 0, who, what, key });
    vec(vec(step, 1..=steps), clients)
}
