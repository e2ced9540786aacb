//! The progress of an order on three axes, the status that people see, and the table of allowed transitions.

use crate::shared::named;

named! {
    /// The order axis: whether the order is still valid.
    OrderState {
        /// The order is valid.
        Open = "open",
        /// The order was cancelled; nothing will be delivered.
        Cancelled = "cancelled",
        /// The order was not paid in time; nothing will be delivered.
        Expired = "expired",
    }
}
named! {
    /// The payment axis: whether the total was paid or given back.
    PaymentState {
        /// Nothing was paid yet.
        None = "none",
        /// The whole total was taken.
        Captured = "captured",
        /// The whole total was taken and must be given back.
        RefundDue = "refund_due",
        /// The whole total was given back.
        Refunded = "refunded",
    }
}
named! {
    /// The fulfilment axis: where the goods are.
    FulfilmentState {
        /// Nothing has left the warehouse.
        Unfulfilled = "unfulfilled",
        /// On its way.
        Shipped = "shipped",
        /// Arrived.
        Delivered = "delivered",
    }
}
named! {
    /// The one status that people see. It is computed from the three axes (O9).
    OrderStatus {
        /// Placed, not paid.
        Pending = "pending",
        /// Paid, not shipped.
        Paid = "paid",
        /// On its way.
        Shipped = "shipped",
        /// Arrived.
        Delivered = "delivered",
        /// Cancelled before it was shipped.
        Cancelled = "cancelled",
        /// Not paid in time.
        Expired = "expired",
        /// The whole total was given back.
        Refunded = "refunded",
    }
}
named! {
    /// Something that can happen to an order.
    Trigger {
        /// The whole total was taken.
        PaymentCaptured = "payment_captured",
        /// A payment did not succeed.
        PaymentFailed = "payment_failed",
        /// The customer or an admin asked to cancel the order.
        Cancel = "cancel",
        /// Its reservation ran out before it was paid.
        ReservationExpired = "reservation_expired",
        /// The goods left the warehouse.
        Ship = "ship",
        /// The goods arrived.
        Deliver = "deliver",
        /// The whole total was given back.
        RefundAll = "refund_all",
        /// A part of the total was given back.
        RefundPart = "refund_part",
    }
}

/// How far an order has come on its three axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The order axis.
    pub order: OrderState,
    /// The payment axis.
    pub payment: PaymentState,
    /// The fulfilment axis.
    pub fulfilment: FulfilmentState,
}

/// The trigger cannot happen in this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} is not possible when the order is {}", trigger.name(), from.name())]
pub struct InvalidTransition {
    /// The status of the order.
    pub from: OrderStatus,
    /// The trigger that is not allowed.
    pub trigger: Trigger,
}

enum Step {
    Move(Progress),
    Stay,
}

impl OrderStatus {
    /// Whether the status can no longer change (O2).
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Cancelled | Self::Expired | Self::Refunded)
    }
}

impl Progress {
    /// The progress of a new order.
    pub const PLACED: Self =
        Self { order: OrderState::Open, payment: PaymentState::None, fulfilment: FulfilmentState::Unfulfilled };

    /// The status that people see (O9).
    #[must_use]
    pub const fn status(self) -> OrderStatus {
        match (self.order, self.payment, self.fulfilment) {
            (OrderState::Cancelled, _, _) => OrderStatus::Cancelled,
            (OrderState::Expired, _, _) => OrderStatus::Expired,
            (OrderState::Open, PaymentState::Refunded, _) => OrderStatus::Refunded,
            (OrderState::Open, _, FulfilmentState::Delivered) => OrderStatus::Delivered,
            (OrderState::Open, _, FulfilmentState::Shipped) => OrderStatus::Shipped,
            (OrderState::Open, PaymentState::Captured | PaymentState::RefundDue, FulfilmentState::Unfulfilled) => {
                OrderStatus::Paid
            }
            (OrderState::Open, PaymentState::None, FulfilmentState::Unfulfilled) => OrderStatus::Pending,
        }
    }

    /// The progress after `trigger`. Returns `None` if it changes nothing: the trigger was reported before, or no
    /// longer matters.
    ///
    /// # Errors
    /// [`InvalidTransition`] if the table does not allow the trigger in this status.
    pub fn after(self, trigger: Trigger) -> Result<Option<Self>, InvalidTransition> {
        match self.step(trigger) {
            Some(Step::Move(next)) => Ok((next != self).then_some(next)),
            Some(Step::Stay) => Ok(None),
            None => Err(InvalidTransition { from: self.status(), trigger }),
        }
    }

    /// The table of transitions (O1): a row per status and a cell per trigger. The compiler checks that no cell is
    /// missing.
    fn step(self, trigger: Trigger) -> Option<Step> {
        use OrderStatus as S;
        use Trigger as T;
        let cancelled = Self { order: OrderState::Cancelled, ..self };
        let expired = Self { order: OrderState::Expired, ..self };
        let refunded = Self { payment: PaymentState::Refunded, ..self };
        let refund_due = Self { payment: PaymentState::RefundDue, ..self };
        match (self.status(), trigger) {
            (S::Pending, T::PaymentCaptured) => Some(Step::Move(Self { payment: PaymentState::Captured, ..self })),
            (S::Pending, T::PaymentFailed) => Some(Step::Stay),
            (S::Pending, T::Cancel) => Some(Step::Move(cancelled)),
            (S::Pending, T::ReservationExpired) => Some(Step::Move(expired)),
            (S::Pending, T::Ship | T::Deliver | T::RefundAll | T::RefundPart) => None,

            (S::Paid, T::PaymentCaptured | T::RefundPart) => Some(Step::Stay),
            (S::Paid, T::Cancel) => Some(Step::Move(Self { payment: PaymentState::RefundDue, ..cancelled })),
            (S::Paid, T::Ship) => Some(Step::Move(Self { fulfilment: FulfilmentState::Shipped, ..self })),
            (S::Paid, T::RefundAll) => Some(Step::Move(refunded)),
            (S::Paid, T::PaymentFailed | T::ReservationExpired | T::Deliver) => None,

            (S::Shipped, T::PaymentCaptured | T::Ship | T::RefundPart) => Some(Step::Stay),
            (S::Shipped, T::Deliver) => Some(Step::Move(Self { fulfilment: FulfilmentState::Delivered, ..self })),
            (S::Shipped, T::RefundAll) => Some(Step::Move(refunded)),
            (S::Shipped, T::PaymentFailed | T::Cancel | T::ReservationExpired) => None,

            (S::Delivered, T::PaymentCaptured | T::Deliver | T::RefundPart) => Some(Step::Stay),
            (S::Delivered, T::RefundAll) => Some(Step::Move(refunded)),
            (S::Delivered, T::PaymentFailed | T::Cancel | T::ReservationExpired | T::Ship) => None,

            // Money that arrives after the end of the order must be given back; the status stays the same.
            (S::Cancelled | S::Expired, T::PaymentCaptured) if self.payment == PaymentState::None => {
                Some(Step::Move(refund_due))
            }
            (S::Cancelled | S::Expired, T::RefundAll) if self.payment == PaymentState::RefundDue => {
                Some(Step::Move(refunded))
            }
            (S::Cancelled | S::Expired, T::Ship | T::Deliver) => None,
            (S::Cancelled | S::Expired, _) => Some(Step::Stay),

            (S::Refunded, T::Ship | T::Deliver | T::RefundPart) => None,
            (S::Refunded, T::PaymentCaptured | T::PaymentFailed | T::Cancel | T::ReservationExpired | T::RefundAll) => {
                Some(Step::Stay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_progress() -> impl Strategy<Value = Progress> {
        let all = OrderState::ALL.iter().flat_map(|order| {
            PaymentState::ALL.iter().flat_map(move |payment| {
                FulfilmentState::ALL.iter().map(move |fulfilment| Progress {
                    order: *order,
                    payment: *payment,
                    fulfilment: *fulfilment,
                })
            })
        });
        prop::sample::select(all.collect::<Vec<_>>())
    }

    /// O1: the status that each trigger leads to, repeated as a plain table: `-` keeps the status, `x` is an error.
    #[test]
    fn only_the_transitions_of_the_table_happen() {
        use OrderStatus::*;
        let by_hand: [(OrderStatus, [&str; 8]); 7] = [
            (Pending, ["paid", "-", "cancelled", "expired", "x", "x", "x", "x"]),
            (Paid, ["-", "x", "cancelled", "x", "shipped", "x", "refunded", "-"]),
            (Shipped, ["-", "x", "x", "x", "-", "delivered", "refunded", "-"]),
            (Delivered, ["-", "x", "x", "x", "x", "-", "refunded", "-"]),
            (Cancelled, ["-", "-", "-", "-", "x", "x", "-", "-"]),
            (Expired, ["-", "-", "-", "-", "x", "x", "-", "-"]),
            (Refunded, ["-", "-", "-", "-", "x", "x", "-", "x"]),
        ];
        let reach = [
            Progress::PLACED,
            Progress { payment: PaymentState::Captured, ..Progress::PLACED },
            Progress { payment: PaymentState::Captured, fulfilment: FulfilmentState::Shipped, ..Progress::PLACED },
            Progress { payment: PaymentState::Captured, fulfilment: FulfilmentState::Delivered, ..Progress::PLACED },
            Progress { order: OrderState::Cancelled, ..Progress::PLACED },
            Progress { order: OrderState::Expired, ..Progress::PLACED },
            Progress { payment: PaymentState::Refunded, ..Progress::PLACED },
        ];
        for ((from, row), progress) in by_hand.iter().zip(reach) {
            assert_eq!(progress.status(), *from);
            for (trigger, expected) in Trigger::ALL.iter().zip(row) {
                let found = match progress.after(*trigger) {
                    Err(_) => "x",
                    Ok(Some(next)) if next.status() != *from => next.status().name(),
                    Ok(_) => "-",
                };
                assert_eq!(found, *expected, "{} + {}", from.name(), trigger.name());
            }
        }
    }

    #[test]
    fn a_payment_after_the_end_of_the_order_is_owed_back() {
        for (order, status) in
            [(OrderState::Cancelled, OrderStatus::Cancelled), (OrderState::Expired, OrderStatus::Expired)]
        {
            let late = Progress { order, ..Progress::PLACED }.after(Trigger::PaymentCaptured).unwrap().unwrap();
            assert_eq!((late.status(), late.payment), (status, PaymentState::RefundDue));
            assert_eq!(late.after(Trigger::PaymentCaptured), Ok(None));
            assert_eq!(late.after(Trigger::RefundAll).unwrap().unwrap().payment, PaymentState::Refunded);
        }
    }

    proptest! {
        /// O2: no trigger changes a terminal status.
        #[test]
        fn terminal_statuses_never_change(start in any_progress(), triggers in prop::collection::vec(prop::sample::select(Trigger::ALL), 0..12)) {
            prop_assume!(start.status().is_terminal());
            let mut progress = start;
            for trigger in triggers {
                progress = progress.after(trigger).ok().flatten().unwrap_or(progress);
                prop_assert_eq!(progress.status(), start.status());
            }
        }

        /// O1: a repeated trigger changes nothing.
        #[test]
        fn the_same_trigger_again_changes_nothing(
            progress in any_progress(),
            trigger in prop::sample::select(Trigger::ALL),
        ) {
            if let Ok(Some(next)) = progress.after(trigger) {
                prop_assert!(matches!(next.after(trigger), Ok(None) | Err(_)));
            }
        }

        /// O4: nothing ships before it is paid.
        #[test]
        fn nothing_ships_unpaid(triggers in prop::collection::vec(prop::sample::select(Trigger::ALL), 0..20)) {
            let (mut progress, mut paid) = (Progress::PLACED, false);
            for trigger in triggers {
                if let Ok(Some(next)) = progress.after(trigger) {
                    paid |= next.payment == PaymentState::Captured;
                    progress = next;
                }
                prop_assert!(progress.fulfilment == FulfilmentState::Unfulfilled || paid);
            }
        }
    }
}
