//! Checks whether some order of concurrent calls explains all their answers (Wing and Gong, 1993).

use crate::{
    call::{Answer, Call, Failure, Fresh},
    context::CONTEXTS,
    model::Model,
    sequential::Trouble,
    state::{EndState, differences},
};
use skep_domain::shared::Timestamp;
use std::{collections::HashMap, fmt};

/// A call with its answer and its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The index of the client that made it.
    pub client: usize,
    /// The command and its caller.
    pub call: Call,
    /// The result that the client got.
    pub answer: Answer,
    /// The time of the system's wall clock.
    pub at: Timestamp,
    /// When the call was made, by a counter that all clients share.
    pub called: u64,
    /// When the call returned, by the same counter.
    pub returned: u64,
}

/// The concurrent calls of several clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// At most 64 calls.
    pub events: Vec<Event>,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut events: Vec<&Event> = self.events.iter().collect();
        events.sort_by_key(|event| event.called);
        for Event { client, call, answer, called, returned, .. } in events {
            let who = call.actor.user_id().map_or("no user".to_owned(), |id| format!("user {}", id.uuid().as_u128()));
            writeln!(f, "  client {client} {called}..{returned} {who}: {:?}\n      => {answer:?}", call.command)?;
        }
        Ok(())
    }
}

/// How many states the search visits before it gives up.
const PATIENCE: usize = 400_000;

struct Search<'a> {
    events: &'a [Event],
    end: &'a EndState,
    /// The ids that calls with unknown outcomes may have made: everything that is new at the end.
    possible: Vec<Fresh>,
    seen: HashMap<u64, Vec<Model>>,
    states: usize,
    /// The longest order so far that explains its answers.
    best: Vec<usize>,
    /// The reasons why `best` cannot be continued.
    refuted: Vec<String>,
}

/// Finds an order of the calls in which the model, starting from `model`, gives every answer and ends in `end`. A call
/// that returned before another one was made comes before it. A call with an unknown outcome may come anywhere after it
/// was made, or be left out.
///
/// # Errors
/// [`Trouble::Differs`] if there is no such order, with the longest explanation. [`Trouble::Away`] if the search takes too
/// long.
pub fn linearize(model: &Model, history: &History, end: &EndState) -> Result<Model, Trouble> {
    let events = &history.events;
    assert!(events.len() <= 64, "a history has at most 64 calls");
    // A repeat with the same key may have returned the id of a call with an unknown outcome, so every new row counts.
    let known = model.end_state();
    let possible = CONTEXTS.iter().flat_map(|context| context.generated(known, end)).collect();
    let mut search = Search { events, end, possible, seen: HashMap::new(), states: 0, best: vec![], refuted: vec![] };
    if let Some(explained) = search.go(model, 0, &mut vec![]) {
        return Ok(explained);
    }
    if search.states > PATIENCE {
        return Err(Trouble::Away(format!("no order was found in {PATIENCE} states: too many outcomes are unknown")));
    }
    let best = search.best.iter().map(|at| format!("{}..{}", events[*at].called, events[*at].returned));
    let best = best.collect::<Vec<_>>().join(", ");
    Err(Trouble::Differs(format!(
        "no order of these calls explains all answers; the longest is {best}, and then\n{}\ncalls:\n{history}",
        search.refuted.join("\n")
    )))
}

impl Search<'_> {
    fn is_done(done: u64, at: usize) -> bool {
        done >> at & 1 == 1
    }

    fn go(&mut self, model: &Model, done: u64, order: &mut Vec<usize>) -> Option<Model> {
        self.states += 1;
        if self.states > PATIENCE || self.seen.get(&done).is_some_and(|seen| seen.contains(model)) {
            return None;
        }
        self.seen.entry(done).or_default().push(model.clone());
        let open = |at: &usize| !Self::is_done(done, *at);
        let answered = |at: &usize| !matches!(self.events[*at].answer, Err(Failure::Unknown(_)));
        let rest: Vec<usize> = (0..self.events.len()).filter(open).collect();
        if order.len() > self.best.len() || self.best.is_empty() {
            self.best.clone_from(order);
            self.refuted.clear();
        }
        if !rest.iter().any(answered) {
            if model.end_state() == self.end {
                return Some(model.clone());
            }
            if order.len() == self.best.len() {
                self.refuted.push(differences(model.end_state(), self.end));
            }
        }
        // A call can be next if it was made before any of the remaining calls returned.
        let first = rest.iter().filter(|at| answered(at)).map(|at| self.events[*at].returned).min();
        let mut next: Vec<usize> =
            rest.into_iter().filter(|at| first.is_none_or(|first| self.events[*at].called < first)).collect();
        next.sort_by_key(|at| self.events[*at].returned);
        next.into_iter().find_map(|at| self.try_next(model, done, order, at))
    }

    /// Whether the row from a call with an unknown outcome can become the stored one.
    fn can_end_so(&self, model: &Model, fresh: &Fresh) -> bool {
        CONTEXTS.iter().all(|context| context.can_become(model.end_state(), self.end, fresh.id))
    }

    fn try_next(&mut self, model: &Model, done: u64, order: &mut Vec<usize>, at: usize) -> Option<Model> {
        let Event { call, answer, at: time, client, .. } = &self.events[at];
        let known = !matches!(answer, Err(Failure::Unknown(_)));
        let nothing = [Fresh::default()];
        let candidates = if known { vec![Fresh::of(answer)] } else { [&self.possible[..], &nothing].concat() };
        for fresh in candidates {
            let mut after = model.clone();
            let expected = after.step_with(call, *time, &fresh);
            if !known && !self.can_end_so(&after, &fresh) {
                continue;
            }
            if known && expected != *answer {
                if order.len() == self.best.len() {
                    self.refuted.push(format!("  client {client}: {:?}\n      would be {expected:?}", call.command));
                }
                continue;
            }
            order.push(at);
            let explained = self.go(&after, done | 1 << at, order);
            order.pop();
            if explained.is_some() {
                return explained;
            }
        }
        None
    }
}
