//! The requests that are worked on at the same time. One network can use only a part of the store and of the places for
//! lists, however many requests it sends.
//!
//! A request needs a place while the server works on it: not while its body arrives, not while it waits for anything
//! that its own user or network holds, and not while its answer is sent. A network that has all its places waits behind
//! its own requests only. If all places are taken, networks get the next ones in turn. Reads, lists and changes have
//! places of their own, so that changes that wait for locks do not stop reads, and neither do lists, which need the
//! processors for much longer.

use metrics::{Counter, Gauge};
use skep_domain::shared::Network;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};
use tokio::{sync::oneshot, time::timeout_at};

/// How many requests of a network may wait, for each one that may be worked on.
const WAITING: usize = 32;

/// The requests that are worked on at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkLimits {
    /// Those of one network: an IPv4 address, or an IPv6 network of 48 bits. Up to 32 times as many wait. Default: 64.
    ///
    /// Of the places for lists, a network has the same part as of those for reads, rounded up.
    pub per_network: usize,
    /// All those that read one resource. Default: 128.
    pub reads: usize,
    /// All those that read a page of a list. More than the processors can work on only need memory. Default: four for
    /// each processor.
    pub lists: usize,
    /// All others. Default: 128.
    pub changes: usize,
}

impl Default for WorkLimits {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { per_network: 64, reads: 128, lists: 4 * processors, changes: 128 }
    }
}

impl WorkLimits {
    /// Those of one network that read a page of a list.
    fn lists_per_network(&self) -> usize {
        let part = self.lists.saturating_mul(self.per_network).div_ceil(self.reads.max(1));
        part.clamp(1, self.lists.max(1))
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    List,
    Change,
}

impl Kind {
    const ALL: [Self; KINDS] = [Self::Read, Self::List, Self::Change];
}

const KINDS: usize = 3;

/// The places of all requests.
pub(crate) struct Work {
    limits: WorkLimits,
    state: Mutex<State>,
    in_work: Gauge,
    waiting: Gauge,
    refused: Counter,
}

#[derive(Default)]
struct State {
    kinds: [OfKind; KINDS],
    /// Networks without a request have no entry, so there are at most as many as there are requests.
    networks: HashMap<Network, OfNetwork>,
    next_ticket: u64,
}

/// The requests of one kind.
#[derive(Default)]
struct OfKind {
    in_work: usize,
    /// The networks that wait for a place of this kind and may have one more. The first one gets the next place.
    turns: VecDeque<Network>,
}

/// The requests of one network.
#[derive(Default)]
struct OfNetwork {
    in_work: usize,
    /// Those of them that read a page of a list.
    lists: usize,
    /// Those that wait, by kind and in the order of arrival.
    waiting: [VecDeque<Ticket>; KINDS],
    /// Whether the network is in the turns of the kind.
    has_turn: [bool; KINDS],
}

impl OfNetwork {
    /// Whether the network may have one more place of this kind.
    fn may_have_more(&self, limits: &WorkLimits, kind: Kind) -> bool {
        self.in_work < limits.per_network && (kind != Kind::List || self.lists < limits.lists_per_network())
    }

    fn enters(&mut self, kind: Kind) {
        self.in_work += 1;
        self.lists += usize::from(kind == Kind::List);
    }

    fn leaves(&mut self, kind: Kind) {
        self.in_work -= 1;
        self.lists -= usize::from(kind == Kind::List);
    }

    fn waits(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    /// The number of the ticket that is next.
    fn first(&self, kind: Kind) -> u64 {
        self.waiting[kind as usize].front().map_or(u64::MAX, |ticket| ticket.number)
    }
}

struct Ticket {
    number: u64,
    granted: oneshot::Sender<()>,
}

/// The right of a request to be worked on. It ends on drop.
pub(crate) struct Place {
    work: Arc<Work>,
    network: Network,
    kind: Kind,
}

/// A request that waits for its place. Dropping it gives the place back if it was granted meanwhile.
struct Waiting<'a> {
    work: &'a Work,
    network: Network,
    kind: Kind,
    number: u64,
    granted: oneshot::Receiver<()>,
    has_place: bool,
}

enum Entry<'a> {
    Place,
    Wait(Waiting<'a>),
    Full,
}

impl Work {
    /// The places of a server. The recorder of metrics must be installed before.
    pub(crate) fn new(limits: WorkLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            in_work: metrics::gauge!("http_server_requests_in_work"),
            waiting: metrics::gauge!("http_server_requests_waiting"),
            refused: metrics::counter!("http_server_work_refusals_total"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn limit(&self, kind: Kind) -> usize {
        match kind {
            Kind::Read => self.limits.reads,
            Kind::List => self.limits.lists,
            Kind::Change => self.limits.changes,
        }
    }

    /// Waits for a place for a request of this network, at most until the deadline. `None` at the deadline, and at once
    /// if too many requests of the network wait already.
    pub(crate) async fn enter(self: &Arc<Self>, network: Network, kind: Kind, deadline: Instant) -> Option<Place> {
        let has_place = match self.join(network, kind) {
            Entry::Place => true,
            Entry::Full => false,
            Entry::Wait(mut waiting) => {
                self.waiting.increment(1.0);
                waiting.has_place =
                    timeout_at(deadline.into(), &mut waiting.granted).await.is_ok_and(|got| got.is_ok());
                waiting.has_place
            }
        };
        if !has_place {
            self.refused.increment(1);
            return None;
        }
        Some(Place { work: Arc::clone(self), network, kind })
    }

    fn join(&self, network: Network, kind: Kind) -> Entry<'_> {
        let mut state = self.lock();
        let State { kinds, networks, next_ticket } = &mut *state;
        let of_kind = &mut kinds[kind as usize];
        let of_network = networks.entry(network).or_default();
        let may_have_more = of_network.may_have_more(&self.limits, kind);
        if may_have_more && of_kind.in_work < self.limit(kind) && of_network.waiting[kind as usize].is_empty() {
            of_network.enters(kind);
            of_kind.in_work += 1;
            self.in_work.increment(1.0);
            return Entry::Place;
        }
        if of_network.waits() >= self.limits.per_network.saturating_mul(WAITING) {
            return Entry::Full;
        }
        let (granted, receiver) = oneshot::channel();
        let number = *next_ticket;
        *next_ticket += 1;
        of_network.waiting[kind as usize].push_back(Ticket { number, granted });
        if may_have_more && !of_network.has_turn[kind as usize] {
            of_network.has_turn[kind as usize] = true;
            of_kind.turns.push_back(network);
        }
        Entry::Wait(Waiting { work: self, network, kind, number, granted: receiver, has_place: false })
    }

    /// Gives a place back, and grants what that makes possible.
    fn leave(&self, network: Network, kind: Kind) {
        let mut state = self.lock();
        self.in_work.decrement(1.0);
        state.kinds[kind as usize].in_work -= 1;
        let State { kinds, networks, .. } = &mut *state;
        let mut order = Kind::ALL;
        if let Some(of_network) = networks.get_mut(&network) {
            of_network.leaves(kind);
            for waiting in Kind::ALL {
                let at = waiting as usize;
                if !of_network.waiting[at].is_empty() && !of_network.has_turn[at] {
                    of_network.has_turn[at] = true;
                    kinds[at].turns.push_back(network);
                }
            }
            // The place of a network goes to its request that came first, whatever that one does.
            order.sort_unstable_by_key(|kind| of_network.first(*kind));
        }
        order.into_iter().for_each(|kind| self.grant(&mut state, kind));
        state.forget(network);
    }

    /// Grants places of this kind to the networks whose turn it is.
    fn grant(&self, state: &mut State, kind: Kind) {
        let at = kind as usize;
        let State { kinds, networks, .. } = state;
        while kinds[at].in_work < self.limit(kind) {
            let Some(network) = kinds[at].turns.pop_front() else { return };
            let Some(of_network) = networks.get_mut(&network) else { continue };
            of_network.has_turn[at] = false;
            // A network that has all its places gets its turn back when it gives one back.
            if !of_network.may_have_more(&self.limits, kind) {
                continue;
            }
            let Some(ticket) = of_network.waiting[at].pop_front() else { continue };
            // A request that stops waiting removes its ticket under the same lock, or gives its place back.
            let _ = ticket.granted.send(());
            of_network.enters(kind);
            kinds[at].in_work += 1;
            self.in_work.increment(1.0);
            if !of_network.waiting[at].is_empty() && of_network.may_have_more(&self.limits, kind) {
                of_network.has_turn[at] = true;
                kinds[at].turns.push_back(network);
            }
        }
    }

    #[cfg(test)]
    fn networks(&self) -> usize {
        self.lock().networks.len()
    }
}

impl State {
    /// Removes the entry of a network without requests.
    fn forget(&mut self, network: Network) {
        if self.networks.get(&network).is_none_or(|of_network| of_network.in_work > 0 || of_network.waits() > 0) {
            return;
        }
        let Some(forgotten) = self.networks.remove(&network) else { return };
        for (of_kind, has_turn) in self.kinds.iter_mut().zip(forgotten.has_turn) {
            if has_turn {
                of_kind.turns.retain(|other| *other != network);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.work.leave(self.network, self.kind);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.work.waiting.decrement(1.0);
        if self.has_place {
            return;
        }
        let mut state = self.work.lock();
        let removed = state.networks.get_mut(&self.network).and_then(|of_network| {
            let waiting = &mut of_network.waiting[self.kind as usize];
            let at = waiting.binary_search_by_key(&self.number, |ticket| ticket.number).ok()?;
            waiting.remove(at)
        });
        state.forget(self.network);
        drop(state);
        if removed.is_none() {
            self.work.leave(self.network, self.kind);
        }
    }
}

#[cfg(test)]
mod tests;
