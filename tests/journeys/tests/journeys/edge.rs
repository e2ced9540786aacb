//! The edge of the built binary against clients that are slow, silent, too many or confusing.

mod bodies;
mod heads;
mod http2;
mod leaving;
mod many;
mod slow;
mod smuggling;

use crate::{Journey, Needs};
use skep_journeys::{Deployment, Store};

const fn edge(name: &'static str, run: fn(&Store)) -> Journey {
    Journey::new(name, run).needing(Needs::NoServer)
}

pub(crate) const JOURNEYS: &[Journey] = &[
    edge("edge::slow", slow::slow_clients_are_cut_and_others_are_served),
    edge("edge::smuggling", smuggling::one_request_is_never_read_as_two),
    edge("edge::heads", heads::heads_and_bodies_that_are_too_large),
    edge("edge::keep_alive", bodies::a_connection_goes_on_after_an_answer_that_needs_no_body),
    edge("edge::keep_alive_limited", bodies::a_connection_goes_on_after_too_many_requests),
    edge("edge::bodies", bodies::bodies_that_cost_more_than_their_bytes_are_refused),
    edge("edge::methods", heads::methods_and_their_answers),
    edge("edge::headers", heads::every_answer_has_the_security_headers),
    edge("edge::cors", heads::an_origin_is_allowed_by_name_or_not_at_all),
    edge("edge::idle", many::requests_go_on_beside_idle_connections),
    edge("edge::http2", http2::an_order_is_placed_with_prior_knowledge),
    edge("edge::http2_floods", http2::floods_are_cut_and_others_are_served),
    Journey::new("edge::leaving", leaving::clients_that_leave_take_no_connections_from_others).needing(Needs::Postgres),
];

/// A deployment with short timeouts for clients. They are not shorter because our own clients may have to wait for a
/// core.
fn in_a_hurry(store: &Store) -> Deployment {
    let mut deployment = Deployment::new(store);
    for name in ["HEADER", "BODY", "IDLE", "STALL"] {
        deployment.set(&format!("SKEP_{name}_TIMEOUT"), "3");
    }
    deployment
}
