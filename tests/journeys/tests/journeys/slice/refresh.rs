//! The refresh of sessions: one token after the other, and what ends them.

use super::{Context, Thing, at_once};
use crate::{
    Journey, Needs,
    shop::{LOGIN, PASSWORD, PROFILE, REGISTER, Shop, account, all, credentials},
    tokens::claims,
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Deployment, Server, Store, wait_for};
use std::collections::BTreeSet;

const REFRESH: &str = "/api/v1/auth/refresh";
const SESSIONS: &str = "/api/v1/users/me/sessions";
const REUSED: &str = "identity.refresh_token_reused.v1";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::refresh", a_session_goes_on_with_one_token_after_the_other),
        Journey::new("slice::refresh_reuse", a_token_that_is_used_again_ends_its_session),
        Journey::new("slice::refresh_parallel", parallel_calls_with_one_token_keep_the_session),
        Journey::new("slice::refresh_ends", what_ends_a_session_ends_its_refresh_token),
        Journey::new("slice::refresh_confusion", a_token_of_another_kind_is_no_refresh_token),
        Journey::new("slice::refresh_guesses", guesses_are_limited_and_right_tokens_are_not),
        Journey::new("slice::refresh_instances", instances_agree_on_one_successor).needing(Needs::Server),
    ],
    // The "collection" of tokens: no request shows one, and its id is the token itself.
    things: &[Thing {
        collection: REFRESH,
        parts: &[],
        is_busy: true,
        make: |shop, owner, _| {
            let email = owner.get(PROFILE).send().ok().text("/email");
            let login = json!({ "email": email, "password": PASSWORD });
            shop.server.visitor().post(LOGIN).json(login).send().ok().text("/refresh_token")
        },
    }],
    unique: &[],
    bodies: &[("refresh_session", |scene| body(&scene.id(REFRESH)))],
};

fn body(token: &str) -> Value {
    json!({ "refresh_token": token })
}

/// The tokens of a session.
struct Tokens {
    client: Client,
    refresh: String,
}

impl Tokens {
    #[track_caller]
    fn of(server: &Server, answer: &Answer) -> Self {
        let client = server.visitor().with_token(answer.text("/access_token"));
        Self { client, refresh: answer.text("/refresh_token") }
    }

    #[track_caller]
    fn log_in(server: &Server, name: &str) -> Self {
        Self::of(server, &server.visitor().post(LOGIN).json(credentials(name)).send().ok())
    }

    #[track_caller]
    fn next(&self, server: &Server) -> Self {
        Self::of(server, &refresh(server, &self.refresh).expect(200))
    }

    fn session(&self) -> String {
        claims(self.client.token()).session_id.to_string()
    }

    #[track_caller]
    fn is_alive(&self) {
        self.client.get(PROFILE).send().expect(200);
    }

    #[track_caller]
    fn is_dead(&self, server: &Server) {
        self.client.get(PROFILE).send().refused(401, "invalid_token");
        refresh(server, &self.refresh).refused(401, "invalid_refresh_token");
    }
}

fn refresh(server: &Server, token: &str) -> Answer {
    refresh_by(&server.visitor(), token)
}

fn refresh_by(client: &Client, token: &str) -> Answer {
    client.post(REFRESH).header("User-Agent", "app/2").json(body(token)).send()
}

/// A shop, and Ada, who has logged in so many times.
fn open(store: &Store, logins: usize) -> (Shop, Vec<Tokens>) {
    let shop = Shop::open(store);
    shop.server.visitor().post(REGISTER).json(account("ada")).send().ok();
    let tokens = (0..logins).map(|_| Tokens::log_in(&shop.server, "ada")).collect();
    (shop, tokens)
}

fn a_session_goes_on_with_one_token_after_the_other(store: &Store) {
    let (shop, mut logins) = open(store, 1);
    let answer = shop.server.visitor().post(LOGIN).json(credentials("ada")).send().ok();
    let shown = |answer: &Answer| (answer.text("/status"), answer.text("/token_type"), answer.number("/expires_in"));
    let complete = ("complete".to_owned(), "Bearer".to_owned(), 600);
    assert_eq!((shown(&answer), answer.number("/refresh_expires_in")), (complete.clone(), 14 * 24 * 60 * 60));

    let mut tokens = logins.remove(0);
    let (session, mut seen) = (tokens.session(), BTreeSet::from([tokens.refresh.clone()]));
    let listed = |client: &Client| {
        let found = all(client, SESSIONS).into_iter().find(|one| one["id"] == *session).expect("the session");
        let time = |name: &str| found[name].as_str().expect("a time").to_owned();
        (time("created_at"), time("last_used_at"), time("expires_at"), found["device"].clone())
    };
    let (created_at, last_used_at, mut end, device) = listed(&tokens.client);
    assert_eq!((&created_at, device), (&last_used_at, Value::Null));
    for _ in 0..5 {
        let answer = refresh(&shop.server, &tokens.refresh).expect(200);
        assert_eq!((shown(&answer), answer.header("cache-control")), (complete.clone(), Some("no-store")));
        let before = tokens;
        tokens = Tokens::of(&shop.server, &answer);
        assert!(seen.insert(tokens.refresh.clone()), "each token is new");
        assert_eq!(tokens.session(), session);
        [&before, &tokens].into_iter().for_each(Tokens::is_alive);
        let (created, used, ends, device) = listed(&tokens.client);
        assert_eq!((&created, device), (&created_at, json!("app/2")));
        assert!(used > created_at && ends > end, "{used} {ends}");
        end = ends;
        // A lost answer: the same token gives the same successor.
        assert_eq!(before.next(&shop.server).refresh, tokens.refresh);
    }
    shop.server.visitor().post(REFRESH).json(json!({})).send().refused(422, "validation_failed");
    shop.server.visitor().post(REFRESH).json(body("")).send().refused(401, "invalid_refresh_token");
    let more = json!({ "refresh_token": tokens.refresh, "device": "x" });
    shop.server.visitor().post(REFRESH).json(more).send().refused(422, "validation_failed");
    tokens.is_alive();

    // A worthless token in the header prevents no refresh.
    let worthless = shop.server.visitor().with_token("worthless");
    worthless.post(REFRESH).json(body(&tokens.refresh)).send().expect(200);
    shop.server.stop();
}

fn a_token_that_is_used_again_ends_its_session(store: &Store) {
    let (shop, logins) = open(store, 2);
    let [first, other] = &logins[..] else { panic!("two logins") };
    let second = first.next(&shop.server);
    let third = second.next(&shop.server);
    let refused = refresh(&shop.server, &first.refresh).refused(401, "invalid_refresh_token");
    [first, &second, &third].into_iter().for_each(|tokens| tokens.is_dead(&shop.server));
    let unknown = refresh(&shop.server, "skep_rt_0").refused(401, "invalid_refresh_token");
    let shown = |answer: &Answer| (answer.json()["title"].clone(), answer.json()["detail"].clone());
    assert_eq!(shown(&refused), shown(&unknown), "the answer does not say what is wrong");
    other.is_alive();
    other.next(&shop.server).is_alive();

    let metrics = shop.server.visitor().get("/metrics").send().ok();
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.lines().any(|line| line == "skep_refresh_reuse_total 1"), "{metrics}");
    let reused = wait_for("the event", || {
        let found = shop.admin.get("/api/v1/events?limit=100").send().ok().json();
        let mut events = found["data"].as_array().cloned().unwrap_or_default();
        events.retain(|event| event["type"] == REUSED);
        Some(events).filter(|events| !events.is_empty())
    });
    assert_eq!(reused.len(), 1, "{reused:?}");
    assert_eq!(reused[0]["subject"], *first.session());
    shop.server.stop();
}

fn parallel_calls_with_one_token_keep_the_session(store: &Store) {
    let (shop, logins) = open(store, 2);
    for (count, tokens) in [20, 50].into_iter().zip(&logins) {
        let visitor = shop.server.visitor();
        let answers = at_once(count, |_| refresh_by(&visitor, &tokens.refresh).expect(200));
        let next: Vec<_> = answers.iter().map(|answer| Tokens::of(&shop.server, answer)).collect();
        let successors: BTreeSet<_> = next.iter().map(|tokens| tokens.refresh.clone()).collect();
        assert_eq!(successors.len(), 1, "{count} calls give one successor");
        next.iter().for_each(Tokens::is_alive);
        next[0].next(&shop.server).is_alive();
    }
    assert_eq!(all(&logins[0].client, SESSIONS).len(), 2);
    shop.server.stop();
}

fn what_ends_a_session_ends_its_refresh_token(store: &Store) {
    let (shop, logins) = open(store, 4);
    let [one, two, three, four] = &logins[..] else { panic!("four logins") };
    one.client.post("/api/v1/auth/logout").send().expect(204);
    one.is_dead(&shop.server);
    two.client.delete(format!("{SESSIONS}/{}", three.session())).send().expect(204);
    three.is_dead(&shop.server);
    two.client.delete(SESSIONS).send().expect(204);
    four.is_dead(&shop.server);
    let after = two.next(&shop.server);
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    let answer = after.client.post("/api/v1/users/me/password").json(change).send().expect(200);
    [two, &after].into_iter().for_each(|tokens| tokens.is_dead(&shop.server));
    let kept = Tokens::of(&shop.server, &answer).next(&shop.server);
    kept.is_alive();
    kept.client.delete(format!("{SESSIONS}?include_current=true")).send().expect(204);
    kept.is_dead(&shop.server);
    shop.server.stop();
}

fn a_token_of_another_kind_is_no_refresh_token(store: &Store) {
    let (shop, logins) = open(store, 1);
    let tokens = &logins[0];
    let bearer = shop.server.visitor().with_token(&tokens.refresh);
    bearer.get(PROFILE).send().refused(401, "invalid_token");
    // Another deployment has issued it.
    let stranger = Shop::open(&Store::Sqlite);
    let foreign = Tokens::log_in(&stranger.server, "grace").refresh;
    stranger.server.stop();
    let (content, seal) = tokens.refresh.split_at(104);
    let of_session = format!("{}{}", &tokens.refresh[..40], &foreign[40..]);
    let others = [
        tokens.client.token().to_owned(),
        foreign.clone(),
        of_session,
        format!("{content}{}", seal.chars().rev().collect::<String>()),
        format!("{} ", tokens.refresh),
        tokens.refresh.to_uppercase(),
        tokens.refresh.repeat(9),
    ];
    for other in others {
        refresh(&shop.server, &other).refused(401, "invalid_refresh_token");
    }
    tokens.next(&shop.server).is_alive();
    shop.server.stop();
}

fn guesses_are_limited_and_right_tokens_are_not(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_REFRESH_ATTEMPTS", "5");
    let shop = Shop::open_on(deployment);
    shop.server.visitor().post(REGISTER).json(account("ada")).send().ok();
    let mut tokens = Tokens::log_in(&shop.server, "ada");
    let guess = || refresh(&shop.server, "skep_rt_guess");
    let refused = (0..256).map(|_| guess()).find(|answer| answer.status != 401).expect("a limit");
    assert!(refused.refused(429, "rate_limited").header("retry-after").is_some());
    // The guesses of a network do not hold up its users.
    for _ in 0..12 {
        tokens = tokens.next(&shop.server);
    }
    let ended = Tokens::log_in(&shop.server, "ada");
    ended.client.post("/api/v1/auth/logout").send().expect(204);
    let again = || refresh(&shop.server, &ended.refresh);
    let refused = (0..256).map(|_| again()).find(|answer| answer.status != 401).expect("a limit of the session");
    refused.refused(429, "rate_limited");
    tokens.next(&shop.server).is_alive();
    shop.server.stop();
}

fn instances_agree_on_one_successor(store: &Store) {
    let (shop, logins) = open(store, 1);
    let second = shop.deployment.start_second();
    let visitors = [shop.server.visitor(), second.visitor()];
    let mut tokens = logins.into_iter().next().expect("a login");
    for _ in 0..5 {
        let answers = at_once(20, |n| refresh_by(&visitors[n % 2], &tokens.refresh).expect(200));
        let successors: BTreeSet<_> = answers.iter().map(|answer| answer.text("/refresh_token")).collect();
        assert_eq!(successors.len(), 1);
        tokens = Tokens::of(&second, &answers[0]);
    }
    // What one instance ends, the other refuses to refresh.
    tokens.client.post("/api/v1/auth/logout").send().expect(204);
    refresh(&shop.server, &tokens.refresh).refused(401, "invalid_refresh_token");
    second.stop();
    shop.server.stop();
}
