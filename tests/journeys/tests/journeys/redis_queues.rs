//! Queues whose jobs Redis gives to workers: what is lost with Redis, and what happens to workers that are lost.

use crate::{
    Journey, Needs,
    shop::{ORDERS, Shop, basket, id_of},
    workers::{mail_jobs, open_with, sent, start, wait_for_subscriber},
};
use serde_json::json;
use skep_journeys::{Client, MailServer, OwnRedis, Server, Store, wait_for};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("redis_queues::lost_and_away", no_mail_is_lost_with_redis).needing(Needs::Redis),
    Journey::new("redis_queues::one_is_killed", a_killed_worker_is_replaced).needing(Needs::ServerAndRedis),
    Journey::new("redis_queues::one_is_stopped", a_stopped_worker_is_shut_out).needing(Needs::ServerAndRedis),
];

/// A shop whose jobs come from this Redis. Its server runs jobs only if no other process can.
#[track_caller]
fn open(store: &Store, mails: &MailServer, redis: &OwnRedis) -> Shop {
    let workers = if *store == Store::Sqlite { "10" } else { "0" };
    let settings = [
        ("REDIS_URL", format!("redis://{}", redis.address())),
        ("SKEP_REDIS_QUEUES", "default,mails".to_owned()),
        ("SKEP_WORKERS", workers.to_owned()),
    ];
    open_with(store, mails, &settings)
}

fn durable() -> OwnRedis {
    OwnRedis::start(&["appendonly yes", "appendfsync everysec"])
}

/// Each order has its mail, and each job is done. A ticket that was lost may have let two processes send one mail.
#[track_caller]
fn all_sent(shop: &Shop, mails: &MailServer, count: usize) {
    let jobs = sent(&shop.admin, count);
    assert_eq!((jobs.len(), mails.counts().len()), (count, count));
    assert!(jobs.iter().all(|job| job["attempt"] == json!(1)), "{jobs:?}");
}

#[track_caller]
fn ready(client: &Client) {
    client.get("/ready").send().ok();
}

fn no_mail_is_lost_with_redis(store: &Store) {
    let (mails, redis) = (MailServer::start(), durable());
    let shop = open(store, &mails, &redis);
    let others = if *store == Store::Sqlite { 0 } else { 2 };
    let others: Vec<Server> = (1..=others).map(|number| start(&shop.deployment, number)).collect();
    wait_for_subscriber(&shop.admin);
    let (ada, honey) = (shop.user("ada"), shop.product("HONEY", 1999, 1_000));
    let order = || drop(ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201));
    order();
    all_sent(&shop, &mails, 1);
    assert!(redis.ask("INFO commandstats").contains("cmdstat_zadd"), "Redis has given the job");

    for _ in 0..12 {
        order();
        assert!(redis.ask("FLUSHALL").starts_with("+OK"));
    }
    all_sent(&shop, &mails, 13);

    redis.signal("STOP");
    (0..4).for_each(|_| order());
    ready(&shop.admin);
    all_sent(&shop, &mails, 17);
    ready(&shop.admin);
    redis.signal("CONT");
    let server = others.first().unwrap_or(&shop.server);
    wait_for("a warning", || server.log().contains("Redis gives no jobs").then_some(()));
    wait_for("Redis to give jobs", || server.log().contains("Redis gives jobs again").then_some(()));
    (0..4).for_each(|_| order());
    all_sent(&shop, &mails, 21);
    others.into_iter().for_each(Server::stop);
    shop.server.stop();
}

/// A process that holds the only mail, and another one.
struct Pair {
    shop: Shop,
    first: Server,
    job: String,
}

#[track_caller]
fn hold(store: &Store, mails: &MailServer, redis: &OwnRedis) -> Pair {
    let shop = open(store, mails, redis);
    let first = start(&shop.deployment, 1);
    wait_for_subscriber(&shop.admin);
    let (ada, honey) = (shop.user("ada"), shop.product("HONEY", 1999, 10));
    mails.hold();
    ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    mails.wait_for_mails(1);
    let job = id_of(&mail_jobs(&shop.admin)[0]).to_owned();
    Pair { shop, first, job }
}

#[track_caller]
fn second_attempt(shop: &Shop, id: &str) {
    let jobs = sent(&shop.admin, 1);
    assert_eq!((jobs[0]["id"].as_str(), &jobs[0]["attempt"]), (Some(id), &json!(2)));
    let job = shop.admin.get(format!("/api/v1/jobs/{id}")).send().ok().json();
    assert_eq!(job["failures"][0]["message"], json!("the worker was lost"));
}

fn a_killed_worker_is_replaced(store: &Store) {
    let (mails, redis) = (MailServer::start(), durable());
    let Pair { shop, first, job } = hold(store, &mails, &redis);
    first.kill();
    let second = start(&shop.deployment, 2);
    let keys = mails.wait_for_mails(2);
    assert_eq!(keys[0], keys[1], "it is the same mail");
    mails.go_on();
    second_attempt(&shop, &job);
    second.stop();
    shop.server.stop();
}

fn a_stopped_worker_is_shut_out(store: &Store) {
    let (mails, redis) = (MailServer::start(), durable());
    let Pair { shop, first, job } = hold(store, &mails, &redis);
    first.signal("STOP");
    let second = start(&shop.deployment, 2);
    mails.wait_for_mails(2);
    // The stopped process gets the answer to its mail, and goes on.
    mails.confirm(0);
    first.signal("CONT");
    wait_for("its result to be refused", || first.log().contains("another worker holds the job").then_some(()));
    mails.go_on();
    second_attempt(&shop, &job);
    first.stop();
    second.stop();
    shop.server.stop();
}
