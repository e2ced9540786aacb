//! What a request has taken from the limits, and what they said.

use super::{
    context::Operation,
    in_flight::Turn,
    limits::{Bucket, OperationLimit},
    refusal::seconds,
};
use http::{HeaderName, HeaderValue};
use poem::Response;
use skep_application::kernel::{Limit, Verdict};
use skep_domain::shared::Network;
use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use uuid::Uuid;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The capacity with which a header value is allocated. Two verdicts fit, as most requests over IPv4 have.
const HEADER: usize = 64;

/// The name of a limit, the limit, and its last verdict on a request.
type Said = (&'static str, Limit, Verdict);

/// What a request takes from the limits. Clones share what has happened to it.
#[derive(Clone)]
pub(super) struct Meter {
    /// The network of the client.
    pub(super) network: Network,
    /// The units that each limit gives before the body is read.
    pub(super) cost: u32,
    /// The units that the whole request takes at most, as far as its head says.
    pub(super) whole: u32,
    /// Whether the operation takes a password or another secret.
    pub(super) takes_credentials: bool,
    /// Whether the operation reads a body.
    pub(super) has_body: bool,
    /// The operation; `None` for an unknown path or method.
    pub(super) operation: Option<&'static Operation>,
    /// The limit of the operation, if it has one.
    pub(super) limit: Option<OperationLimit>,
    /// Whether the client is in an exempt network.
    pub(super) is_exempt: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    said: Mutex<Vec<Said>>,
    /// The buckets of the operation from which the request has taken a unit.
    of_operation: Mutex<Vec<Bucket>>,
    /// The user who sends the body.
    user: OnceLock<Uuid>,
    /// The turn that the request has got after its body was read.
    turn: OnceLock<Turn>,
}

impl Meter {
    /// A request that takes these units and has no body.
    pub(super) fn new(network: Network, cost: u32, takes_credentials: bool) -> Self {
        Self {
            network,
            cost,
            whole: cost,
            takes_credentials,
            has_body: false,
            operation: None,
            limit: None,
            is_exempt: false,
            shared: Arc::default(),
        }
    }

    /// The operation and its limit, if it has one.
    pub(super) fn limited(&self) -> Option<(&'static Operation, OperationLimit)> {
        self.operation.zip(self.limit)
    }

    /// Notes that the request has taken a unit from this bucket of its operation.
    pub(super) fn take_of_operation(&self, bucket: Bucket) {
        self.shared.of_operation.lock().unwrap_or_else(PoisonError::into_inner).push(bucket);
    }

    /// The buckets of the operation that have a unit to get back. Returns each only once.
    pub(super) fn taken_of_operation(&self) -> Vec<Bucket> {
        std::mem::take(&mut *self.shared.of_operation.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The user who sends the body, once the caller is known.
    pub(super) fn user(&self) -> Option<Uuid> {
        self.shared.user.get().copied()
    }

    /// Notes who sends the body.
    pub(super) fn sent_by(&self, user: Uuid) {
        let _ = self.shared.user.set(user);
    }

    /// Keeps the turn until the request is answered.
    pub(super) fn keep(&self, turn: Turn) {
        let _ = self.shared.turn.set(turn);
    }

    /// Keeps the verdict for the headers of the answer, in place of an earlier one of the same limit.
    pub(super) fn note(&self, name: &'static str, limit: Limit, verdict: Verdict) {
        if let Ok(mut said) = self.shared.said.lock() {
            said.retain(|(known, ..)| *known != name);
            said.push((name, limit, verdict));
        }
    }

    /// Adds units to the last verdict of a limit that has got them back.
    pub(super) fn given_back(&self, name: &str, units: u32) {
        if let Ok(mut said) = self.shared.said.lock()
            && let Some((_, limit, verdict)) = said.iter_mut().find(|(known, ..)| *known == name)
        {
            *verdict = limit.after_return(*verdict, units);
        }
    }

    /// Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn write(&self, response: &mut Response) {
        let Ok(said) = self.shared.said.lock() else { return };
        let (mut policy, mut limit) = (String::with_capacity(HEADER), String::with_capacity(HEADER));
        for (name, rule, verdict) in said.iter() {
            let separator = if policy.is_empty() { "" } else { ", " };
            let _ = write!(policy, "{separator}\"{name}\";q={};w={}", rule.burst, rule.period.as_secs());
            let _ = write!(limit, "{separator}\"{name}\";r={};t={}", verdict.remaining, seconds(verdict.reset_after));
        }
        if policy.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        for (name, text) in [(POLICY, policy), (LIMIT, limit)] {
            if let Ok(value) = HeaderValue::from_maybe_shared(text) {
                headers.insert(name, value);
            }
        }
    }
}
