//! Doubles and samples for tests: a clock that a test moves, ids that count, stores that follow a script, actors and
//! entities, and a mock world for each context.
//!
//! The mock of a port is beside the port, such as `catalog::MockProductQueries`. A world ([`Shelf`], [`Shop`],
//! [`House`], [`Postbox`], [`Depot`], [`Feed`] or [`Cabinet`]) holds entities. Its units of work find them, and [`Seen`] records the calls. A
//! test can add expectations to a unit.
//!
//! ```
//! use skep_application::{ordering::{OrderLineInput, PlaceOrder, PlaceOrderCommand}, testing::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let shop = Shop { products: vec![product(1, eur(500))], levels: vec![level(1, 10)], ..Shop::default() };
//! let place_order = use_case(PlaceOrder::default(), &Scripted::of([shop.open()]));
//! let lines = vec![OrderLineInput { product_id: product_id(1), quantity: 3 }];
//! let order = place_order.execute(&user(1), PlaceOrderCommand { lines }).await.unwrap();
//! assert_eq!(order.total, eur(1_500));
//! assert_eq!(shop.seen.event().name, "ordering.order_placed.v1");
//! # }
//! ```

mod catalog;
mod events;
mod files;
mod frame;
mod identity;
mod jobs;
mod notifications;
mod ordering;
mod ports;
mod runtime;
mod samples;
mod seen;
mod store;

pub use catalog::Shelf;
pub use events::Feed;
pub use files::{Cabinet, Shelves};
pub use frame::{World, obeys_the_frame, use_case};
pub use identity::{
    ADDRESS, House, NAME, PASSWORD, account, account_mails, accounts, ada, device_tokens, hash_of, hashing,
    link_tokens, refresh_tokens, secrets, session_cookies, session_secrets, session_tokens, session_tokens_with,
};
pub use jobs::Depot;
pub use notifications::{Postbox, renderer};
pub use ordering::Shop;
pub use ports::mock_ports;
pub use runtime::{FixedClock, FixedRandom, SeqIds, SkippingSleeper, fixed_runtime};
pub use samples::{
    aborted, actor, admin, away, by_cookie, category, category_id, code, eur, file, file_id, fingerprints,
    group_of_users, held_event, held_event_id, job, job_id, key, level, mail_template, mail_template_id, order,
    order_id, own_role, picture_file, problem, product, product_id, queue, schedule, schedule_id, subscription,
    unknown, user, user_id, visitor,
};
pub use seen::Seen;
pub use store::{ENOUGH, Ending, MockBareUnit, MockUnit, Scripted};
