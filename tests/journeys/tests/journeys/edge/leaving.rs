//! Clients that leave while the server works for them.

use crate::shop::{ORDERS, Shop, basket};
use skep_journeys::{Deployment, Store, wait_for};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// The connections of the store. One network may use half of them, and changes three quarters.
const CONNECTIONS: usize = 8;

/// A client begins changes that wait for a row, and leaves each of them. A client of another network still changes what
/// it wants.
pub(crate) fn clients_that_leave_take_no_connections_from_others(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_STORE_CONNECTIONS", CONNECTIONS.to_string());
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    let shop = Shop::open_on(deployment);
    let (leaver, neighbor) = (shop.user("leaver"), shop.user("neighbor"));
    let (held, free) = (shop.product("HELD", 100, 1_000), shop.product("FREE", 100, 1_000));
    let sql = |text: &str| shop.deployment.sql(text);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Another client holds the row. It is ended at the end.
        let holder = scope.spawn(|| {
            let row = format!("PERFORM * FROM stock_levels WHERE product_id = '{held}' FOR UPDATE");
            let hold = format!("DO $$ BEGIN {row}; PERFORM pg_sleep(300); END $$");
            catch_unwind(AssertUnwindSafe(|| sql(&hold))).is_err()
        });
        let waiting =
            "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
        let attack = scope.spawn(|| {
            let order =
                leaver.post(ORDERS).header("x-forwarded-for", "198.51.100.1").json(basket(&[(&held, 1)])).bytes();
            while !is_over.load(Ordering::Relaxed) {
                let connection =
                    leaver.connect().and_then(|mut connection| connection.send(&order).map(|()| connection));
                // The server has read the request before the client has gone.
                thread::sleep(Duration::from_millis(10));
                drop(connection);
            }
        });
        let share = CONNECTIONS / 2;
        let story = catch_unwind(AssertUnwindSafe(|| {
            wait_for("the network to use its share", || {
                let full = format!("DO $$ BEGIN ASSERT {waiting} >= {share}; END $$");
                catch_unwind(AssertUnwindSafe(|| sql(&full))).ok()
            });
            for n in 0..40 {
                let order = neighbor.post(ORDERS).header("x-forwarded-for", "203.0.113.9").key(&format!("k{n}"));
                order.json(basket(&[(&free, 1)])).send().expect(201);
                sql(&format!("DO $$ BEGIN ASSERT {waiting} <= {share}; END $$"));
            }
        }));
        is_over.store(true, Ordering::Relaxed);
        attack.join().expect("the leaver");
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)%' AND pid <> \
             pg_backend_pid() AND datname = current_database()");
        assert!(holder.join().expect("the holder"), "the holder was ended");
        story.unwrap_or_else(|panic| resume_unwind(panic));
    });
    shop.server.stop();
}
