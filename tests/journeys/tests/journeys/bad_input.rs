//! Bad input: each request gets its exact problem, never a 5xx, and changes nothing.

mod bodies;
mod credentials;
mod requests;

use crate::{Journey, shop::Shop};
use skep_journeys::Call;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("bad_input::texts", bodies::texts_that_are_not_json),
    Journey::new("bad_input::shapes", bodies::values_that_do_not_fit),
    Journey::new("bad_input::rules", bodies::values_that_are_refused),
    Journey::new("bad_input::credentials", credentials::tokens_that_are_worthless),
    Journey::new("bad_input::parameters", requests::parameters_and_headers),
    Journey::new("bad_input::methods", requests::methods_and_media_types),
    Journey::new("bad_input::http", requests::requests_that_break_http),
    Journey::new("bad_input::order_of_checks", requests::the_first_of_several_faults_is_reported),
];

const JSON: &str = "application/json";

/// Requests, each with the expected problem in the form of [`skep_journeys::Answer::problem`].
type Cases<'c> = Vec<(Call<'c>, &'static str)>;

/// Sends every request. Expects the problem of each, and a shop that has not changed.
#[track_caller]
fn are_refused(shop: &Shop, cases: Cases<'_>) {
    let before = shop.state();
    let mut wrong = vec![];
    for (call, expected) in cases {
        let answer = call.send();
        if answer.problem() != expected {
            wrong.push(format!("expected {expected}, found {}: {answer:?}", answer.problem()));
        }
    }
    assert!(wrong.is_empty(), "{} of the answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(shop.state(), before, "nothing is changed");
}
