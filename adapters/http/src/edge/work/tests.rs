use super::*;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use std::{pin::Pin, time::Duration};

type Entering = Pin<Box<dyn Future<Output = Option<Place>>>>;

fn work(per_network: usize, reads: usize, changes: usize) -> Arc<Work> {
    Arc::new(Work::new(WorkLimits { per_network, reads, lists: 2, changes }))
}

fn network(host: u8) -> Network {
    Network::of([192, 0, 2, host].into())
}

fn later() -> Instant {
    tokio::time::Instant::now().into_std() + Duration::from_secs(60)
}

/// A request that wants a place.
fn enter(work: &Arc<Work>, host: u8, kind: Kind) -> Entering {
    let work = Arc::clone(work);
    Box::pin(async move { work.enter(network(host), kind, later()).await })
}

/// The place of a request that gets one at once.
fn place(work: &Arc<Work>, host: u8, kind: Kind) -> Place {
    enter(work, host, kind).now_or_never().flatten().expect("it does not wait")
}

fn waits(entering: &mut Entering) -> bool {
    entering.as_mut().now_or_never().is_none()
}

#[tokio::test(start_paused = true)]
async fn a_network_above_its_share_waits_behind_its_own_requests_only() {
    let work = work(2, 4, 4);
    let (first, second) = (place(&work, 1, Kind::Read), place(&work, 1, Kind::Change));
    let (mut third, mut fourth) = (enter(&work, 1, Kind::Read), enter(&work, 1, Kind::Read));
    assert!(waits(&mut third) && waits(&mut fourth));
    let other = place(&work, 2, Kind::Read);
    drop(other);
    assert!(waits(&mut third), "the place of another network does not help");
    drop(second);
    let third = third.await.unwrap();
    assert!(waits(&mut fourth));
    drop(first);
    drop((third, fourth.await.unwrap()));
    assert_eq!(work.networks(), 0, "networks without requests are forgotten");
}

#[tokio::test(start_paused = true)]
async fn networks_get_the_last_places_in_turn() {
    let work = work(2, 2, 2);
    let held = [place(&work, 1, Kind::Read), place(&work, 2, Kind::Read)];
    let mut greedy: Vec<_> = (0..3).map(|_| enter(&work, 1, Kind::Read)).collect();
    assert!(greedy.iter_mut().all(waits));
    let mut modest = enter(&work, 3, Kind::Read);
    assert!(waits(&mut modest));
    let [first, second] = held;
    drop(first);
    let granted = greedy[0].as_mut().await.unwrap();
    assert!(waits(&mut modest) && waits(&mut greedy[1]));
    drop(second);
    drop(modest.await.unwrap());
    drop((granted, greedy));
    assert_eq!(work.networks(), 0);
}

#[tokio::test(start_paused = true)]
async fn changes_that_take_long_do_not_stop_reads() {
    let work = work(3, 2, 2);
    let changes = [place(&work, 1, Kind::Change), place(&work, 2, Kind::Change)];
    let mut waiting = enter(&work, 1, Kind::Change);
    assert!(waits(&mut waiting));
    drop(place(&work, 1, Kind::Read));
    drop(place(&work, 3, Kind::Read));
    assert!(waits(&mut waiting), "it waits for a change to end");
    drop(changes);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lists_do_not_stop_reads() {
    let work = work(3, 9, 9);
    let _lists = [place(&work, 1, Kind::List), place(&work, 2, Kind::List)];
    assert!(waits(&mut enter(&work, 3, Kind::List)));
    drop(place(&work, 3, Kind::Read));
}

#[tokio::test(start_paused = true)]
async fn a_network_has_the_same_part_of_the_lists_as_of_the_reads() {
    let work = Arc::new(Work::new(WorkLimits { per_network: 4, reads: 8, lists: 4, changes: 8 }));
    let mut held = vec![place(&work, 1, Kind::List), place(&work, 1, Kind::List)];
    let mut third = enter(&work, 1, Kind::List);
    assert!(waits(&mut third), "two places are free, and not for this network");
    let read = place(&work, 1, Kind::Read);
    let _others = [place(&work, 2, Kind::List), place(&work, 2, Kind::List)];
    drop(read);
    assert!(waits(&mut third), "a place of another kind does not help");
    held.pop();
    drop(third.await.unwrap());
    drop(held);
}

#[test]
fn the_part_of_the_lists_is_at_least_one_and_at_most_all() {
    let part = |per_network, lists| {
        let limits = WorkLimits { per_network, reads: 128, lists, changes: 128 };
        limits.lists_per_network()
    };
    assert_eq!([part(64, 8), part(64, 3), part(64, 1), part(1, 8), part(1_000, 8)], [4, 2, 1, 1, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_place_of_a_network_goes_to_its_request_that_came_first() {
    let work = work(1, 9, 9);
    let first = place(&work, 1, Kind::Read);
    let (mut change, mut read) = (enter(&work, 1, Kind::Change), enter(&work, 1, Kind::Read));
    assert!(waits(&mut change) && waits(&mut read));
    drop(first);
    let change = change.await.unwrap();
    assert!(waits(&mut read));
    drop(change);
    read.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiting_requests_are_bounded_in_number_and_time() {
    let work = work(1, 9, 9);
    let held = place(&work, 1, Kind::Read);
    let mut waiting: Vec<_> = (0..WAITING).map(|_| enter(&work, 1, Kind::Read)).collect();
    assert!(waiting.iter_mut().all(waits));
    assert!(enter(&work, 1, Kind::Change).await.is_none(), "refused at once");
    drop(place(&work, 2, Kind::Read));
    // A request that is canceled leaves the queue.
    waiting.pop();
    assert!(enter(&work, 1, Kind::Read).await.is_none(), "refused at the deadline");
    drop((waiting, held));
    assert_eq!(work.networks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_granted_to_a_request_that_left_goes_to_the_next() {
    let work = work(1, 9, 9);
    let held = place(&work, 1, Kind::Read);
    let (mut first, mut second) = (enter(&work, 1, Kind::Read), enter(&work, 1, Kind::Read));
    assert!(waits(&mut first) && waits(&mut second));
    drop(held);
    drop(first);
    second.now_or_never().flatten().expect("it has the place");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_waits_and_leaves_again_and_again_keeps_one_turn() {
    let work = work(2, 1, 1);
    let held = place(&work, 1, Kind::Read);
    for _ in 0..100 {
        assert!(waits(&mut enter(&work, 2, Kind::Read)));
    }
    assert_eq!(work.lock().kinds[Kind::Read as usize].turns.len(), 0);
    drop(held);
}

/// Moves the requests that have got their places from the first list to the second one.
fn settle(waiting: &mut Vec<(u8, Entering)>, held: &mut Vec<(u8, Place)>) {
    for (host, mut entering) in std::mem::take(waiting) {
        match entering.as_mut().now_or_never() {
            Some(place) => held.push((host, place.expect("it is not refused"))),
            None => waiting.push((host, entering)),
        }
    }
}

proptest! {
    /// Requests come, leave and end in any order.
    #[test]
    fn no_limit_is_passed_and_no_place_is_lost(
        steps in prop::collection::vec((0_u8..4, 0_usize..3, 0_usize..KINDS), 0..200)
    ) {
        let work = work(2, 3, 2);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (mut waiting, mut held) = (vec![], vec![]);
            for (host, step, kind) in steps {
                let kind = Kind::ALL[kind];
                match step {
                    0 => waiting.push((host, enter(&work, host, kind))),
                    1 if !held.is_empty() => drop(held.remove(usize::from(host) % held.len())),
                    2 if !waiting.is_empty() => drop(waiting.remove(usize::from(host) % waiting.len())),
                    _ => {}
                }
                settle(&mut waiting, &mut held);
                assert!((0..4).all(|host| held.iter().filter(|(other, _)| *other == host).count() <= 2));
                for kind in Kind::ALL {
                    let count = held.iter().filter(|(_, place)| place.kind == kind).count();
                    assert!(count <= work.limit(kind));
                    assert_eq!(work.lock().kinds[kind as usize].in_work, count);
                }
            }
            while !waiting.is_empty() {
                held.clear();
                let before = waiting.len();
                settle(&mut waiting, &mut held);
                assert!(waiting.len() < before, "a place is free and another request waits");
            }
        });
        prop_assert_eq!(work.networks(), 0);
        prop_assert!(work.lock().kinds.iter().all(|kind| kind.in_work == 0));
    }
}
