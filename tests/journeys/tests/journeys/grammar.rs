//! The grammar of HTTP and JSON: different spellings of a request get the same answer.

mod conditions;
mod numbers;
mod spellings;

use crate::{Journey, Needs};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("grammar::conditional_reads", conditions::a_read_is_answered_304_while_nothing_has_changed),
    Journey::new("grammar::conditional_changes", conditions::a_change_is_made_only_under_its_conditions),
    Journey::new("grammar::locations", conditions::every_new_resource_has_a_location),
    Journey::new("grammar::numbers", numbers::a_number_is_a_value_and_not_a_spelling),
    Journey::new("grammar::great_numbers", numbers::no_number_is_too_great_for_a_json_reader),
    Journey::new("grammar::media_types", spellings::media_types_are_read_by_their_grammar).needing(Needs::NoServer),
    Journey::new("grammar::queries", spellings::queries_may_have_empty_pairs_and_encoded_names)
        .needing(Needs::NoServer),
    Journey::new("grammar::paths", spellings::an_encoded_path_is_the_same_resource).needing(Needs::NoServer),
    Journey::new("grammar::challenges", spellings::a_challenge_says_whether_a_token_was_bad).needing(Needs::NoServer),
    Journey::new("grammar::cors_headers", spellings::scripts_may_set_headers_of_traces).needing(Needs::NoServer),
];
