//! The invariants of reserving and releasing (I1, I3, I5 to I10) on random stock.

use super::*;
use crate::shared::Version;
use proptest::prelude::*;

const NOW: i64 = 1_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}
fn product(n: u128) -> ProductId {
    ProductId::new(Uuid::from_u128(n))
}
fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}
fn counter() -> impl FnMut() -> Uuid {
    let mut last = 1_000;
    move || {
        last += 1;
        Uuid::from_u128(last)
    }
}
fn level(n: u128, on_hand: u32, reserved: u32) -> StockLevel {
    StockLevel { product_id: product(n), on_hand, reserved, updated_at: at(0), version: Version::FIRST }
}
fn reservation(id: u128, product_id: ProductId, quantity: u32, expires_at: Option<i64>) -> Reservation {
    let id = ReservationId::new(Uuid::from_u128(id));
    Reservation::new(id, order(77), product_id, quantity, expires_at.map(at), at(0))
}
fn claim(lines: &[(ProductId, u32)]) -> Claim<'_> {
    Claim { order_id: order(1), lines, expires_at: None }
}

/// Stock of the products 1 to 4 in any order, and reservations of it. The reserved pieces are those of the active ones.
fn stock() -> impl Strategy<Value = (Vec<StockLevel>, Vec<Reservation>)> {
    let state = prop::sample::select(ReservationState::ALL);
    let held = prop::collection::vec((1u128..5, 1u32..6, prop::option::of(NOW - 3..NOW + 4), state), 0..12);
    (Just((1u128..5).collect::<Vec<_>>()).prop_shuffle(), prop::collection::vec(0u32..8, 4), held).prop_map(
        |(products, free, held)| {
            let held: Vec<Reservation> = (100..)
                .zip(held)
                .map(|(id, (n, quantity, end, state))| Reservation {
                    state,
                    ..reservation(id, product(n), quantity, end)
                })
                .collect();
            let reserved = |n: u128| {
                let active = |r: &&Reservation| r.product_id == product(n) && r.state == ReservationState::Active;
                held.iter().filter(active).map(|r| r.quantity).sum::<u32>()
            };
            let levels = products.iter().zip(free).map(|(n, free)| level(*n, reserved(*n) + free, reserved(*n)));
            (levels.collect(), held)
        },
    )
}

fn lines() -> impl Strategy<Value = Vec<(ProductId, u32)>> {
    // The product 5 has no stock level.
    let line = (prop_oneof![9 => 1u128..5, 1 => Just(5u128)], 1u32..6).prop_map(|(n, quantity)| (product(n), quantity));
    prop::collection::vec(line, 1..5)
}

/// I5: the movements of each product add up to the change of its level. I1, I10: levels are valid and in order.
fn assert_adds_up(before: &[StockLevel], changes: &StockChanges) -> Result<(), TestCaseError> {
    let sum = |id: ProductId, delta: fn(&StockMovement) -> i64| -> i64 {
        changes.movements.iter().filter(|movement| movement.product_id == id).map(delta).sum()
    };
    for old in before {
        let new = changes.levels.iter().find(|level| level.product_id == old.product_id).unwrap_or(old);
        prop_assert_eq!(i64::from(new.on_hand) - i64::from(old.on_hand), sum(old.product_id, |m| m.on_hand_delta));
        prop_assert_eq!(i64::from(new.reserved) - i64::from(old.reserved), sum(old.product_id, |m| m.reserved_delta));
        prop_assert!(new.reserved <= new.on_hand);
        prop_assert_eq!(new.version, old.version, "the store counts versions");
    }
    prop_assert!(changes.levels.is_sorted_by(|a, b| a.product_id < b.product_id));
    let moved: BTreeSet<_> = changes.movements.iter().map(|movement| movement.product_id).collect();
    prop_assert_eq!(moved, changes.levels.iter().map(|level| level.product_id).collect());
    let mut ids: Vec<Uuid> = changes.movements.iter().map(|movement| movement.id.uuid()).collect();
    ids.extend(changes.reservations.iter().map(|reservation| reservation.id.uuid()));
    prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "no id is used twice");
    Ok(())
}

proptest! {
    #[test]
    fn an_order_gets_all_its_pieces_or_none((levels, held) in stock(), lines in lines()) {
        let given_up: Vec<Reservation> =
            held.iter().filter(|r| r.state == ReservationState::Active && !r.holds(at(NOW))).copied().collect();
        let mut after_expiry = levels.clone();
        for level in &mut after_expiry {
            let ended = given_up.iter().filter(|r| r.product_id == level.product_id).map(|r| r.quantity);
            level.reserved -= ended.sum::<u32>();
        }
        match StockChanges::reserve(levels.clone(), held, claim(&lines), at(NOW), &mut counter()) {
            Ok(changes) => {
                prop_assert_eq!(shortages(&after_expiry, &lines), vec![]);
                assert_adds_up(&levels, &changes)?;
                // I3: each line has its reservation.
                let reserved: Vec<_> = changes.reservations.iter().map(|r| (r.product_id, r.quantity)).collect();
                prop_assert_eq!(reserved, lines);
                prop_assert!(changes.reservations.iter().all(|r| r.order_id == order(1) && r.holds(at(NOW))));
                // I6, I7, I8: exactly the active reservations past their time have expired.
                let ended: Vec<_> = changes.ended.iter().map(|r| r.id).collect();
                prop_assert_eq!(ended, given_up.iter().map(|r| r.id).collect::<Vec<_>>());
                prop_assert!(changes.ended.iter().all(|r| r.state == ReservationState::Expired));
            }
            // The refusal comes alone, without partial changes. It counts the pieces of expired reservations as free.
            Err(Shortages(short)) => {
                prop_assert!(!short.is_empty());
                prop_assert_eq!(short, shortages(&after_expiry, &lines));
            }
        }
    }

    /// A line is short if it needs more than the lines before it have left.
    #[test]
    fn a_line_is_short_if_it_needs_more_than_is_left((levels, _) in stock(), lines in lines()) {
        let short = shortages(&levels, &lines);
        prop_assert!(short.iter().all(|short| short.requested > short.available));
        let needed = |level: &StockLevel| lines.iter().filter(|l| l.0 == level.product_id).map(|l| l.1).sum::<u32>();
        let unknown = lines.iter().any(|line| line.0 == product(5));
        prop_assert_eq!(short.is_empty(), !unknown && levels.iter().all(|level| needed(level) <= level.available()));
    }

    /// I6, I9: each active reservation gives its pieces back once; the others stay as they are.
    #[test]
    fn a_release_gives_back_the_active_reservations((levels, held) in stock()) {
        let changes = StockChanges::release(levels.clone(), held.clone(), at(NOW), &mut counter()).unwrap();
        assert_adds_up(&levels, &changes)?;
        let active: Vec<_> = held.iter().filter(|r| r.state == ReservationState::Active).map(|r| r.id).collect();
        prop_assert_eq!(changes.ended.iter().map(|r| r.id).collect::<Vec<_>>(), active);
        prop_assert!(changes.ended.iter().all(|r| r.state == ReservationState::Released && r.ended_at == Some(at(NOW))));
        prop_assert!(changes.levels.iter().all(|level| level.reserved == 0));
        prop_assert_eq!((changes.is_empty(), changes.reservations.len()), (changes.ended.is_empty(), 0));
        let again = StockChanges::release(changes.levels, changes.ended, at(NOW), &mut counter()).unwrap();
        prop_assert!(again.is_empty());
    }

    /// An order that is reserved and then released leaves the stock as it was.
    #[test]
    fn a_release_undoes_a_reservation((levels, _) in stock(), lines in lines()) {
        let reserved = StockChanges::reserve(levels.clone(), vec![], claim(&lines), at(NOW), &mut counter());
        prop_assume!(reserved.is_ok());
        let reserved = reserved.unwrap();
        let released = StockChanges::release(reserved.levels, reserved.reservations, at(NOW), &mut counter()).unwrap();
        for level in released.levels {
            let before = levels.iter().find(|before| before.product_id == level.product_id).unwrap();
            prop_assert_eq!((level.on_hand, level.reserved), (before.on_hand, before.reserved));
        }
    }
}

#[test]
fn expired_reservations_give_up_their_pieces_before_the_order_is_judged() {
    let held = [reservation(1, product(1), 3, Some(NOW)), reservation(2, product(1), 1, Some(NOW + 1))];
    let lines = [(product(1), 3)];
    let levels = vec![level(1, 4, 4)];
    let refused = StockChanges::reserve(levels.clone(), vec![], claim(&lines), at(NOW), &mut counter());
    assert_eq!(refused, Err(Shortages(vec![Shortage { product_id: product(1), requested: 3, available: 0 }])));
    let changes = StockChanges::reserve(levels, held.to_vec(), claim(&lines), at(NOW), &mut counter()).unwrap();
    assert_eq!(changes.ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [held[0].id]);
    assert_eq!(changes.levels[0].reserved, 4, "3 were given up, 3 were reserved, 1 was held all the time");
}

#[test]
fn reservations_expire_when_the_claim_says_so() {
    let lines = [(product(1), 1)];
    let claim = Claim { expires_at: Some(at(NOW + 5)), ..claim(&lines) };
    let changes = StockChanges::reserve(vec![level(1, 1, 0)], vec![], claim, at(NOW), &mut counter()).unwrap();
    assert_eq!(changes.reservations[0].expires_at, Some(at(NOW + 5)));
}

#[test]
fn a_reservation_that_does_not_fit_its_level_is_an_error() {
    let held = reservation(1, product(1), 3, None);
    for levels in [vec![], vec![level(2, 9, 9)], vec![level(1, 9, 2)]] {
        let released = StockChanges::release(levels, vec![held], at(NOW), &mut counter());
        assert_eq!(released, Err(ReservationMismatch(held.id)));
    }
}

#[test]
fn an_order_that_was_not_paid_gives_back_what_it_still_holds() {
    let taken = Reservation { state: ReservationState::Expired, ..reservation(1, product(1), 2, Some(NOW)) };
    let held = reservation(2, product(2), 3, Some(NOW));
    let levels = vec![level(2, 5, 4), level(1, 5, 0)];
    let changes = StockChanges::expire(levels, vec![taken, held], at(NOW), &mut counter()).unwrap();
    assert_eq!(
        changes.ended.iter().map(|ended| (ended.id, ended.state)).collect::<Vec<_>>(),
        [(held.id, ReservationState::Expired)]
    );
    assert_eq!(
        changes.levels.iter().map(|level| (level.product_id, level.reserved)).collect::<Vec<_>>(),
        [(product(2), 1)]
    );
    let early = reservation(3, product(1), 1, Some(NOW + 1));
    let refused = StockChanges::expire(vec![level(1, 5, 1)], vec![early], at(NOW), &mut counter());
    assert_eq!(refused, Err(ReservationMismatch(early.id)));
}

#[test]
fn what_has_expired_is_freed_and_nothing_else() {
    let (due, held) = (reservation(1, product(1), 3, Some(NOW)), reservation(2, product(1), 1, Some(NOW + 1)));
    let changes = StockChanges::free(vec![level(1, 9, 4)], vec![due, held], at(NOW), &mut counter());
    assert_eq!(changes.ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [due.id]);
    assert_eq!(changes.levels.iter().map(|level| level.reserved).collect::<Vec<_>>(), [1]);
    assert!(StockChanges::free(vec![level(1, 9, 1)], vec![held], at(NOW), &mut counter()).is_empty());
}
