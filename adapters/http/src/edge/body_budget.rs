//! The budget of received body bytes. All requests of the process share it, so that many bodies at the same time cannot
//! use up the memory.

use super::body_guard::BodyFault;
use metrics::{Counter, Gauge};
use skep_domain::shared::Network;
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes are taken in steps of this size, so that most bodies take them once.
const STEP: u64 = 4 << 10;

/// A network that holds at most this much may take what is kept for such networks: 64 logins at once.
const LITTLE: u64 = 256 << 10;

/// The part of the budget that one network may hold, and the part of that which one user may hold: a quarter.
const SHARES: u64 = 4;

/// The bytes of request bodies that unanswered requests hold.
pub(crate) struct BodyBudget {
    most: u64,
    /// The most that one user may hold.
    most_of_user: u64,
    taken: Mutex<Ledger>,
    /// The bytes that are taken, as a metric.
    gauge: Gauge,
    refusals: [(BodyFault, Counter); BodyFault::ALL.len()],
}

#[derive(Default)]
struct Ledger {
    total: u64,
    /// Networks that hold nothing have no entry, so there are at most as many as there are requests.
    by_network: HashMap<Network, u64>,
    /// The same for the users that are known.
    by_user: HashMap<u128, u64>,
}

impl BodyBudget {
    /// A budget of this many bytes, in which a user may have at least one body of the largest size. The recorder of
    /// metrics must be installed before.
    pub(crate) fn new(most: u64, largest: u64) -> Self {
        let refusal = |fault: BodyFault| {
            (fault, metrics::counter!("http_server_request_bodies_refused_total", "reason" => fault.reason()))
        };
        Self {
            most,
            most_of_user: (most / SHARES / SHARES).max(largest),
            taken: Mutex::default(),
            gauge: metrics::gauge!("http_server_received_body_bytes"),
            refusals: BodyFault::ALL.map(refusal),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, network: Network, user: Option<u128>, bytes: u64) -> Result<(), BodyFault> {
        let mut taken = self.lock();
        let of_network = taken.by_network.get(&network).copied().unwrap_or_default() + bytes;
        // A quarter is kept for networks that hold little, so that the others cannot stop every login.
        let most = if of_network <= LITTLE { self.most } else { self.most - self.most / SHARES };
        if taken.total + bytes > most {
            return Err(BodyFault::NoRoom);
        }
        if of_network > self.most / SHARES {
            return Err(BodyFault::NoShare);
        }
        if let Some(user) = user {
            let of_user = taken.by_user.get(&user).copied().unwrap_or_default() + bytes;
            if of_user > self.most_of_user {
                return Err(BodyFault::NoShareOfUser);
            }
            taken.by_user.insert(user, of_user);
        }
        taken.by_network.insert(network, of_network);
        taken.total += bytes;
        self.gauge.set(as_gauge(taken.total));
        Ok(())
    }

    fn give_back(&self, network: Network, user: Option<u128>, bytes: u64) {
        let mut taken = self.lock();
        taken.total -= bytes;
        give_back(&mut taken.by_network, network, bytes);
        if let Some(user) = user {
            give_back(&mut taken.by_user, user, bytes);
        }
        self.gauge.set(as_gauge(taken.total));
    }

    /// Counts a body that was refused.
    pub(crate) fn count(&self, fault: BodyFault) {
        if let Some((_, counter)) = self.refusals.iter().find(|(known, _)| *known == fault) {
            counter.increment(1);
        }
    }
}

fn give_back<K: Eq + Hash>(held: &mut HashMap<K, u64>, holder: K, bytes: u64) {
    if let Entry::Occupied(mut entry) = held.entry(holder) {
        *entry.get_mut() -= bytes;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a budget is far below 2^53 bytes")]
fn as_gauge(bytes: u64) -> f64 {
    bytes as f64
}

/// The bytes that one request holds. Dropping it gives them back.
pub(crate) struct HeldBody {
    budget: Arc<BodyBudget>,
    /// The widest network of the client, because one customer can have a whole /48.
    network: Network,
    user: OnceLock<u128>,
    bytes: AtomicU64,
}

impl HeldBody {
    /// Holds nothing yet, for a request of this client.
    pub(crate) fn nothing(budget: Arc<BodyBudget>, client: IpAddr) -> Self {
        Self { budget, network: Network::of(client).widest(), user: OnceLock::new(), bytes: AtomicU64::new(0) }
    }

    /// Counts the bytes for this user, too. Does nothing if the request holds bytes already.
    pub(crate) fn of_user(&self, user: u128) {
        if self.bytes.load(Ordering::Relaxed) == 0 {
            let _ = self.user.set(user);
        }
    }

    /// Holds this many bytes in total, or more. Only the guard of the body calls it, so no two calls overlap.
    ///
    /// # Errors
    /// [`BodyFault::NoRoom`], [`BodyFault::NoShare`] or [`BodyFault::NoShareOfUser`]. Nothing has changed then.
    pub(crate) fn grow_to(&self, bytes: u64) -> Result<(), BodyFault> {
        let held = self.bytes.load(Ordering::Relaxed);
        if bytes <= held {
            return Ok(());
        }
        let wanted = bytes.next_multiple_of(STEP);
        self.budget.take(self.network, self.user.get().copied(), wanted - held)?;
        self.bytes.store(wanted, Ordering::Relaxed);
        Ok(())
    }

    /// Counts the body as refused.
    pub(crate) fn count(&self, fault: BodyFault) {
        self.budget.count(fault);
    }
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        if bytes > 0 {
            self.budget.give_back(self.network, self.user.get().copied(), bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(steps: u64) -> Arc<BodyBudget> {
        Arc::new(BodyBudget::new(steps * STEP, 0))
    }

    fn held(budget: &Arc<BodyBudget>, client: &str) -> HeldBody {
        HeldBody::nothing(Arc::clone(budget), client.parse().unwrap())
    }

    #[test]
    fn one_network_gets_a_quarter_and_others_get_the_rest() {
        let budget = budget(8);
        let greedy = [held(&budget, "192.0.2.1"), held(&budget, "192.0.2.1"), held(&budget, "::ffff:192.0.2.1")];
        greedy[0].grow_to(STEP).unwrap();
        greedy[1].grow_to(1).unwrap();
        assert_eq!(greedy[2].grow_to(1), Err(BodyFault::NoShare));
        assert_eq!(greedy[0].grow_to(STEP + 1), Err(BodyFault::NoShare));
        let others: Vec<HeldBody> = (2..5).map(|host| held(&budget, &format!("192.0.2.{host}"))).collect();
        for other in &others {
            other.grow_to(2 * STEP).unwrap();
        }
        assert_eq!(held(&budget, "192.0.2.9").grow_to(1), Err(BodyFault::NoRoom));
    }

    #[test]
    fn the_last_quarter_is_for_networks_that_hold_little() {
        let budget = Arc::new(BodyBudget::new(16 * LITTLE, 0));
        let greedy: Vec<HeldBody> = (1..4).map(|host| held(&budget, &format!("192.0.2.{host}"))).collect();
        for body in &greedy {
            body.grow_to(4 * LITTLE).unwrap();
        }
        let (fourth, login) = (held(&budget, "192.0.2.4"), held(&budget, "192.0.2.5"));
        assert_eq!(fourth.grow_to(LITTLE + 1), Err(BodyFault::NoRoom));
        fourth.grow_to(LITTLE).unwrap();
        login.grow_to(1).unwrap();
    }

    #[test]
    fn an_ipv6_network_of_48_bits_has_one_share() {
        let budget = budget(4);
        let (first, same, other) =
            (held(&budget, "2001:db8:1:2::3"), held(&budget, "2001:db8:1:ff::1"), held(&budget, "2001:db8:2::1"));
        first.grow_to(1).unwrap();
        assert_eq!(same.grow_to(1), Err(BodyFault::NoShare));
        other.grow_to(1).unwrap();
    }

    #[test]
    fn a_request_gives_back_what_it_holds() {
        let budget = budget(4);
        let first = held(&budget, "192.0.2.1");
        first.grow_to(10).unwrap();
        first.grow_to(STEP).unwrap();
        assert_eq!(held(&budget, "192.0.2.1").grow_to(1), Err(BodyFault::NoShare));
        drop(first);
        let taken = budget.lock();
        assert_eq!((taken.total, taken.by_network.len()), (0, 0));
    }

    #[test]
    fn one_user_gets_a_quarter_of_its_network_and_others_there_get_the_rest() {
        let budget = budget(16);
        let of_user = |user| {
            let body = held(&budget, "192.0.2.1");
            body.of_user(user);
            body
        };
        let (first, second, other) = (of_user(1), of_user(1), of_user(2));
        first.grow_to(1).unwrap();
        assert_eq!(second.grow_to(1), Err(BodyFault::NoShareOfUser));
        other.grow_to(1).unwrap();
        drop(first);
        second.grow_to(1).unwrap();
        drop((second, other));
        assert_eq!(budget.lock().by_user.len(), 0, "users that hold nothing are forgotten");
    }

    #[test]
    fn a_user_may_have_one_body_of_the_largest_size() {
        let budget = Arc::new(BodyBudget::new(8 * STEP, 2 * STEP));
        let body = held(&budget, "192.0.2.1");
        body.of_user(1);
        body.grow_to(2 * STEP).unwrap();
    }
}
