//! Clients generated from the OpenAPI document, used against the built binary: `cargo test -p skep-clients`.
//!
//! The TypeScript client needs node and npm. If they are missing, its test is ignored, with the reason. Outside of CI,
//! it is also ignored if npm reaches no registry.

mod guide;
mod rust;
mod typescript;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn trial(name: &str, run: fn()) -> Trial {
    Trial::test(name, move || {
        run();
        Ok(())
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        trial("rust::places_an_order", rust::the_client_places_an_order),
        trial("guide::is_tested", guide::every_block_is_part_of_a_tested_file),
    ];
    let installed = if arguments.list { Err("not looked for".to_owned()) } else { typescript::install() };
    trials.push(match installed {
        Ok(()) => trial("typescript::places_an_order", typescript::the_client_places_an_order),
        Err(reason) => {
            let text = reason.clone();
            let trial = Trial::test("typescript::places_an_order", move || Err(text.into()));
            let is_required = std::env::var("CI").is_ok_and(|value| value == "true") && typescript::has_node();
            if is_required { trial } else { trial.with_kind(reason).with_ignored_flag(true) }
        }
    });
    if !arguments.list {
        skep_journeys::skep();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
