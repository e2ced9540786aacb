//! A shop on a store: servers, buyers, an admin, and the rows that they work with.

use crate::{
    bucket::Bucket,
    context::{CONTEXTS, Ids},
    look::look,
    state::{Sent, State},
};
use serde_json::{Value, json};
use skep_journeys::{Client, Deployment, MailServer, Server, wait_for};
use std::time::{Duration, Instant};
use uuid::Uuid;

const SUBSCRIBERS: &str = "/api/v1/events/subscribers";
const LOGIN: &str = "/api/v1/auth/login";
const PASSWORD: &str = "bees build hexagons";
/// Tokens are valid for an hour.
const LOG_IN_AGAIN: Duration = Duration::from_secs(30 * 60);

/// How long the mail server takes for a mail, so that kills hit mails that were sent by workers that do not know it yet.
const MAIL_PAUSE: Duration = Duration::from_millis(5);
/// A lost process is noticed after this time, so that its work goes on before the next kill.
const LEASE_SECONDS: &str = "1";

/// The instances on one store, and the accounts and shared rows in it.
pub(crate) struct Shop {
    pub(crate) servers: Vec<Server>,
    pub(crate) buyers: Vec<Account>,
    pub(crate) admin: Account,
    /// The rows that all commands may use.
    pub(crate) ids: Ids,
    logged_in: Instant,
    mails: MailServer,
    /// Where the contents of files are, if not in a folder.
    pub(crate) bucket: Option<Bucket>,
    // The last field, so that the servers are dropped before their database.
    pub(crate) deployment: Deployment,
}

/// A user that is logged in.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    name: String,
    token: String,
    /// The rows that only its own commands may use.
    pub(crate) ids: Ids,
}

impl Account {
    /// A client of the server that acts as this user.
    pub(crate) fn at(&self, server: &Server) -> Client {
        server.visitor().with_token(&self.token)
    }

    #[track_caller]
    fn log_in(server: &Server, name: &str) -> Self {
        let answer = server.visitor().post(LOGIN).json(credentials(name)).send().ok();
        let token = answer.text("/access_token");
        let client = server.visitor().with_token(&token);
        let id = client.get("/api/v1/users/me").send().ok().text("/id").parse().expect("an id");
        Self { id, name: name.to_owned(), token, ids: Ids::new() }
    }
}

impl Shop {
    /// Starts the instances and creates the admin, the buyers and the rows of the contexts.
    #[track_caller]
    pub(crate) fn open(
        (mut deployment, bucket): (Deployment, Option<Bucket>),
        instances: usize,
        buyers: usize,
    ) -> Self {
        let mails = MailServer::start().with_pause(MAIL_PAUSE);
        mails.serve(&mut deployment);
        // A campaign waits until every mail was sent.
        for limit in ["SKEP_MAILS_PER_MINUTE", "SKEP_MAILS_PER_RECIPIENT", "SKEP_WAITING_JOBS_PER_USER"] {
            deployment.set(limit, "1000000");
        }
        CONTEXTS.iter().for_each(|context| context.set_up(&mut deployment, instances));
        deployment.set("SKEP_LEASE_SECONDS", LEASE_SECONDS);
        // A campaign lasts longer than a token does by default.
        deployment.set("SKEP_TOKEN_LIFETIME", "3600");
        let mut servers = vec![start(&deployment, 0)];
        let server = &servers[0];
        let token = server.setup_token().expect("a token for the setup is printed");
        let mut set_up = account("grace");
        set_up["token"] = json!(token);
        server.visitor().post("/api/v1/setup").json(set_up).send().ok();
        let admin = Account::log_in(server, "grace");
        let buyers = (0..buyers).map(|n| {
            let name = format!("buyer{n}");
            server.visitor().post("/api/v1/auth/register").json(account(&name)).send().ok();
            Account::log_in(server, &name)
        });
        let buyers = buyers.collect();
        let (client, mut ids) = (admin.at(server), Ids::new());
        CONTEXTS.iter().for_each(|context| context.open(&client, &mut ids));
        // Only after the setup, because a start without an admin revokes the token that the previous start printed.
        servers.extend((1..instances).map(|instance| start(&deployment, instance)));
        Self { servers, buyers, admin, ids, logged_in: Instant::now(), mails, bucket, deployment }
    }

    /// Reads the store, what contexts keep beside it, and what the mail server has got.
    #[track_caller]
    pub(crate) fn look(&self) -> State {
        let before = self.mails.counts();
        let mut state = look(&self.deployment);
        CONTEXTS.iter().for_each(|context| context.look(&self.deployment, self.bucket.as_ref(), &mut state));
        let count = |(key, after): (String, u32)| {
            let before = before.get(&key).copied().unwrap_or_default();
            Sent { key, before, after }
        };
        state.rows_mut().extend(self.mails.counts().into_iter().map(count));
        state
    }

    /// Waits until an instance delivers events again, after the lease of the one that was killed.
    #[track_caller]
    pub(crate) fn wait_for_deliveries(&self) {
        let admin = self.admin.at(&self.servers[0]);
        wait_for("events to be delivered", || {
            let subscribers = admin.get(SUBSCRIBERS).send().ok().json();
            let is_there = |subscriber: &Value| subscriber["lag"] == 0;
            subscribers["data"].as_array().is_some_and(|all| all.iter().all(is_there)).then_some(())
        });
    }

    /// Restarts the killed instance, and renews the tokens in time.
    #[track_caller]
    pub(crate) fn restart(&mut self, instance: usize) {
        self.servers.insert(instance, start(&self.deployment, instance));
        if self.logged_in.elapsed() > LOG_IN_AGAIN {
            let server = &self.servers[0];
            for account in self.buyers.iter_mut().chain([&mut self.admin]) {
                account.token = Account::log_in(server, &account.name).token;
            }
            self.logged_in = Instant::now();
        }
    }
}

#[track_caller]
fn start(deployment: &Deployment, instance: usize) -> Server {
    if instance == 0 { deployment.start() } else { deployment.start_second() }
}

fn credentials(name: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "password": PASSWORD })
}

fn account(name: &str) -> Value {
    let mut account = credentials(name);
    account["display_name"] = json!(name);
    account
}
