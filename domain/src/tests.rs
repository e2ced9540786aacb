//! The lists of actions and events are complete, all names have the same form, and the decisions about the first
//! actions do not change.

#![expect(clippy::disallowed_methods, reason = "the first test reads the files of this crate")]

use super::{
    access::{BuiltInRole, Denial, Permissions, Resource, Subject, decide},
    actions, catalog, events, identity, ordering,
    shared::UserId,
};
use std::{collections::BTreeSet, fs, path::Path};
use uuid::Uuid;

/// The texts of the files of this name, one per context.
fn files(name: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("SKEP_ROOT")).join("domain/src");
    let contexts = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = |context: std::path::PathBuf| {
        let text = fs::read_to_string(context.join(name)).ok()?;
        Some((context.file_name()?.to_str()?.to_owned(), text))
    };
    contexts.filter_map(file).collect()
}

/// A context that is missing in the list of all contexts, or an action that is missing in its context's list, would be
/// missing in the authorization table too.
#[test]
fn every_declared_action_and_event_is_collected() {
    let files_of = |name, mark, collected: Vec<&str>| {
        for (context, text) in files(name) {
            let of_context = collected.iter().filter(|name| name.starts_with(&format!("{context}."))).count();
            assert_eq!(of_context, text.matches(mark).count(), "{context}/{name}");
        }
    };
    files_of("actions.rs", ": Action =", actions().map(|action| action.name()).collect());
    files_of("events.rs", "\" of ", events().map(|event| event.name).collect());
    assert!(files("actions.rs").len() > 2 && files("events.rs").len() > 2, "the files were found");
}

fn is_name(name: &str, parts: usize) -> bool {
    let word = |word: &str| word.starts_with(|c: char| c.is_ascii_lowercase()) && word.bytes().all(is_plain);
    name.split('.').count() == parts && name.split('.').all(word)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

#[test]
fn names_are_unique_and_have_three_parts() {
    let names: Vec<&str> = actions().map(|action| action.name()).chain(events().map(|event| event.name)).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    for name in names {
        assert!(is_name(name, 3), "{name}");
    }
    assert!(!is_name("a.b", 3) && !is_name("a.B.c", 3) && !is_name("a..c", 3));
}

/// The decisions as a table: `+` is allowed, `a` needs an account, `r` needs another role, `o` is another account's.
#[test]
fn every_subject_action_and_resource_is_decided_as_the_table_says() {
    let [user, other] = [1, 2].map(|n| UserId::new(Uuid::from_u128(n)));
    let (own, others) = (Resource::OwnedBy(user), Resource::OwnedBy(other));
    use BuiltInRole::{Admin, Manager, Support, User};
    let accounts: [&[_]; 6] = [&[], &[User], &[Admin], &[Admin, User], &[Manager, User], &[Support, User]];
    let accounts = accounts.map(Permissions::built_in);
    let accounts = accounts.iter().map(|permissions| Subject::User { id: user, permissions });
    let subjects: Vec<_> = [Subject::Visitor].into_iter().chain(accounts).chain([Subject::System]).collect();
    // One group per subject, in the order of the list above: any resource, one of the user, one of another user.
    let table = [
        (identity::actions::READ_PROFILE, "aaa rrr ++o ++o ++o ++o ++o +++"),
        (identity::actions::CREATE_USER, "aaa rrr rrr +++ +++ rrr rrr +++"),
        (catalog::actions::READ_PRODUCT, "+++ rrr +++ +++ +++ +++ +++ +++"),
        (catalog::actions::READ_ARCHIVED_PRODUCT, "aaa rrr rrr +++ +++ +++ +++ +++"),
        (catalog::actions::MANAGE_PRODUCT, "aaa rrr rrr +++ +++ +++ rrr +++"),
        (catalog::actions::READ_AVAILABILITY, "+++ rrr +++ +++ +++ +++ +++ +++"),
        (catalog::actions::MANAGE_STOCK, "aaa rrr rrr +++ +++ +++ rrr +++"),
        (ordering::actions::PLACE_ORDER, "aaa rrr ++o ++o ++o ++o ++o +++"),
        (ordering::actions::READ_ORDER, "aaa rrr ++o +++ +++ +++ +++ +++"),
        (ordering::actions::CANCEL_ORDER, "aaa rrr ++o +++ +++ +++ +++ +++"),
    ];
    for (action, expected) in table {
        let decided = subjects.iter().map(|subject| {
            [Resource::Any, own, others].map(|resource| match decide(*subject, action, resource) {
                Ok(()) => "+",
                Err(Denial::NeedsAccount) => "a",
                Err(Denial::Role) => "r",
                Err(Denial::Ownership) => "o",
            })
        });
        assert_eq!(decided.map(|group| group.concat()).collect::<Vec<_>>().join(" "), expected, "{}", action.name());
    }
}
