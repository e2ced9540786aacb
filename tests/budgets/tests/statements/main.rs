//! Statements per request: `cargo test -p skep-budgets --test statements`. Every operation of the OpenAPI document has a
//! line. The number of lines of an order, or of rows of a page, does not change the statements.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod catalog;
mod categories;
mod events;
mod files;
mod identity;
mod jobs;
mod mail_templates;
mod ordering;
mod schedules;

use skep_budgets::{Buyer, Reply, Section, Server, Statements, Table, stores, summary};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
};
use tracing_subscriber::layer::SubscriberExt as _;

const SECTION: Section =
    Section { name: "statements", bless: "SKEP_BLESS=1 scripts/test -p skep-budgets --test statements" };
/// The columns: the number of statements of each engine, and their names.
const HEADS: [&str; 5] = ["request", "SQL", "MongoDB", "SQL statements", "MongoDB commands"];

/// The requests of each context, one context per line. Later contexts use the data of earlier ones.
const CONTEXTS: &[for<'a> fn(&'a mut World) -> Asked<'a>] = &[
    |world| Box::pin(catalog::ask(world)), //
    |world| Box::pin(categories::ask(world)),
    |world| Box::pin(ordering::ask(world)),
    |world| Box::pin(jobs::ask(world)),
    |world| Box::pin(schedules::ask(world)),
    |world| Box::pin(mail_templates::ask(world)),
    |world| Box::pin(events::ask(world)),
    |world| Box::pin(files::ask(world)),
];

type Asked<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The server, its users, and the cost of their requests.
struct World {
    server: Server,
    admin: Buyer,
    buyer: Buyer,
    /// The paths of products on sale.
    products: Vec<String>,
    costs: Costs,
}

/// The name and the statements of every request, in order.
#[derive(Default)]
struct Costs(Vec<(String, Vec<String>)>);

impl Costs {
    fn add(&mut self, name: &str, reply: &Reply) {
        assert!(!self.0.iter().any(|(other, _)| other == name), "{name} is there twice");
        self.0.push((name.to_owned(), reply.statements.clone()));
    }

    /// Checks that the same request with more lines or rows costs the same.
    fn same(&self, name: &str, more: &str, reply: &Reply) {
        let (_, few) = self.0.iter().find(|(other, _)| other == name).unwrap();
        assert_eq!(*few, reply.statements, "{name} with {more}");
    }

    fn get(&self, name: &str) -> Option<&Vec<String>> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, statements)| statements)
    }
}

fn with<'a>(buyer: &'a Buyer, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("authorization", buyer.token.as_str())], more].concat()
}

/// Checks that every operation of the document has a line.
fn assert_complete(costs: &Costs) {
    let document = skep_http::Api::document();
    let paths = document["paths"].as_object().unwrap();
    let operations: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let counted: BTreeSet<String> =
        costs.0.iter().map(|(name, _)| name.split(',').next().unwrap().to_owned()).collect();
    assert!(operations.len() > 10, "the document is read");
    assert_eq!(counted, operations, "every operation has a line, and every line has an operation");
}

#[test]
fn statements_per_request_are_those_of_the_table() {
    let _counting = tracing::subscriber::set_default(tracing_subscriber::registry().with(Statements));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut by_store: BTreeMap<&str, Costs> = BTreeMap::new();
    for (name, harness) in stores() {
        let costs = runtime.block_on(async {
            let mut world = identity::ask(Server::start(&*harness).await).await;
            for ask in CONTEXTS {
                ask(&mut world).await;
            }
            world.server.stop().await;
            world.costs
        });
        assert_complete(&costs);
        by_store.insert(name, costs);
    }
    let sqlite = by_store.get("sqlite").unwrap();
    if let Some(postgres) = by_store.get("postgres") {
        assert_eq!(sqlite.0, postgres.0, "both SQL engines run the same statements");
    }
    let mongodb = by_store.get("mongodb");
    if mongodb.is_none() || !by_store.contains_key("postgres") {
        println!("not tried on every store: the address of a server is not set");
        assert!(!Section::is_blessed(), "the table needs all stores");
    }
    let mut table = Table::with(&HEADS);
    for (name, sql) in &sqlite.0 {
        let commands = mongodb.and_then(|costs| costs.get(name));
        let (count, which) = match commands {
            Some(commands) => (commands.len().to_string(), summary(commands)),
            None => (String::new(), String::new()),
        };
        table.rows.push(vec![name.clone(), sql.len().to_string(), count, summary(sql), which]);
    }
    SECTION.check(&table, |_, found, budget| found.is_empty() || found == budget);
}
