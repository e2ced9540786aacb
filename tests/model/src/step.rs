//! Symbolic steps, and programs of them at random.

use proptest::{collection::vec, option, prelude::*, sample::select};
use skep_application::catalog::ProductSortKey;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A visitor.
    Visitor,
    /// One of [`crate::people`], by place.
    Person(usize),
    /// Somebody whose token was recognized, by place.
    Recognized(usize),
    /// Skep itself.
    System,
}

/// Which of the things that were met so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The nth, starting again at the first after the last.
    Nth(usize),
    /// One that nobody has met.
    Unknown,
}

/// What is said of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Missing,
    /// Any will do.
    Any,
    /// The one that was seen last, moved by this.
    Seen(i64),
    /// None that could be.
    Other,
}

/// A number of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// So many.
    Of(i64),
    /// As many as were seen to be available, moved by this.
    Available(i64),
}

/// A field of a patch: absent, null, or one of the values of the pool.
pub type Field = Option<Option<usize>>;

/// The greatest number of pieces.
pub(crate) const MOST: i64 = 1_000_000_000;
/// Codes, of which few are free for long.
pub(crate) const SKUS: &[&str] = &["honey", "wax", "pollen", "HONEY", "hive/1", "b-2", "-bad", "bad sku", ""];
/// Names, some of which sort by their bytes alone.
pub(crate) const NAMES: &[&str] =
    &["Honey", "honey", "Wachs", "Ärger", "  Bee 🐝 ", "Zoe\u{308}", "Zo\u{eb}", "", "a\0b"];
/// Prices, with their currencies.
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
/// Addresses, two of which are the same.
pub(crate) const EMAILS: &[&str] = &["ada@example.com", "ADA@Example.com", "bob@example.com", "no address"];
/// Passwords, two of which are good.
pub(crate) const PASSWORDS: &[&str] = &["correct horse battery", "staple of the hive", "short", "111111111111111111"];

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// By address, password and name.
    Register(usize, usize, usize),
    /// By address and password.
    LogIn(usize, usize),
    /// By the nth token.
    Authenticate(Target),
    /// One's own.
    GetProfile,
    /// A product.
    Create {
        /// One of the codes, by place.
        sku: usize,
        /// One of the names, by place.
        name: usize,
        /// One of the prices, by place.
        price: usize,
        /// Its first stock.
        stock: Option<i64>,
    },
    /// A change of a product.
    Change(Target, Condition, [Field; 4]),
    /// A product leaves the shelf.
    Archive(Target, Condition),
    /// A count.
    SetStock(Target, Condition, Quantity),
    /// A product.
    GetProduct(Target),
    /// Its stock.
    GetStock(Target),
    /// The first page: sort key, whether it descends, limit, count.
    ListProducts(usize, bool, i64, bool),
    /// The page after one that was seen, by place; with another sort key than it was read with, if that is so.
    NextProducts(usize, i64, bool),
    /// An order.
    Place(Vec<(Target, Quantity)>),
    /// An order is called off.
    Cancel(Target),
    /// An order.
    GetOrder(Target),
    /// The first page: whether it descends, limit, count.
    ListOrders(bool, i64, bool),
    /// The page after one that was seen, by place; in the list of products, if that is so.
    NextOrders(usize, i64, bool),
    /// The call of so many steps before, once more.
    Again(usize),
    /// Expired keys.
    Sweep,
}

/// A step of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// By how many milliseconds the wall clock moves before it.
    pub pause: i64,
    /// Who.
    pub who: Caller,
    /// What.
    pub what: Operation,
    /// The nth idempotency key, if it takes one.
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

/// Values of a pool: those at its end are wrong, and rare.
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
    // Mostly the first password, so that a log-in often meets the one of the registration.
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
    // The clock stands still, goes on, goes back, or jumps to where tokens, keys or sessions are over.
    let jumps = vec![3_600_000_i64, 86_400_000, -86_400_000, 37 * 86_400_000];
    let pause = prop_oneof![6 => Just(0_i64), 3 => 1..2_000_i64, 1 => -2_000..0_i64, 1 => select(jumps)];
    (pause, done, key()).prop_map(|(pause, (who, what), key)| {
        // Few orders are called off by one customer: with several keys none would meet another's.
        let key = key.map(|n| if matches!(what, Operation::Cancel(_)) { 0 } else { n });
        Step { pause, who, what, key }
    })
}

/// A program of so many steps at most, the first of which fill the shelves.
pub fn program(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let filling = (create(), key()).prop_map(|(what, key)| Step { pause: 1, who: Caller::Person(0), what, key });
    // Some have an account that is used.
    let step = |what| Step { pause: 0, who: Caller::Visitor, what, key: None };
    let known = [Operation::Register(0, 0, 0), Operation::LogIn(0, 0), Operation::Authenticate(Target::Nth(0))]
        .map(step)
        .to_vec();
    let known = prop_oneof![Just(vec![]), Just(known)];
    // Some has ordered before.
    let buying = (place(2), key()).prop_map(|(what, key)| Step { pause: 0, who: Caller::Person(1), what, key });
    let parts = (vec(filling, 2..5), known, vec(buying, 0..4), vec(self::step(), 1..=steps));
    parts.prop_map(|(filling, known, buying, steps)| [filling, known, buying, steps].concat())
}

/// Programs for several clients at once: short, about few products and keys, and the clock stands still.
pub fn short_programs(clients: usize, steps: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let few = || (0..2_usize).prop_map(Target::Nth);
    let lines = vec((few(), (1..4_i64).prop_map(Quantity::Of)), 1..3);
    let shopping = prop_oneof![
        8 => lines.prop_map(Operation::Place),
        4 => few().prop_map(Operation::Cancel),
        1 => few().prop_map(Operation::GetOrder),
        2 => few().prop_map(Operation::GetStock),
        1 => few().prop_map(Operation::GetProduct),
        // Not counted: the count of a list is a statement of its own, and may be of another moment than the rows.
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
