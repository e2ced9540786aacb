//! `docs/actions.md`.

use super::assert_document;
use skep_domain::shared::{Action, Audience};
use skep_http::Api;
use std::fmt::Write as _;

const INTRODUCTION: &str = "# Actions

Every action, and the callers that may do it. This page is generated from the declarations in `domain/src/*/actions.rs`: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

There are four audiences. Each one includes the audiences after it: `everyone` are all callers, also those without an account; `account` are callers with an account; `staff` are the people who work in the shop; `admin` are the people who run it. The access context maps audiences to roles: the role `user` is in `account`, the role `admin` is in `staff` and `admin`.

*Own* is the audience that may do it to its own things. *Others* is the audience that may do it to the things of all users. *Operations* are the operations of the API that need the action. An action without operations is checked by a use case alone.
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
    let (own, others) = (name(action.own()), action.others().map_or("no one", name));
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
