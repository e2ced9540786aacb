//! Limits of single operations, and networks without a limit.

use crate::{
    Journey, Needs,
    limits::redis,
    shop::{ORDERS, PRODUCTS, PROFILE, SETUP, Shop, basket, log_in, with_token},
};
use skep_journeys::{Answer, Client, Deployment, Server, Store};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("operation_limits::clients", one_client_and_one_operation_are_limited_and_no_other),
    Journey::new("operation_limits::settings", a_limit_is_read_at_the_start_and_a_wrong_one_is_refused),
    Journey::new("operation_limits::kinds", each_kind_of_limit_refuses_and_says_when_to_come_again),
    Journey::new("operation_limits::exempt", an_exempt_network_has_no_limit_of_its_address),
    Journey::new("operation_limits::shared", two_instances_count_an_operation_together).needing(Needs::ServerAndRedis),
];

/// Reads a list from this address, through a proxy.
fn list_from(client: &Client, address: &str) -> Answer {
    client.get(PRODUCTS).header("x-forwarded-for", address).send()
}

/// How many requests of the operation were answered 429.
fn refused_of(server: &Server, operation: &str) -> f64 {
    let answer = server.visitor().get("/metrics").send().ok();
    let text = String::from_utf8(answer.body).expect("text");
    let start = format!("skep_rate_limited_requests_total{{operation=\"{operation}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or(0.0)
}

fn one_client_and_one_operation_are_limited_and_no_other(store: &Store) {
    let mut deployment = Deployment::new(store);
    // None of them is available again while the journey runs.
    deployment.set("SKEP_OPERATION_LIMITS", "place_order=2/d,list_products=2/d");
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    let shop = Shop::open_on(deployment);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let product = shop.product("HONEY", 500, 10_000);
    let order = |client: &Client| client.post(ORDERS).json(basket(&[(&product, 1)])).send();
    (0..2).for_each(|_| drop(order(&ada).expect(201)));
    let refused = order(&ada).refused(429, "rate_limited");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let said = |name: &str| refused.header(name).unwrap_or_default().to_owned();
    assert!(said("ratelimit-policy").contains("\"operation\";q=2;w=86400"), "{refused:?}");
    assert!(said("ratelimit").contains("\"operation\";r=0;"), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.body).contains("place_order"), "{refused:?}");
    let other = ada.get(ORDERS).send().expect(200);
    assert!(!other.header("ratelimit").expect("the other limits").contains("operation"), "{other:?}");
    order(&bob).expect(201);

    // A visitor counts for its address, and a user does not.
    let visitor = shop.server.visitor();
    (0..2).for_each(|_| drop(list_from(&visitor, "192.0.2.1").expect(200)));
    list_from(&visitor, "192.0.2.1").refused(429, "rate_limited");
    list_from(&visitor, "192.0.2.2").expect(200);
    list_from(&ada, "192.0.2.1").expect(200);
    shop.server.stop();
}

fn a_limit_is_read_at_the_start_and_a_wrong_one_is_refused(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_OPERATION_LIMITS", "get_profile=1/d");
    let mut shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let read = ada.get(PROFILE).send().expect(200);
    // The deletion of the account, at the same path, takes a password. Reading it does not.
    assert!(!read.header("ratelimit").expect("the limits").contains("credentials"), "{read:?}");
    ada.get(PROFILE).send().refused(429, "rate_limited");
    assert_eq!(refused_of(&shop.server, "get_profile"), 1.0);
    assert_eq!(refused_of(&shop.server, "place_order"), 0.0);
    shop.server.stop();

    for (wrong, text) in [
        ("get_profil=1/d", "there is no operation get_profil; did you mean get_profile?"),
        ("get_profile=1/d rolling", "part 1: get_profile: expected smooth, fixed, sliding, per user, per address"),
        ("get_profile=0/d", "part 1: get_profile: expected a number from 1"),
        ("set_up=1/d,get_profile=1/d,get_profile=2/d", "part 3: get_profile has a limit in an earlier part"),
    ] {
        shop.deployment.run(&[], "", &[("SKEP_OPERATION_LIMITS", wrong)]).refused(&["SKEP_OPERATION_LIMITS", text]);
    }
    let networks = [("SKEP_LIMIT_EXEMPT_NETWORKS", "10.0.0.0/33")];
    shop.deployment.run(&[], "", &networks).refused(&["SKEP_LIMIT_EXEMPT_NETWORKS", "networks like 10.0.0.0/8"]);

    shop.deployment.set("SKEP_OPERATION_LIMITS", "");
    let server = shop.deployment.start();
    let ada = server.known(&ada);
    (0..2).for_each(|_| drop(ada.get(PROFILE).send().expect(200)));
    server.stop();
}

fn each_kind_of_limit_refuses_and_says_when_to_come_again(store: &Store) {
    let seconds = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).expect("seconds");
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    let day = 86_400;
    // The longest wait, and the longest time until the limit is full again.
    for (kind, longest, reset) in [("smooth", day / 2, day), ("fixed", day, day), ("sliding", 2 * day, 2 * day)] {
        deployment.set("SKEP_OPERATION_LIMITS", format!("list_products=2/d {kind} per address"));
        let server = deployment.start();
        let visitor = server.visitor();
        // At midnight, a window ends and a fixed limit is full again. Not all requests can hit it.
        let answers: Vec<_> = (0..5).map(|_| list_from(&visitor, "192.0.2.1")).collect();
        let refused = answers.into_iter().find(|answer| answer.status == 429).expect("a limit of two");
        let wait = seconds(refused.header("retry-after"));
        let said = refused.header("ratelimit").unwrap_or_default();
        let of = said.split_once("\"operation\";r=0;t=").map(|(_, rest)| rest.split(',').next().unwrap_or(rest));
        let full = seconds(of);
        assert!((1..=longest).contains(&wait) && (wait..=reset).contains(&full), "{kind}: {refused:?}");
        let policy = refused.header("ratelimit-policy").unwrap_or_default();
        assert!(policy.contains("\"operation\";q=2;w=86400"), "{policy}");
        list_from(&visitor, "192.0.2.2").expect(200);
        server.stop();
    }
}

fn an_exempt_network_has_no_limit_of_its_address(store: &Store) {
    let mut deployment = Deployment::new(store);
    // The journey itself sends more requests than this, from the loopback.
    deployment.set("SKEP_LIMIT_ADDRESS", "1");
    deployment.set("SKEP_LIMIT_EXEMPT_NETWORKS", "127.0.0.0/8,2001:db8::/32");
    deployment.set("SKEP_OPERATION_LIMITS", "list_products=1/d per address,place_order=1/d");
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    let shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let product = shop.product("HONEY", 500, 10_000);
    let visitor = shop.server.visitor();
    for address in ["2001:db8::1", "127.0.0.1", "2001:db8::1", "127.0.0.1"] {
        let answer = list_from(&visitor, address).expect(200);
        assert_eq!(answer.header("ratelimit"), None, "{answer:?}");
    }
    list_from(&visitor, "192.0.2.1").expect(200);
    list_from(&visitor, "192.0.2.1").refused(429, "rate_limited");
    // The limits of a user hold everywhere.
    let order = || ada.post(ORDERS).json(basket(&[(&product, 1)])).send();
    order().expect(201);
    order().refused(429, "rate_limited");
    shop.server.stop();
}

fn two_instances_count_an_operation_together(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("REDIS_URL", redis().expect("an address"));
    deployment.set("SKEP_OPERATION_LIMITS", "get_profile=2/d");
    let first = deployment.start();
    let token = first.setup_token().expect("a token");
    first.visitor().post(SETUP).json(with_token(&token)).send().expect(201);
    let second = deployment.start_second();
    let here = log_in(&first, "grace");
    let there = second.known(&here);
    for client in [&here, &there] {
        client.get(PROFILE).send().expect(200);
    }
    for client in [&here, &there] {
        client.get(PROFILE).send().refused(429, "rate_limited");
    }
    second.stop();
    first.stop();
}
