//! PostgreSQL through PgBouncer.

use crate::{
    Journey, Needs,
    shop::{ORDERS, PRODUCTS, Shop, all, basket, id_of},
    slice::at_once,
};
use skep_journeys::{Deployment, Pooler, Store, Wire, wait_for};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("pooler::sessions", a_shop_works_on_pooled_sessions).needing(Needs::Pooler),
    Journey::new("pooler::transactions", a_shop_works_on_pooled_transactions).needing(Needs::Pooler),
    Journey::new("pooler::one_by_one", pools_of_any_order_and_size_are_recognized).needing(Needs::Pooler),
    Journey::new("pooler::several", several_poolers_behind_one_name_are_recognized).needing(Needs::Pooler),
    Journey::new("pooler::sessions_with_direct", with_a_direct_address_no_session_is_relied_on).needing(Needs::Pooler),
    Journey::new("pooler::trips", a_pooler_is_recognized_in_few_round_trips).needing(Needs::Pooler),
    Journey::new("pooler::many", any_number_of_poolers_that_keep_statements_is_recognized).needing(Needs::Pooler),
    Journey::new("pooler::reload", a_pooler_may_change_its_mode_at_any_time).needing(Needs::Pooler),
    Journey::new("pooler::put_in_place", a_pooler_may_be_put_in_place_and_taken_away).needing(Needs::Pooler),
    Journey::new("pooler::direct_address", transactions_need_the_direct_address).needing(Needs::Pooler),
    Journey::new("pooler::prepared", transactions_need_prepared_statements).needing(Needs::Pooler),
    Journey::new("pooler::statements", single_statements_are_refused).needing(Needs::Pooler),
    Journey::new("pooler::limits", limits_of_time_hold_behind_a_pooler).needing(Needs::Pooler),
    Journey::new("pooler::options", options_that_the_pooler_refuses_are_named).needing(Needs::Pooler),
    Journey::new("pooler::socket", a_unix_socket_is_an_address).needing(Needs::Pooler),
];

const SESSIONS: &str = "pool_mode = session";
const TRANSACTIONS: &str = "pool_mode = transaction";

/// Orders of many clients at the same time, of which only some get a piece.
fn rush(shop: &Shop, round: &str) {
    let buyers = (0..4).map(|n| shop.user(&format!("{round}{n}"))).collect::<Vec<_>>();
    let honey = shop.product(round, 1999, 20);
    let answers = at_once(32, |n| {
        // On a busy machine, opening many connections at the same time may take too long.
        let order = || buyers[n % 4].post(ORDERS).key(&format!("{round}{n}")).json(basket(&[(&honey, 1)])).send();
        wait_for("an answer", || Some(order()).filter(|answer| answer.status != 503))
    });
    let placed = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!((placed, shop.stock(&honey)), (20, (20, 20)));
    for short in answers.into_iter().filter(|answer| answer.status != 201) {
        short.refused(409, "insufficient_stock");
    }
}

/// Sells, while the server ends every connection, and again after a restart of the pooler.
fn trade(shop: &Shop, pooler: &mut Pooler) {
    rush(shop, "before");
    let honey = shop.product("HONEY", 100, 1_000);
    let ada = shop.user("ada");
    let order = |key: &str| ada.post(ORDERS).key(key).json(basket(&[(&honey, 1)])).send();
    let mut ids = BTreeSet::new();
    for n in 0..30 {
        if n % 10 == 5 {
            kill_connections(&shop.deployment);
        }
        if n % 10 == 8 {
            pooler.restart();
        }
        // A client repeats a call that the server could not answer.
        let answer = wait_for("an answer", || Some(order(&format!("k{n}"))).filter(|answer| answer.status != 503));
        ids.insert(answer.expect(201).text("/id"));
    }
    assert_eq!((ids.len(), shop.stock(&honey)), (30, (1_000, 30)), "every order once");
    let listed: BTreeSet<String> =
        all(&ada, &format!("{ORDERS}?limit=100")).iter().map(|order| id_of(order).to_owned()).collect();
    assert_eq!(listed, ids);
    rush(shop, "after");
}

fn kill_connections(deployment: &Deployment) {
    deployment.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> \
         pg_backend_pid()",
    );
}

/// Whether PostgreSQL runs this without an error.
fn accepts(deployment: &Deployment, text: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| deployment.sql(text))).is_ok()
}

fn a_shop_works_on_pooled_sessions(store: &Store) {
    let mut deployment = Deployment::new(store);
    let mut pooler = Pooler::in_front_of(&mut deployment, &[SESSIONS, "default_pool_size = 40"]);
    let shop = Shop::open_on(deployment);
    let found = shop.deployment.run(&["check"], "", &[]);
    assert!(found.out.contains("postgres answers through a connection pooler in session mode"), "{found:?}");
    trade(&shop, &mut pooler);
    shop.deployment.run(&["migrate", "status"], "", &[]).ok();
    shop.server.stop();
}

fn a_shop_works_on_pooled_transactions(store: &Store) {
    let mut deployment = Deployment::new(store);
    // Fewer connections to the server than clients have.
    let settings = [TRANSACTIONS, "default_pool_size = 5", "max_prepared_statements = 20"];
    let mut pooler = Pooler::in_front_of(&mut deployment, &settings);
    deployment.set("SKEP_DATABASE_DIRECT_URL", pooler.direct_address());
    let shop = Shop::open_on(deployment);
    assert!(shop.server.log().contains("SET statement_timeout = '5s'"), "the role has no limit: {}", shop.server.log());
    let found = shop.deployment.run(&["check"], "", &[]);
    assert!(found.out.contains("through a connection pooler in transaction mode"), "{found:?}");
    trade(&shop, &mut pooler);
    shop.deployment.run(&["migrate", "down", "--yes"], "", &[]).ok();
    shop.deployment.run(&["migrate", "up"], "", &[]).ok();
    shop.server.stop();
}

fn pools_of_any_order_and_size_are_recognized(store: &Store) {
    for size in [1, 2, 3] {
        for order in [0, 1] {
            let mut deployment = Deployment::new(store);
            let (size, order) = (format!("default_pool_size = {size}"), format!("server_round_robin = {order}"));
            let _pooler = Pooler::in_front_of(&mut deployment, &[TRANSACTIONS, &size, &order]);
            deployment.run(&["migrate", "up"], "", &[]).refused(&["transaction mode", "SKEP_DATABASE_DIRECT_URL"]);
        }
    }
}

fn several_poolers_behind_one_name_are_recognized(store: &Store) {
    for order in ["server_round_robin = 0", "server_round_robin = 1"] {
        let mut deployment = Deployment::new(store);
        let pooler = Pooler::several_in_front_of(&mut deployment, &[TRANSACTIONS, order], 3);
        deployment.run(&["migrate", "up"], "", &[]).refused(&["transaction mode", "SKEP_DATABASE_DIRECT_URL"]);
        deployment.set("SKEP_DATABASE_DIRECT_URL", pooler.direct_address());
        let shop = Shop::open_on(deployment);
        rush(&shop, "several");
        shop.server.stop();
    }
}

/// The connections are opened together. So a network whose round trips take long does not make the start fail.
fn a_pooler_is_recognized_in_few_round_trips(store: &Store) {
    for (mode, most) in [(SESSIONS, 100), (TRANSACTIONS, 50)] {
        let mut deployment = Deployment::new(store);
        let _pooler = Pooler::in_front_of(&mut deployment, &[mode, "default_pool_size = 40"]);
        let wire = Wire::to_the_store_of(&mut deployment);
        // One whose options are refused, and six that find out.
        wire.gather(7);
        let found = deployment.run(&["check"], "", &[]);
        assert!(found.out.contains("connection pooler in"), "{found:?}");
        assert!(wire.trips() <= most, "{mode}: {} round trips with those of the check itself", wire.trips());
    }
}

fn any_number_of_poolers_that_keep_statements_is_recognized(store: &Store) {
    let mut deployment = Deployment::new(store);
    let _pooler = Pooler::several_in_front_of(&mut deployment, &[TRANSACTIONS], 24);
    for _ in 0..4 {
        deployment.run(&["migrate", "up"], "", &[]).refused(&["transaction mode", "SKEP_DATABASE_DIRECT_URL"]);
    }
}

fn with_a_direct_address_no_session_is_relied_on(store: &Store) {
    let mut deployment = Deployment::new(store);
    let pooler = Pooler::in_front_of(&mut deployment, &[SESSIONS, "default_pool_size = 40"]);
    deployment.set("SKEP_DATABASE_DIRECT_URL", pooler.direct_address());
    let shop = Shop::open_on(deployment);
    let found = shop.deployment.run(&["check"], "", &[]);
    assert!(found.out.contains("seems to be in session mode; the server does not rely on it"), "{found:?}");
    rush(&shop, "careful");
    shop.server.stop();
}

/// Orders one piece after the other. Every order succeeds, at the latest when it is repeated.
fn sell(shop: &Shop, round: &str) {
    let ada = shop.user(round);
    let honey = shop.product(round, 100, 1_000);
    for n in 0..12 {
        let order = || ada.post(ORDERS).key(&format!("{round}{n}")).json(basket(&[(&honey, 1)])).send();
        let answer = wait_for("an answer", || Some(order()).filter(|answer| answer.status != 503));
        answer.expect(201);
    }
    assert_eq!(shop.stock(&honey), (1_000, 12));
    rush(shop, &format!("{round}-rush"));
}

fn a_pooler_may_change_its_mode_at_any_time(store: &Store) {
    const SIZE: &str = "default_pool_size = 40";
    const SMALL: [&str; 2] = [TRANSACTIONS, "default_pool_size = 3"];
    let mut deployment = Deployment::new(store);
    let mut pooler = Pooler::in_front_of(&mut deployment, &[SESSIONS, SIZE]);
    let shop = Shop::open_on(deployment);
    sell(&shop, "s1");
    // Without a restart, and without the end of a connection.
    pooler.reload(&SMALL);
    sell(&shop, "t1");
    pooler.restart_with(&[SESSIONS, SIZE]);
    sell(&shop, "s2");
    pooler.restart_with(&SMALL);
    sell(&shop, "t2");
    let log = shop.server.log();
    assert!(log.contains("the connection pooler in front of PostgreSQL has changed"), "{log}");
    // One that cannot be used is refused with its reason, until it can be used again.
    pooler.restart_with(&[TRANSACTIONS, "max_prepared_statements = 0"]);
    wait_for("the reason", || {
        shop.admin.get(PRODUCTS).send();
        shop.server.log().contains("does not keep prepared statements").then_some(())
    });
    shop.admin.get(PRODUCTS).send().expect(503);
    pooler.restart_with(&SMALL);
    sell(&shop, "t3");
    shop.server.stop();
}

fn a_pooler_may_be_put_in_place_and_taken_away(store: &Store) {
    let mut deployment = Deployment::new(store);
    let sessions = Pooler::beside(&deployment, &[SESSIONS, "default_pool_size = 40"], 1);
    let small = [TRANSACTIONS, "default_pool_size = 3"];
    let transactions = Pooler::beside(&deployment, &small, 1);
    let ignoring = Pooler::beside(&deployment, &[&small[..], &["ignore_startup_parameters = options"]].concat(), 1);
    let direct = sessions.direct_address();
    let direct = direct.split(['@', '/']).nth(3).expect("a host");
    let wire = Wire::to_the_store_of(&mut deployment);
    let shop = Shop::open_on(deployment);
    for (round, pooler) in [&sessions, &transactions, &ignoring].into_iter().enumerate() {
        wire.turn_to(&pooler.socket());
        sell(&shop, &format!("pooled-{round}"));
        wire.turn_to(direct);
        sell(&shop, &format!("direct-{round}"));
    }
    shop.server.stop();
}

fn transactions_need_the_direct_address(store: &Store) {
    let mut deployment = Deployment::new(store);
    let pooler = Pooler::in_front_of(&mut deployment, &[TRANSACTIONS]);
    let missing = ["a connection pooler in transaction mode answers", "SKEP_DATABASE_DIRECT_URL"];
    deployment.run(&["serve"], "", &[]).refused(&missing);
    let found = deployment.run(&["check"], "", &[]);
    assert!(found.code == Some(1) && missing.iter().all(|text| found.out.contains(text)), "{found:?}");
    // A pooler in its place does not help, and neither does another database.
    deployment.run(&["serve"], "", &[("SKEP_DATABASE_DIRECT_URL", &pooler.address())]).refused(&missing);
    let other = Deployment::new(store);
    let (_, other_address) = other.settings().find(|(name, _)| name == "DATABASE_URL").expect("an address");
    deployment
        .run(&["migrate", "up"], "", &[("SKEP_DATABASE_DIRECT_URL", &other_address)])
        .refused(&["another database"]);
    deployment.run(&["migrate", "up"], "", &[("SKEP_DATABASE_DIRECT_URL", &pooler.direct_address())]).ok();
    let alone = [("SKEP_DATABASE_DIRECT_URL", "postgres://u:hunter2@h/d"), ("DATABASE_URL", "")];
    deployment.run(&["serve"], "", &alone).refused(&["SKEP_DATABASE_DIRECT_URL", "DATABASE_URL is not"]);
}

fn transactions_need_prepared_statements(store: &Store) {
    for size in ["default_pool_size = 1", "default_pool_size = 4"] {
        let mut deployment = Deployment::new(store);
        let pooler = Pooler::in_front_of(&mut deployment, &[TRANSACTIONS, size, "max_prepared_statements = 0"]);
        deployment.set("SKEP_DATABASE_DIRECT_URL", pooler.direct_address());
        let texts = ["does not keep prepared statements", "PgBouncer 1.21"];
        deployment.run(&["serve"], "", &[]).refused(&texts);
        // The first start has left a statement behind, which must not look like another fault.
        deployment.run(&["serve"], "", &[]).refused(&texts);
        let found = deployment.run(&["check"], "", &[]);
        assert!(found.code == Some(1) && texts.iter().all(|text| found.out.contains(text)), "{found:?}");
    }
}

fn single_statements_are_refused(store: &Store) {
    let mut deployment = Deployment::new(store);
    let pooler = Pooler::in_front_of(&mut deployment, &["pool_mode = statement"]);
    deployment.set("SKEP_DATABASE_DIRECT_URL", pooler.direct_address());
    deployment.run(&["serve"], "", &[]).refused(&["refuses transactions", "pool_mode"]);
}

fn limits_of_time_hold_behind_a_pooler(store: &Store) {
    for (mode, direct) in [(SESSIONS, false), (TRANSACTIONS, true)] {
        let mut deployment = Deployment::new(store);
        // Options that the pooler accepts and ignores must not be relied on.
        let settings = [mode, "default_pool_size = 40", "ignore_startup_parameters = options"];
        let pooler = Pooler::in_front_of(&mut deployment, &settings);
        if direct {
            deployment.set("SKEP_DATABASE_DIRECT_URL", pooler.direct_address());
        }
        let shop = Shop::open_on(deployment);
        let ada = shop.user("ada");
        let honey = shop.product("HONEY", 100, 10);
        // Another client holds the row. It is ended after the answer.
        std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let hold = "DO $$ BEGIN PERFORM * FROM stock_levels FOR UPDATE; PERFORM pg_sleep(120); END $$";
                accepts(&shop.deployment, hold)
            });
            let free = "SELECT 1 FROM stock_levels FOR UPDATE NOWAIT";
            wait_for("the lock", || (!accepts(&shop.deployment, free)).then_some(()));
            let answer = ada.post(ORDERS).json(basket(&[(&honey, 1)])).send();
            // The server itself has ended the statement, which would otherwise go on without its client.
            let nothing_waits = "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE datname = \
                                 current_database() AND wait_event_type = 'Lock') = 0; END $$";
            let ended = accepts(&shop.deployment, nothing_waits);
            let held = !accepts(&shop.deployment, free);
            kill_connections(&shop.deployment);
            assert!(!holder.join().expect("the holder"), "the holder was ended");
            answer.expect(503);
            assert!(held && ended, "{mode}: the statement waits longer than it may");
        });
        ada.get(PRODUCTS).send().ok();
        shop.server.stop();
    }
}

fn options_that_the_pooler_refuses_are_named(store: &Store) {
    let mut deployment = Deployment::new(store);
    let pooler = Pooler::in_front_of(&mut deployment, &[SESSIONS]);
    let address = format!("{}?options=-c%20search_path%3Dpublic", pooler.address());
    deployment
        .run(&["serve"], "", &[("DATABASE_URL", &address)])
        .refused(&["unsupported startup parameter", "options"]);
}

fn a_unix_socket_is_an_address(store: &Store) {
    let mut deployment = Deployment::new(store);
    let pooler = Pooler::in_front_of(&mut deployment, &[SESSIONS, "default_pool_size = 40"]);
    deployment.set("DATABASE_URL", pooler.socket_address());
    let shop = Shop::open_on(deployment);
    shop.product("HONEY", 100, 10);
    shop.server.stop();
}
