//! Rate limits, alone and shared through Redis, and the limit of sessions.

use crate::{
    Journey, Needs,
    shop::{
        LOGIN, ORDERS, PASSWORD, PRODUCTS, PROFILE, REGISTER, SETUP, Shop, account, basket, credentials, email, log_in,
        with_token,
    },
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Deployment, PATIENCE, Server, Store, Wire, wait_for};
use std::{env, sync::mpsc, thread, time::Instant};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("limits::uploads", uploads_that_do_not_arrive_hold_up_nothing),
    Journey::new("limits::bodies", one_account_does_not_use_up_the_memory_for_bodies_of_its_address),
    Journey::new("limits::log_ins", wrong_passwords_of_one_client_do_not_keep_the_owner_out),
    Journey::new("limits::no_room", logins_that_the_server_has_no_room_for_do_not_lock_their_client_out),
    Journey::new("limits::costs", requests_cost_their_work),
    Journey::new("limits::networks", a_large_ipv6_network_is_limited_as_a_whole),
    Journey::new("limits::sessions", the_oldest_session_of_a_user_ends),
    Journey::new("limits::shared", two_instances_count_together).needing(Needs::ServerAndRedis),
    Journey::new("limits::redis_away", requests_go_on_without_redis).needing(Needs::Redis),
];

const FALLBACK: &str = "skep_rate_limit_fallback_total";

/// The address of Redis, or the name of the variable that is not set.
pub(crate) fn redis() -> Result<String, &'static str> {
    env::var("SKEP_TEST_REDIS_URL").map_err(|_| "SKEP_TEST_REDIS_URL")
}

/// Tries to log in from this address, through a proxy.
fn attempt(server: &Server, address: &str, body: Value) -> Answer {
    server.visitor().post(LOGIN).header("x-forwarded-for", address).json(body).send()
}

fn wrong() -> Value {
    json!({ "email": email("ada"), "password": format!("{PASSWORD}?") })
}

fn wrong_passwords_of_one_client_do_not_keep_the_owner_out(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LOGIN_ATTEMPTS", "3");
    deployment.set("SKEP_LOGIN_ACCOUNT_ATTEMPTS", "12");
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    let shop = Shop::open_on(deployment);
    let (home, attacker) = ("192.0.2.1", "198.51.100.1");
    shop.user("ada");
    let start = Instant::now();
    // Every 20 s another attempt is allowed.
    let verified = (0_u64..).take_while(|_| attempt(&shop.server, attacker, wrong()).status == 401).count();
    let refilled = usize::try_from(start.elapsed().as_secs() / 20 + 1).expect("a number");
    assert!((3..=3 + refilled).contains(&verified), "{verified}");
    let refused = attempt(&shop.server, attacker, wrong()).refused(429, "rate_limited");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    // The owner comes from elsewhere. Right passwords cost no attempt.
    (0..5).for_each(|_| drop(attempt(&shop.server, home, credentials("ada")).expect(200)));

    // Even if many clients use up the attempts of the account, a known address is let through.
    let is_used_up = |host: u32| attempt(&shop.server, &format!("203.0.113.{}", host % 256), wrong()).status == 429;
    assert!((0..256).any(is_used_up), "the attempts of the account are limited");
    attempt(&shop.server, home, credentials("ada")).expect(200);
    log_in_of_another(&shop);
    shop.server.stop();
}

fn the_oldest_session_of_a_user_ends(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_SESSIONS_PER_USER", "2");
    let server = deployment.start();
    server.visitor().post(REGISTER).json(account("ada")).send().expect(201);
    server.visitor().post(REGISTER).json(account("bob")).send().expect(201);
    let bob = log_in(&server, "bob");
    let [first, second, third] = [(); 3].map(|()| log_in(&server, "ada"));
    first.get(PROFILE).send().refused(401, "invalid_token");
    for other in [second, third, bob] {
        other.get(PROFILE).send().expect(200);
    }
    server.stop();
}

fn a_large_ipv6_network_is_limited_as_a_whole(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LIMIT_CREDENTIALS", "1");
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    deployment.set("SKEP_LIMIT_NETWORK_56", "2");
    deployment.set("SKEP_LIMIT_NETWORK_48", "3");
    let server = deployment.start();
    let start = Instant::now();
    let verified =
        (0..).take_while(|site| attempt(&server, &format!("2001:db8:1:{site:x}00::1"), wrong()).status == 401);
    let (verified, refilled) = (verified.count(), start.elapsed().as_secs() / 20 + 1);
    assert!((3..=3 + refilled).contains(&(verified as u64)), "{verified}");
    attempt(&server, "2001:db8:2::1", wrong()).refused(401, "invalid_credentials");
    server.stop();
}

fn log_in_of_another(shop: &Shop) {
    log_in(&shop.server, "grace").get(PROFILE).send().expect(200);
}

/// An order whose body is announced with this length and begins like this.
fn begun(token: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {ORDERS} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// One request of a user, and of a network, is worked on at the same time, and 16 of a user wait.
fn uploads_that_do_not_arrive_hold_up_nothing(store: &Store) {
    const UPLOADS: usize = 20;
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LIMIT_IN_FLIGHT", "1");
    deployment.set("SKEP_LIMIT_NETWORK_IN_FLIGHT", "1");
    let shop = Shop::open_on(deployment);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let product = shop.product("HONEY", 500, 10_000);
    let mut connections: Vec<_> = (0..UPLOADS)
        .map(|_| {
            let mut connection = shop.server.connect();
            connection.send(&begun(ada.token(), 2, b"{")).expect("sent");
            // The next requests of the user and of its network do not wait until a body times out.
            ada.get(PROFILE).send().expect(200);
            connection
        })
        .collect();
    bob.post(ORDERS).json(basket(&[(&product, 1)])).send().expect(201);
    for connection in &mut connections {
        connection.send(b"}").expect("sent");
        connection.receive(false).expect("an answer").expect(422);
    }
    shop.server.stop();
}

fn one_account_does_not_use_up_the_memory_for_bodies_of_its_address(store: &Store) {
    const LENGTH: usize = 256 << 10;
    // 16 of them are a quarter of what an address may hold.
    const UPLOADS: usize = 20;
    let shop = Shop::open_on(Deployment::new(store));
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let product = shop.product("HONEY", 500, 10_000);
    let body = vec![b' '; LENGTH - 1];
    let (answered, answers) = mpsc::channel();
    let connections: Vec<_> = (0..UPLOADS)
        .map(|_| {
            let (mut connection, answered) = (shop.server.connect(), answered.clone());
            // The server may refuse the body while it is sent.
            let _ = connection.send(&begun(ada.token(), LENGTH, &body));
            let sender = connection.try_clone().expect("a second handle");
            thread::spawn(move || answered.send(connection.receive(false)));
            sender
        })
        .collect();
    let refused = answers.recv_timeout(PATIENCE).expect("an answer").expect("complete").refused(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("1"), "{refused:?}");
    bob.post(ORDERS).json(basket(&[(&product, 1)])).send().expect(201);
    for mut connection in connections {
        let _ = connection.finish();
    }
    shop.server.stop();
}

fn logins_that_the_server_has_no_room_for_do_not_lock_their_client_out(store: &Store) {
    const LENGTH: usize = 256 << 10;
    let mut deployment = Deployment::new(store);
    // A network may hold 1 MiB.
    deployment.set("SKEP_MAX_RECEIVED_MIB", "4");
    let shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let body = vec![b' '; LENGTH - 1];
    let uploads: Vec<_> = (0..4)
        .map(|_| {
            let mut connection = shop.server.connect();
            connection.send(&begun(ada.token(), LENGTH, &body)).expect("sent");
            connection
        })
        .collect();
    let held = (4 * LENGTH) as f64;
    wait_for("the uploads", || (shop.server.metric("http_server_received_body_bytes") == held).then_some(()));
    let attempt = || shop.server.visitor().post(LOGIN).json(credentials("ada")).send();
    // A client may log in ten times in a minute.
    for _ in 0..15 {
        let refused = attempt().refused(503, "unavailable");
        assert_eq!(refused.header("retry-after"), Some("1"), "{refused:?}");
    }
    drop(uploads);
    wait_for("room", || (shop.server.metric("http_server_received_body_bytes") == 0.0).then_some(()));
    attempt().expect(200);
    shop.server.stop();
}

/// The units that the user has left, as the answer says.
fn left(answer: &Answer) -> u32 {
    let header = answer.header("ratelimit").expect("the limits are reported");
    let user = header.split(", ").find_map(|limit| limit.strip_prefix("\"user\";r=")).expect("the limit of the user");
    user.split(';').next().and_then(|left| left.parse().ok()).expect("a number")
}

fn requests_cost_their_work(store: &Store) {
    const UNITS: u32 = 20;
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LIMIT_USER", UNITS.to_string());
    let shop = Shop::open_on(deployment);
    let product = shop.product("HONEY", 500, 10_000);
    let order = |lines: usize| basket(&vec![(&*product, 1); lines]);
    // Each user begins with all units, so the time between requests does not matter.
    let mut names = (0..).map(|n| format!("user{n}"));
    let mut fresh = || shop.user(&names.next().expect("a name"));
    for (target, cost) in [
        (PROFILE.to_owned(), 1),
        (PRODUCTS.to_owned(), 1),
        (format!("{PRODUCTS}?limit=51"), 2),
        (format!("{PRODUCTS}?count=exact"), 5),
        (format!("{ORDERS}?limit=100&count=exact"), 6),
    ] {
        assert_eq!(UNITS - left(&fresh().get(&target).send().expect(200)), cost, "{target}");
    }
    for (lines, cost) in [(10, 1), (11, 2), (200, UNITS)] {
        assert_eq!(UNITS - left(&fresh().post(ORDERS).json(order(lines)).send().expect(201)), cost, "{lines} lines");
    }
    // A cost above the limit takes all units, and the request is worked on.
    let too_large = fresh().post(ORDERS).json(order(201)).send();
    assert_eq!((too_large.status, left(&too_large)), (422, 0), "{too_large:?}");

    let ada = fresh();
    ada.post(ORDERS).json(order(150)).send().expect(201);
    let refused = ada.post(ORDERS).json(order(150)).send().refused(429, "rate_limited");
    // Ten units are missing. Every 3 s another one is available.
    let wait = |refused: &Answer| -> u32 {
        refused.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("seconds")
    };
    assert!((25..=30).contains(&wait(&refused)), "{refused:?}");
    // A client with no unit left is asked to wait for all units of the order, although its body was not read.
    (0..left(&refused)).for_each(|_| drop(ada.get(PROFILE).send().expect(200)));
    let refused = ada.post(ORDERS).json(order(150)).send().refused(429, "rate_limited");
    assert!((40..=60).contains(&wait(&refused)), "{refused:?}");
    // Three users and ada have placed one. She has no unit left to read her own.
    assert_eq!(shop.order_count(), 4, "the refused orders are not placed");
    shop.server.stop();
}

fn two_instances_count_together(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("REDIS_URL", redis().expect("an address"));
    deployment.set("SKEP_LIMIT_USER", "6");
    let first = deployment.start();
    let token = first.setup_token().expect("a token");
    first.visitor().post(SETUP).json(with_token(&token)).send().expect(201);
    let second = deployment.start_second();
    let here = log_in(&first, "grace");
    let there = second.known(&here);
    let start = Instant::now();
    let mut allowed = 0;
    // Requests alternate between the instances until one refuses.
    let refused = loop {
        let client = if allowed % 2 == 0 { &here } else { &there };
        let answer = client.get(PROFILE).send();
        if answer.status != 200 {
            break answer.refused(429, "rate_limited");
        }
        allowed += 1;
    };
    assert!(refused.header("retry-after").is_some() && refused.header("ratelimit").is_some(), "{refused:?}");
    // Without a shared limit, the two would allow 12. Every 10 s one more is allowed.
    let refilled = start.elapsed().as_secs() / 10 + 1;
    assert!((6..=6 + refilled).contains(&allowed), "{allowed} were allowed");
    assert_eq!(first.metric(FALLBACK) + second.metric(FALLBACK), 0.0);
    second.stop();
    first.stop();
}

fn requests_go_on_without_redis(store: &Store) {
    let (wire, through) = Wire::splice(&redis().expect("an address"));
    let mut deployment = Deployment::new(store);
    deployment.set("REDIS_URL", through);
    wire.cut();
    // Redis is away when the server starts.
    let shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let ask = || ada.get(PRODUCTS).send().expect(200);
    ask();
    assert!(shop.server.metric(FALLBACK) > 0.0);
    // Redis comes back.
    wire.mend();
    let is_shared = || {
        let before = shop.server.metric(FALLBACK);
        ask();
        (shop.server.metric(FALLBACK) == before).then_some(())
    };
    wait_for("limits to be shared", is_shared);
    // Redis goes away and comes back again.
    wire.cut();
    let before = shop.server.metric(FALLBACK);
    (0..20).for_each(|_| drop(ask()));
    assert!(shop.server.metric(FALLBACK) > before);
    wire.mend();
    wait_for("limits to be shared again", is_shared);
    shop.server.stop();
}
