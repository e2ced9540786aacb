//! `docs/actions.md`.

use super::assert_document;
use skep_domain::shared::{Action, Audience, BuiltInRole};
use skep_http::Api;
use std::fmt::Write as _;

const INTRODUCTION: &str = "# Actions

Every action, and the callers that may do it. This page is generated from the declarations in `domain/src/*/actions.rs`: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

There are three audiences. Each one includes the audiences after it: `everyone` are all callers, also those without an account; `account` are callers with an account and a role; `roles` are accounts with a role that has the permission for the action. The name of such an action is the permission. [The guide](guides/roles.md) explains roles.

*Own* is the audience that may do it to its own things. *Others* is the audience that may do it to the things of all users. *Roles* are the built-in roles that have the permission; the deployment can put it into roles of its own. *Operations* are the operations of the API that need the action. An action without operations is checked by a use case alone.
";

const fn name(audience: Audience) -> &'static str {
    match audience {
        Audience::Everyone => "everyone",
        Audience::Account => "account",
        Audience::Roles => "roles",
    }
}

fn row(text: &mut String, action: Action) {
    let operations = Api::operations().filter(|operation| operation.action == Some(action));
    let operations: Vec<String> = operations.map(|operation| format!("`{}`", operation.id)).collect();
    let operations = if operations.is_empty() { "—".to_owned() } else { operations.join(", ") };
    let (own, others) = (name(action.own()), action.others().map_or("no one", name));
    let roles =
        BuiltInRole::ALL.iter().filter(|role| action.is_given_to(**role)).map(|role| format!("`{}`", role.name()));
    let roles: Vec<String> = roles.collect();
    let roles = if roles.is_empty() { "—".to_owned() } else { roles.join(", ") };
    let _ = writeln!(text, "| `{}` | {own} | {others} | {roles} | {operations} |", action.name());
}

#[test]
fn the_actions() {
    let mut text = INTRODUCTION.to_owned();
    let mut last = "";
    for action in skep_domain::actions() {
        let context = action.name().split('.').next().unwrap();
        if context != last {
            let _ = writeln!(
                text,
                "\n## {context}\n\n| action | own | others | roles | operations |\n{}",
                "| --- ".repeat(5) + "|"
            );
            last = context;
        }
        row(&mut text, action);
    }
    assert_document("docs/actions.md", &text);
}
