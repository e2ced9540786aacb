//! The contexts under load, and their parts of a campaign.

use crate::{
    bucket::Bucket,
    catalog::Catalog,
    check::Findings,
    events::Events,
    files::Files,
    jobs::Jobs,
    load::Worker,
    ordering::Ordering,
    state::{Event, KeyRow, Row as _, State, Table},
};
use rand::rngs::StdRng;
use serde_json::Value;
use skep_journeys::{Answer, Call, Client, Deployment};
use std::{any::Any, collections::BTreeMap, fmt, sync::Arc};
use uuid::Uuid;

/// All contexts, in the order in which a shop is opened. A context uses only those before it. A new context needs a
/// folder and a line here.
pub(crate) const CONTEXTS: &[&dyn Context] = &[&Catalog, &Ordering, &Jobs, &Events, &Files];

/// All tables that the checks read.
pub(crate) fn tables() -> impl Iterator<Item = Table> {
    let contexts = CONTEXTS.iter().flat_map(|context| context.tables()).copied();
    [Event::TABLE, KeyRow::TABLE].into_iter().chain(contexts)
}

/// Ids that clients may use in their commands, by the kind of row.
pub(crate) type Ids = BTreeMap<&'static str, Vec<Uuid>>;

/// A context of the application: its commands, its tables, and the rules that must hold after a crash.
pub(crate) trait Context: Sync {
    /// The name at the start of its use cases.
    fn name(&self) -> &'static str;
    /// The tables that its checks read.
    fn tables(&self) -> &'static [Table];
    /// Changes the settings of the instances.
    fn set_up(&self, _deployment: &mut Deployment, _instances: usize) {}
    /// Creates the rows that the clients need, and notes their ids.
    fn open(&self, _admin: &Client, _ids: &mut Ids) {}
    /// The commands that the clients send. A share counts in proportion to those of all contexts.
    fn choices(&self) -> &'static [Choice];
    /// Status and code of the problems that its commands may get.
    fn refusals(&self) -> &'static [&'static str];
    /// Lists that an admin reads while a part of the environment is broken.
    fn lists(&self) -> &'static [&'static str];
    /// Does at the end what an operator has to do after so many kills.
    fn repair(&self, _admin: &Client) {}
    /// Reads what the context keeps outside of the store.
    fn look(&self, _deployment: &Deployment, _bucket: Option<&Bucket>, _state: &mut State) {}
    /// Makes what kills have left so old that the next sweep removes it.
    fn age(&self, _deployment: &Deployment, _bucket: Option<&Bucket>) {}
    /// Indexes the rows for the checks.
    fn checks<'s>(&self, state: &'s State) -> Box<dyn Checks + 's>;
}

/// A kind of command that clients send.
pub(crate) struct Choice {
    /// Its share among the commands of all contexts.
    pub(crate) share: u32,
    /// Makes a command, or returns `None` if the client has no row for it.
    pub(crate) choose: fn(&mut Worker<'_>, &mut StdRng) -> Option<Arc<dyn Command>>,
}

/// A command that a client sends.
pub(crate) trait Command: Any + fmt::Debug + Send + Sync {
    /// The name of the use case under which the store keeps the answer.
    fn use_case(&self) -> &'static str;
    /// The things that these commands make, as counted in reports.
    fn things(&self) -> &'static str;
    /// Whether the admin sends it, instead of the buyer.
    fn is_by_admin(&self) -> bool {
        false
    }
    /// The request, without its key.
    fn call<'c>(&self, client: &'c Client) -> Call<'c>;
    /// A row that the answer gives to the sender for later commands: its kind and its id.
    fn made(&self, _answer: &Answer) -> Option<(&'static str, Uuid)> {
        None
    }
}

/// The command, if it has this type.
pub(crate) fn command<C: Command>(command: &dyn Command) -> Option<&C> {
    let any: &dyn Any = command;
    any.downcast_ref()
}

/// The checks of a context on the rows of one state.
pub(crate) trait Checks {
    /// Checks that each row is complete, agrees with the others and with the events, and has exactly one key that caused
    /// it.
    fn rows(&self, findings: &mut Findings);
    /// Whether the stored answer to the command agrees with the rows.
    fn is_true(&self, command: &dyn Command, stored: &Value) -> bool;
    /// Whether the answer that the client got agrees with the stored one and with the rows.
    fn is_answered(&self, command: &dyn Command, body: &Value, stored: &Value) -> bool;
    /// Checks that the API shows the same.
    fn over_http(&self, get: &dyn Fn(String) -> Answer, rng: &mut StdRng, findings: &mut Findings);
    /// Whether everything has happened that follows the commands some time later.
    fn is_settled(&self) -> bool {
        true
    }
    /// The kinds of work that have begun and not ended, as counts of reports name a kill that leaves such work.
    fn unfinished(&self) -> Vec<&'static str> {
        vec![]
    }
    /// Whether nothing is left that a sweep removes, after it was aged.
    fn is_swept(&self) -> bool {
        true
    }
    /// How much has happened that follows the commands, for reports.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![]
    }
}
