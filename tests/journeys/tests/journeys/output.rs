//! A result that cannot be written is an error, and a reader that has read enough is not.

use crate::{Journey, Needs, shop::PASSWORD};
use skep_journeys::{Deployment, Output, Store};
use std::{fs::File, io};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("output::full", a_result_that_cannot_be_written_is_an_error).needing(Needs::NoServer),
    Journey::new("output::closed", a_reader_that_has_read_enough_is_none).needing(Needs::NoServer),
    Journey::new("output::errors_full", a_full_standard_error_changes_no_exit_code).needing(Needs::NoServer),
    Journey::new("output::demo", a_password_that_was_made_up_is_not_lost).needing(Needs::NoServer),
    Journey::new("output::serve", a_setup_token_that_cannot_be_printed_ends_the_start).needing(Needs::NoServer),
];

/// Commands that print a result, each with its input.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["--help"], ""),
    (&["-h"], ""),
    (&["--version"], ""),
    (&["help", "serve"], ""),
    (&["keys", "--help"], ""),
    (&["openapi"], ""),
    (&["completions", "bash"], ""),
    (&["check"], ""),
    (&["check", "--json"], ""),
    (&["migrate", "up"], ""),
    (&["migrate", "status"], ""),
    (&["migrate", "status", "--json"], ""),
    (&["keys", "rotate"], ""),
    (&["keys", "list"], ""),
    (&["keys", "list", "--json"], ""),
    (&["keys", "reseal"], ""),
    (&["user", "create", "--email", "a@example.com", "--display-name", "A", "--password-stdin"], PASSWORD),
    (&["migrate", "down", "--yes"], ""),
];

fn full() -> File {
    File::options().write(true).open("/dev/full").expect("a device that is always full")
}

fn a_result_that_cannot_be_written_is_an_error(store: &Store) {
    let deployment = Deployment::new(store);
    for (arguments, input) in COMMANDS {
        let output = deployment.run_into(full(), arguments, input);
        assert!(output.code == Some(1), "{arguments:?}: {output:?}");
        output.refused(&["the standard output cannot be written", "No space left on device"]);
    }
}

fn a_reader_that_has_read_enough_is_none(store: &Store) {
    let deployment = Deployment::new(store);
    for (arguments, input) in COMMANDS {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let Output { code, err, .. } = deployment.run_into(writer, arguments, input);
        assert!(code == Some(0) && err.is_empty(), "{arguments:?}: {code:?} {err}");
    }
}

fn a_full_standard_error_changes_no_exit_code(store: &Store) {
    let mut deployment = Deployment::new(store);
    assert_eq!(deployment.code_with_error_in(full(), &["sevre"]), Some(2));
    assert_eq!(deployment.code_with_error_in(full(), &["check"]), Some(0));
    deployment.set("PORT", "eighty");
    assert_eq!(deployment.code_with_error_in(full(), &["serve"]), Some(1));
}

fn a_password_that_was_made_up_is_not_lost(store: &Store) {
    const DEMO: &[&str] = &["demo", "--products", "2", "--users", "1", "--orders", "1"];
    let deployment = Deployment::new(store);
    let output = deployment.run_into(full(), DEMO, "");
    output.refused(&["each of its accounts has the password demo-", "the standard output cannot be written"]);
    let given = Deployment::new(store);
    let output = given.run_into(full(), &[DEMO, &["--password-stdin", "--json"]].concat(), PASSWORD);
    assert!(!output.err.contains(PASSWORD), "{output:?}");
    output.refused(&["the standard output cannot be written"]);
}

fn a_setup_token_that_cannot_be_printed_ends_the_start(store: &Store) {
    let deployment = Deployment::new(store);
    deployment.run_into(full(), &["serve"], "").refused(&["the standard output cannot be written"]);
    let server = deployment.start();
    assert!(server.setup_token().is_some(), "the next start prints a token");
    server.stop();
}
