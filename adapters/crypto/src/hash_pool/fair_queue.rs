//! A queue in which networks take turns.

use skep_application::identity::HashCaller;
use skep_domain::shared::Network;
use std::collections::{HashMap, VecDeque};

/// How many may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// The places of all callers.
    pub(super) all: usize,
    /// The places that callers from unknown networks may use. The rest is kept for known ones.
    pub(super) open: usize,
}

struct Waiting<T> {
    number: u64,
    caller: HashCaller,
    ticket: T,
}

/// The callers that wait, in the order of their arrival.
///
/// The next one is from the widest network that had its last turn longest ago, then from the narrower one in it, and so
/// on. So a caller waits for at most one turn of each other network, however many callers from there wait. If the queue
/// is full, a newcomer takes the place of the last caller of the network that has the most, unless its own network
/// would then have as many.
pub(super) struct FairQueue<T> {
    waiting: VecDeque<Waiting<T>>,
    /// The last turn of each network with a waiting caller. A network that joins starts with the current turn.
    turns: HashMap<Network, u64>,
    turn: u64,
    next_number: u64,
}

impl<T> FairQueue<T> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), turns: HashMap::new(), turn: 0, next_number: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a caller, and returns the number of its ticket. `None` if there is no place.
    pub(super) fn push(&mut self, caller: HashCaller, ticket: T, places: Places) -> Option<u64> {
        let is_full = self.len() >= places.all
            || (!caller.is_known && self.waiting.iter().filter(|other| !other.caller.is_known).count() >= places.open);
        if is_full {
            let crowded = self.most_crowded(caller)?;
            self.take(crowded);
        }
        for level in caller.network.levels() {
            self.turns.entry(level).or_insert(self.turn);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.waiting.push_back(Waiting { number, caller, ticket });
        Some(number)
    }

    /// The position of the last caller of the network that has the most, if that network has at least two more than
    /// the newcomer's. Callers from unknown networks do not displace those from known ones.
    fn most_crowded(&self, newcomer: HashCaller) -> Option<usize> {
        let mut crowds: HashMap<Network, (usize, usize)> = HashMap::new();
        for (position, other) in self.waiting.iter().enumerate() {
            if newcomer.is_known || !other.caller.is_known {
                let (count, last) = crowds.entry(other.caller.network.widest()).or_default();
                *count += 1;
                *last = position;
            }
        }
        let own = crowds.get(&newcomer.network.widest()).map_or(0, |(count, _)| *count);
        let (count, last) = crowds.into_values().max()?;
        (count >= own + 2).then_some(last)
    }

    /// Removes the caller whose turn it is, and returns its ticket.
    pub(super) fn pop(&mut self) -> Option<T> {
        let turn_of = |network: Network| self.turns.get(&network).copied().unwrap_or_default();
        let key = |network: Network| {
            // An IPv4 address has one level, which counts for all.
            let mut turns = [turn_of(network.widest()); Network::LEVELS];
            for (turn, level) in turns.iter_mut().rev().zip(network.levels()) {
                *turn = turn_of(level);
            }
            turns
        };
        let waiting = self.waiting.iter().enumerate();
        let (position, _) = waiting.min_by_key(|(position, other)| (key(other.caller.network), *position))?;
        self.turn += 1;
        let network = self.waiting[position].caller.network;
        for level in network.levels() {
            self.turns.insert(level, self.turn);
        }
        self.take(position)
    }

    /// Removes the caller with this ticket. Returns whether it still waited.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let position = self.waiting.iter().position(|other| other.number == number);
        position.is_some_and(|position| self.take(position).is_some())
    }

    fn take(&mut self, position: usize) -> Option<T> {
        let Waiting { caller, ticket, .. } = self.waiting.remove(position)?;
        for level in caller.network.levels() {
            // Turns are forgotten with the last caller of a network, so that the map does not grow.
            let is_used = |other: &Waiting<T>| other.caller.network.levels().any(|other| other == level);
            if !self.waiting.iter().any(is_used) {
                self.turns.remove(&level);
            }
        }
        Some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const MANY: Places = Places { all: 1_000, open: 1_000 };

    fn caller(address: &str) -> HashCaller {
        HashCaller { network: Network::of(address.parse().unwrap()), is_known: false }
    }

    fn known(address: &str) -> HashCaller {
        HashCaller { is_known: true, ..caller(address) }
    }

    /// Serves all that wait, and returns them in the order of their turns.
    fn served(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn networks_take_turns_and_each_one_is_served_in_the_order_of_arrival() {
        let mut queue = FairQueue::new();
        for (address, ticket) in [
            ("192.0.2.1", "a1"),
            ("192.0.2.1", "a2"),
            ("192.0.2.1", "a3"),
            ("192.0.2.2", "b1"),
            ("2001:db8::1", "c1"),
            ("192.0.2.2", "b2"),
        ] {
            queue.push(caller(address), ticket, MANY).unwrap();
        }
        assert_eq!(served(&mut queue), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert!(queue.turns.is_empty(), "no turn of a network without callers is kept");
    }

    #[test]
    fn a_network_that_joins_late_waits_for_one_turn_of_each_other() {
        let mut queue = FairQueue::new();
        for _ in 0..5 {
            queue.push(caller("192.0.2.1"), "crowd", MANY).unwrap();
        }
        assert_eq!([queue.pop(), queue.pop()], [Some("crowd"); 2]);
        queue.push(caller("192.0.2.2"), "late", MANY).unwrap();
        assert_eq!(served(&mut queue), ["crowd", "late", "crowd", "crowd"]);
    }

    #[test]
    fn all_networks_of_48_bits_are_equal_and_so_are_the_networks_in_them() {
        let mut queue = FairQueue::new();
        for (address, ticket) in [
            ("2001:db8:1:100::1", "1.1"),
            ("2001:db8:1:101::1", "1.2"),
            ("2001:db8:1:200::1", "1.3"),
            ("2001:db8:1:102::1", "1.4"),
            ("2001:db8:2::1", "2.1"),
            ("192.0.2.1", "3.1"),
        ] {
            queue.push(caller(address), ticket, MANY).unwrap();
        }
        // 1.3 is the first of its network of 56 bits.
        assert_eq!(served(&mut queue), ["1.1", "2.1", "3.1", "1.3", "1.2", "1.4"]);
    }

    #[test]
    fn in_a_full_queue_the_most_crowded_network_gives_way() {
        let places = Places { all: 4, open: 4 };
        let mut queue = FairQueue::new();
        for ticket in ["a1", "a2", "a3"] {
            queue.push(caller("2001:db8:1::1"), ticket, places).unwrap();
        }
        queue.push(caller("192.0.2.2"), "b1", places).unwrap();
        assert!(queue.push(caller("2001:db8:1:9::1"), "a4", places).is_none(), "the crowd itself gets no place");
        assert!(queue.push(caller("192.0.2.3"), "c1", places).is_some());
        assert!(queue.push(caller("192.0.2.4"), "d1", places).is_some());
        assert!(queue.push(caller("192.0.2.5"), "e1", places).is_none(), "no network has two more");
        assert_eq!(served(&mut queue), ["a1", "b1", "c1", "d1"]);
    }

    #[test]
    fn places_are_kept_for_callers_from_known_networks() {
        let places = Places { all: 4, open: 3 };
        let mut queue = FairQueue::new();
        for host in 1..=3 {
            assert!(queue.push(caller(&format!("198.51.100.{host}")), "stranger", places).is_some());
        }
        assert!(queue.push(caller("198.51.100.4"), "stranger", places).is_none());
        assert!(queue.push(known("192.0.2.1"), "owner", places).is_some());
        assert!(queue.push(known("192.0.2.2"), "owner", places).is_none());
        assert_eq!(served(&mut queue), ["stranger", "stranger", "stranger", "owner"]);
    }

    #[test]
    fn callers_from_unknown_networks_do_not_displace_those_from_known_ones() {
        let places = Places { all: 3, open: 3 };
        let mut queue = FairQueue::new();
        for _ in 0..3 {
            queue.push(known("192.0.2.1"), "owner", places).unwrap();
        }
        assert!(queue.push(caller("198.51.100.4"), "stranger", places).is_none());
        assert!(queue.push(known("192.0.2.2"), "other", places).is_some());
    }

    #[test]
    fn a_caller_that_leaves_is_not_served() {
        let mut queue = FairQueue::new();
        let first = queue.push(caller("192.0.2.1"), "a1", MANY).unwrap();
        queue.push(caller("192.0.2.1"), "a2", MANY).unwrap();
        assert!(queue.remove(first));
        assert!(!queue.remove(first));
        assert_eq!(served(&mut queue), ["a2"]);
        assert!(queue.is_empty() && queue.turns.is_empty());
    }

    proptest! {
        #[test]
        fn no_network_waits_for_two_turns_of_another(
            arrivals in proptest::collection::vec(0_u8..6, 1..60), early in 0_usize..20
        ) {
            let mut queue = FairQueue::new();
            let mut turns = Vec::new();
            for (position, host) in arrivals.iter().enumerate() {
                queue.push(caller(&format!("192.0.2.{host}")), *host, MANY).unwrap();
                if position < early {
                    turns.extend(queue.pop());
                }
            }
            // From here on no one joins.
            let rest: Vec<u8> = std::iter::from_fn(|| queue.pop()).collect();
            prop_assert_eq!(turns.len() + rest.len(), arrivals.len());
            let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
            rest.iter().for_each(|host| *counts.entry(*host).or_default() += 1);
            let mut since: BTreeMap<u8, BTreeMap<u8, u32>> = BTreeMap::new();
            for host in &rest {
                since.remove(host);
                *counts.get_mut(host).unwrap() -= 1;
                for (other, left) in &counts {
                    if *left > 0 && other != host {
                        let seen = since.entry(*other).or_default().entry(*host).or_default();
                        *seen += 1;
                        prop_assert!(*seen <= 1, "{other} waits for two turns of {host}: {rest:?}");
                    }
                }
            }
            prop_assert!(queue.turns.is_empty());
        }

        #[test]
        fn a_queue_never_has_more_than_its_places(
            arrivals in proptest::collection::vec((0_u8..9, any::<bool>()), 1..80), all in 1_usize..12
        ) {
            let places = Places { all, open: all - all / 4 };
            let mut queue = FairQueue::new();
            for (host, is_known) in arrivals {
                queue.push(HashCaller { is_known, ..caller(&format!("192.0.2.{host}")) }, host, places);
                let strangers = queue.waiting.iter().filter(|other| !other.caller.is_known).count();
                prop_assert!(queue.len() <= places.all && strangers <= places.open.max(1));
            }
        }
    }
}
