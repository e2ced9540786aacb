//! The invariants of one stock level (I1, I2, I4 to I8) under random sequences of operations.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}
fn product() -> ProductId {
    ProductId::new(Uuid::from_u128(1))
}

#[derive(Debug, Clone)]
enum Step {
    Count(u32),
    Reserve(u32, Option<i64>),
    End(usize, ReservationState),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop::sample::select(vec![
        ReservationState::Active,
        ReservationState::Committed,
        ReservationState::Released,
        ReservationState::Expired,
    ]);
    prop_oneof![
        (0u32..60).prop_map(Step::Count),
        (1u32..12, prop::option::of(1i64..50)).prop_map(|(n, ttl)| Step::Reserve(n, ttl)),
        (any::<usize>(), end).prop_map(|(i, end)| Step::End(i, end)),
        (0i64..40).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn stock_adds_up_whatever_happens(steps in prop::collection::vec(step(), 0..80)) {
        let mut level = StockLevel::empty(product(), at(0));
        let (mut ledger, mut held, mut ids, mut now): (Vec<StockMovement>, Vec<Reservation>, u128, i64) = (vec![], vec![], 0, 0);
        for step in steps {
            ids += 1;
            let (id, before) = (MovementId::new(Uuid::from_u128(ids)), level);
            match step {
                Step::Wait(millis) => now += millis,
                Step::Count(n) => match level.set_on_hand(id, n, at(now)) {
                    Ok(movement) => ledger.extend(movement),
                    Err(_) => prop_assert_eq!(level, before),
                },
                Step::Reserve(n, ttl) => {
                    let order = OrderId::new(Uuid::from_u128(ids));
                    match level.reserve(id, order, n, at(now)) {
                        Ok(movement) => {
                            ledger.push(movement);
                            held.push(Reservation::new(ReservationId::new(Uuid::from_u128(ids)), order, product(), n, ttl.map(|t| at(now + t)), at(now)));
                        }
                        Err(refusal) => {
                            prop_assert_eq!(refusal, StockRefusal::Insufficient { requested: n, available: before.available() });
                            prop_assert_eq!(level, before);
                        }
                    }
                }
                Step::End(i, end) if !held.is_empty() => {
                    let i = i % held.len();
                    let reservation = &mut held[i];
                    let was = *reservation;
                    match level.end(id, reservation, end, at(now)) {
                        Some(movement) => {
                            // I6: only an active reservation ends. I8: it does not expire before its time.
                            prop_assert_eq!(was.state, ReservationState::Active);
                            prop_assert!(end != ReservationState::Expired || !was.holds(at(now)));
                            ledger.push(movement);
                        }
                        None => prop_assert_eq!((level, *reservation), (before, was)),
                    }
                }
                Step::End(..) => {}
            }
            // I1
            prop_assert!(level.reserved <= level.on_hand);
            // I4
            let active: u32 = held.iter().filter(|r| r.state == ReservationState::Active).map(|r| r.quantity).sum();
            prop_assert_eq!(level.reserved, active);
            // I5
            prop_assert_eq!(i64::from(level.on_hand), ledger.iter().map(|m| m.on_hand_delta).sum::<i64>());
            prop_assert_eq!(i64::from(level.reserved), ledger.iter().map(|m| m.reserved_delta).sum::<i64>());
            // I7: a reservation past its time no longer holds its pieces.
            for reservation in &held {
                prop_assert!(!reservation.holds(at(now)) || reservation.expires_at.is_none_or(|end| at(now) < end));
            }
        }
    }

    /// I2, one buyer after the other: if N buyers want one piece each and there are K, the first K succeed.
    #[test]
    fn as_many_succeed_as_there_are_pieces(buyers in 0u32..100, pieces in 0u32..100) {
        let mut level = StockLevel::empty(product(), at(0));
        level.set_on_hand(MovementId::new(Uuid::nil()), pieces, at(0)).unwrap();
        let sold = (0..buyers).filter(|n| level.reserve(MovementId::new(Uuid::nil()), OrderId::new(Uuid::from_u128(u128::from(*n))), 1, at(0)).is_ok()).count();
        prop_assert_eq!(sold, buyers.min(pieces) as usize);
    }
}

#[test]
fn another_products_reservation_is_left_alone() {
    let mut level = StockLevel::empty(product(), at(0));
    let other = ProductId::new(Uuid::from_u128(2));
    let mut reservation =
        Reservation::new(ReservationId::new(Uuid::nil()), OrderId::new(Uuid::nil()), other, 1, None, at(0));
    assert_eq!(level.end(MovementId::new(Uuid::nil()), &mut reservation, ReservationState::Released, at(1)), None);
    assert!(reservation.holds(at(1)));
}

/// I12
#[test]
fn a_reservation_of_a_paid_order_holds_until_it_ends() {
    let mut level = StockLevel { on_hand: 3, reserved: 2, ..StockLevel::empty(product(), at(0)) };
    let (id, order) = (ReservationId::new(Uuid::nil()), OrderId::new(Uuid::nil()));
    let mut reservation = Reservation::new(id, order, product(), 2, Some(at(5)), at(0));
    let movement = MovementId::new(Uuid::nil());
    assert!(reservation.keep());
    assert!(reservation.holds(at(9)));
    assert_eq!(level.end(movement, &mut reservation, ReservationState::Expired, at(9)), None);
    assert!(level.end(movement, &mut reservation, ReservationState::Released, at(9)).is_some());
    let ended = reservation;
    assert!(!reservation.keep());
    assert_eq!(reservation, ended);
}
