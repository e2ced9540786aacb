//! All use cases of Skep over one set of ports: what a transport or an embedding program holds.

use crate::{
    Store,
    catalog::Catalog,
    identity::{AccessTokens, Identity, OneTimeSecrets, PasswordHasher, SessionPolicy, SweepSessions},
    kernel::{Fingerprints, RateLimits, Runtime, Sweep},
    operations::{SweepExpired, SweepIdempotencyKeys},
    ordering::Ordering,
};
use skep_domain::{identity::PasswordPolicy, shared::Money};
use std::sync::Arc;

/// What the use cases are built on.
#[derive(Clone)]
pub struct Ports {
    /// The store of every context.
    pub store: Arc<dyn Store>,
    /// Time, identifiers, randomness.
    pub runtime: Runtime,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub tokens: Arc<dyn AccessTokens>,
    /// Fingerprints commands.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// Makes one-time tokens.
    pub secrets: Arc<dyn OneTimeSecrets>,
    /// Counts attempts.
    pub limits: Arc<dyn RateLimits>,
}

/// The rules that a deployment may choose.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// What passwords must be like.
    pub passwords: PasswordPolicy,
    /// How long log-ins last.
    pub sessions: SessionPolicy,
    /// The smallest order, per currency.
    pub minimum_orders: Vec<Money>,
}

/// Everything Skep does.
pub struct App {
    /// The use cases of identity.
    pub identity: Identity,
    /// The use cases of the catalog.
    pub catalog: Catalog,
    /// The use cases of ordering.
    pub ordering: Ordering,
    /// Forgets what has expired.
    pub sweep_expired: SweepExpired,
    /// What it is all built on.
    pub ports: Ports,
}

impl App {
    /// Builds every use case.
    #[must_use]
    pub fn new(ports: Ports, policies: Policies) -> Self {
        let sweeps: Vec<Arc<dyn Sweep>> = vec![
            Arc::new(SweepIdempotencyKeys::new(ports.store.clone())),
            Arc::new(SweepSessions::new(ports.store.clone())),
        ];
        Self {
            identity: Identity::new(&ports, &policies),
            catalog: Catalog::new(&ports),
            ordering: Ordering::new(&ports, policies.minimum_orders),
            sweep_expired: SweepExpired::new(sweeps, ports.runtime.clone()),
            ports,
        }
    }
}
