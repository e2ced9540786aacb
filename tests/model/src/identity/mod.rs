//! Accounts, passwords and sessions.

mod commands;
mod model;
mod steps;

use crate::{
    call::Fresh,
    context::{Context, Share},
    item::Item,
    model::Model,
    state::{EndState, rows},
    step::{Caller, Step, Target, key, mostly, shopper, steps, which},
};
use async_trait::async_trait;
use proptest::prelude::*;
use skep_application::{
    Store,
    identity::UserView,
    kernel::{Scope, StoreError},
};
use skep_domain::shared::{SessionId, Timestamp, UserId};
use std::{collections::BTreeMap, sync::Arc};
use steps::{EMAILS, NAMES, PASSWORDS};

pub use commands::{Answer, Command, LoggedIn};
pub use steps::Operation;

/// All accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The accounts by id.
    pub users: BTreeMap<UserId, UserView>,
}

/// Passwords, sessions and known networks, which no port shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hidden {
    passwords: BTreeMap<UserId, String>,
    sessions: BTreeMap<SessionId, (UserId, Timestamp)>,
    /// When the links to verify addresses expire.
    links: BTreeMap<UserId, Timestamp>,
    /// When an account has last recorded the network of a login. All callers have the same network.
    known_networks: BTreeMap<UserId, Timestamp>,
}

/// The access tokens that a caller has got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    tokens: Vec<String>,
}

/// The context of accounts and sessions.
pub(crate) struct Identity;

#[async_trait]
impl Context for Identity {
    fn stored(&self) -> Arc<dyn Item> {
        Arc::new(Stored::default())
    }

    fn hidden(&self) -> Arc<dyn Item> {
        Arc::new(Hidden::default())
    }

    fn seen(&self) -> Arc<dyn Item> {
        Arc::new(Seen::default())
    }

    /// Some programs start with an account that is logged in.
    fn beginning(&self) -> BoxedStrategy<Vec<Step>> {
        let known = [Operation::Register(0, 0, 0), Operation::LogIn(0, 0), Operation::Authenticate(Target::Nth(0))];
        let known = known.map(|operation| Step::new(Caller::Visitor, operation)).to_vec();
        prop_oneof![Just(vec![]), Just(known)].boxed()
    }

    fn steps(&self) -> Vec<Share> {
        // Mostly the first password, so that a login often uses the registered one.
        let (emails, passwords) = (|| mostly(EMAILS.len(), 3), || mostly(PASSWORDS.len(), 1));
        let operation = prop_oneof![
            2 => (emails(), passwords(), mostly(NAMES.len(), 7)).prop_map(|(e, p, n)| Operation::Register(e, p, n)),
            3 => (emails(), passwords()).prop_map(|(e, p)| Operation::LogIn(e, p)),
            3 => which().prop_map(Operation::Authenticate),
            2 => Just(Operation::GetProfile),
        ];
        vec![(20, steps(shopper(), operation, key()))]
    }

    fn expected(&self) -> &'static [&'static str] {
        &[
            "Register User",
            "Register email_taken",
            "LogIn LoggedIn",
            "LogIn invalid_credentials",
            "Authenticate Principal",
            "Authenticate invalid_token",
            "GetProfile User",
            "GetProfile not_found",
        ]
    }

    async fn read(&self, store: &dyn Store, state: &mut EndState) -> Result<(), StoreError> {
        for id in state.changed("identity.user_registered").into_iter().map(UserId::new) {
            let user = store.find_user(Scope::All, id).await?;
            state.get_mut::<Stored>().users.extend(user.map(|user| (id, user)));
        }
        Ok(())
    }

    fn rows(&self, state: &EndState) -> Vec<String> {
        rows("account", state.get::<Stored>().users.values())
    }

    fn generated(&self, known: &EndState, end: &EndState) -> Vec<Fresh> {
        let known = &known.get::<Stored>().users;
        let new = end.get::<Stored>().users.keys().filter(|id| !known.contains_key(id));
        new.map(|id| Fresh::id(id.uuid())).collect()
    }

    fn sweep(&self, model: &mut Model, at: Timestamp) -> Vec<(&'static str, u64)> {
        vec![
            ("sessions", model.sweep_sessions(at)),
            ("lists of known networks", model.sweep_known_networks(at)),
            ("account links", model.sweep_links(at)),
        ]
    }
}
