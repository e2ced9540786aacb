//! Mistakes that a use case of orders could make.

use super::{Answer, Command};
use crate::{
    call::{self, Call, Failure, Now, answer_of},
    catalog,
    double::OwnFlaw,
    model::Model,
};

/// Orders are placed although there is too little stock.
pub const OVERSELLS: OwnFlaw = OwnFlaw { name: "oversells", plant: oversell };

pub(super) const ALL: &[OwnFlaw] = &[
    OVERSELLS,
    OwnFlaw { name: "keeps claims", plant: keep_claims },
    OwnFlaw { name: "never expires", plant: never_expire },
];

/// Lends the products many pieces, places the order, and takes the pieces back.
fn oversell(_before: &Model, model: &mut Model, call: &Call, now: &Now<'_>, answer: call::Answer) -> call::Answer {
    const MORE: u32 = 1_000_000_000;
    let Some(Command::PlaceOrder(command)) = call.command.get() else { return answer };
    if !Failure::is_code(&answer, "insufficient_stock") {
        return answer;
    }
    let lend = |model: &mut Model, lent: bool| {
        let shelves = &mut model.stored.get_mut::<catalog::Stored>().shelves;
        for line in &command.lines {
            // A product may have several lines. It gets and gives the pieces once.
            let Some(shelf) = shelves.get_mut(&line.product_id) else { continue };
            let stock = &mut shelf.stock;
            if lent == (stock.on_hand < MORE) {
                stock.on_hand = if lent { stock.on_hand + MORE } else { stock.on_hand - MORE };
                stock.available = stock.on_hand.saturating_sub(stock.reserved);
            }
        }
    };
    lend(model, true);
    let answer = call.command.step(model, now);
    lend(model, false);
    answer
}

/// A cancelled order leaves its pieces reserved.
fn keep_claims(before: &Model, model: &mut Model, _call: &Call, _now: &Now<'_>, answer: call::Answer) -> call::Answer {
    let cancelled = matches!(answer_of(&answer), Some(Answer::Order(order)) if order.status == "cancelled");
    if cancelled {
        let shelves = &before.stored.get::<catalog::Stored>().shelves;
        model.stored.get_mut::<catalog::Stored>().shelves.clone_from(shelves);
    }
    answer
}

/// A placed order waits for its payment without a limit.
fn never_expire(_: &Model, model: &mut Model, call: &Call, _: &Now<'_>, answer: call::Answer) -> call::Answer {
    let placed = match (call.command.get(), answer_of(&answer)) {
        (Some(Command::PlaceOrder(_)), Some(Answer::Order(order))) => Some(order.id),
        _ => None,
    };
    if let Some(sold) = placed.and_then(|id| model.stored.get_mut::<super::Stored>().orders.get_mut(&id)) {
        sold.order.expires_at = None;
        sold.claims.iter_mut().for_each(|claim| claim.expires_at = None);
    }
    answer
}
