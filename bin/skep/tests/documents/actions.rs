//! `docs/actions.md`.

use super::assert_document;
use skep_domain::shared::{Action, Audience};
use skep_http::Api;
use std::fmt::Write as _;

const INTRODUCTION: &str = "# Actions

Everything that can be done, and by whom. This page is generated from the declarations in `domain/src/*/actions.rs`: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

Audiences are, each including those after it: everyone, also without an account; account, every caller with one; staff, the people who work in the shop; admin, the people who run it. The access context maps them to roles: the role `user` is account, the role `admin` is admin and staff.

*Own* is who may do it to what is their own, *others* who may do it to the things of everybody. *Operations* are those of the API that ask for the action; where there are none, a use case asks for it by itself.
";

const fn name(audience: Audience) -> &'static str {
    match audience {
        Audience::Everyone => "everyone",
        Audience::Account => "account",
        Audience::Staff => "staff",
        Audience::Admin => "admin",
    }
}

fn row(text: &mut String, action: Action) {
    let operations = Api::operations().filter(|operation| operation.action == Some(action));
    let operations: Vec<String> = operations.map(|operation| format!("`{}`", operation.id)).collect();
    let operations = if operations.is_empty() { "—".to_owned() } else { operations.join(", ") };
    let (own, others) = (name(action.own()), action.others().map_or("nobody", name));
    let _ = writeln!(text, "| `{}` | {own} | {others} | {operations} |", action.name());
}

#[test]
fn the_actions() {
    let mut text = INTRODUCTION.to_owned();
    let mut last = "";
    for action in skep_domain::actions() {
        let context = action.name().split('.').next().unwrap();
        if context != last {
            let _ =
                write!(text, "\n## {context}\n\n| action | own | others | operations |\n| --- | --- | --- | --- |\n");
            last = context;
        }
        row(&mut text, action);
    }
    assert_document("docs/actions.md", &text);
}
