//! The words of `docs/style.md`, on the real tree and on texts that break each rule.

use skep_architecture::*;
use std::{collections::BTreeMap, fs};

fn table() -> Vec<Avoided> {
    avoided(&fs::read_to_string(workspace().join("docs/style.md")).expect("the style page can be read"))
}

fn file(text: &str) -> SourceFile {
    SourceFile { path: "a.rs".to_owned(), text: text.to_owned() }
}

/// A count for each phrase, and each place with the text to write there.
fn report(found: &[Finding], table: &[Avoided]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in found {
        *counts.entry(&finding.text).or_default() += 1;
    }
    let instead = |phrase: &str| table.iter().find(|rule| rule.phrase == phrase).map_or("", |rule| &rule.instead);
    let places = found.iter().map(|finding| {
        format!("{}:{}: \"{}\"; write: {}", finding.path, finding.line, finding.text, instead(&finding.text))
    });
    let counts = counts.iter().map(|(phrase, count)| format!("{count:>5} {phrase}"));
    counts.chain(places).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_text_has_an_avoided_phrase() {
    let table = table();
    assert!(table.len() >= 20, "the table has {} rows", table.len());
    let texts = texts(&workspace());
    assert!(texts.len() > 500, "{} texts", texts.len());
    let found: Vec<Finding> = texts.iter().flat_map(|text| avoided_phrases(text, &table)).collect();
    println!("{} places with an avoided phrase", found.len());
    assert!(found.is_empty(), "\n{}", report(&found, &table));
}

#[test]
fn comments_say_more_than_the_name() {
    let texts = texts(&workspace());
    let found: Vec<String> = texts
        .iter()
        .filter(|text| text.path.ends_with(".rs"))
        .flat_map(repeated_names)
        .map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.text))
        .collect();
    println!("{} comments that repeat a name", found.len());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn an_avoided_phrase_is_found_in_comments_strings_and_over_the_end_of_a_line() {
    let table = avoided("| avoid | write | why |\n| --- | --- | --- |\n| `is hollow` | x | y |\n| `Drone` | x | y |\n");
    assert_eq!(table.len(), 2);
    let lines = |text: &str| avoided_phrases(&file(text), &table).iter().map(|found| found.line).collect::<Vec<_>>();
    assert_eq!(lines("/// The tree is\n/// hollow."), [1]);
    assert_eq!(lines("let text = \"Is hollow\";\n// Drone calls"), [1, 2]);
    assert_eq!(lines("fn is_hollow() {} // a drone waits; tree.is_hollow()"), Vec::<usize>::new());
}

#[test]
fn a_comment_that_repeats_the_name_is_found() {
    let repeated = |text: &str| repeated_names(&file(text)).len();
    assert_eq!(repeated("/// The display name.\npub display_name: Name,"), 1);
    assert_eq!(repeated("/// A user repository.\n#[async_trait]\npub trait UserRepository {"), 1);
    assert_eq!(repeated("/// The display name, 1 to 80 characters.\npub display_name: Name,"), 0);
    assert_eq!(repeated("/// The name.\n///\n/// More.\npub name: Name,"), 0);
}
