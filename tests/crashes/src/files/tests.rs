//! Correct files have no faults, and each flaw that is planted into them is found.

use super::{check::Cabinet, *};
use crate::{
    check::{Findings, check},
    ledger::{Entry, Ledger, Outcome},
    state::{Event, KeyRow},
};
use serde_json::{Value, json};

const BUYER: Uuid = Uuid::from_u128(1);
const READY: Uuid = Uuid::from_u128(10);
/// A file that was deleted, whose row waits for its content to go.
const MARKED: Uuid = Uuid::from_u128(11);
/// A file that was deleted and whose row is gone.
const GONE: Uuid = Uuid::from_u128(12);
/// An upload whose content is complete.
const UPLOAD: Uuid = Uuid::from_u128(13);

#[derive(Default)]
struct Story {
    state: State,
    ledger: Ledger,
}

impl Story {
    fn event(&mut self, name: &str, aggregate_id: Uuid, aggregate_version: i64, payload: &Value) {
        let (events, payload) = (self.state.rows_mut::<Event>(), payload.to_string());
        let id = Uuid::from_u128(1_000 + events.len() as u128);
        events.push(Event { id, name: name.into(), aggregate_id, aggregate_version, payload });
    }

    fn sent(&mut self, key: &str, command: impl Command, answer: &Value, body: Value) {
        let (use_case, version) = (command.use_case().to_owned(), answer["version"].as_i64().unwrap_or_default());
        let outcome = Outcome::Acknowledged { body, version };
        let entry = Entry { principal: BUYER, command: Arc::new(command), outcome };
        self.ledger.entries.insert(key.into(), entry);
        let answer = Some(answer.to_string());
        self.state.rows_mut::<KeyRow>().push(KeyRow { principal: BUYER, use_case, key: key.into(), answer });
    }

    fn begin(&mut self, id: Uuid, store: &Store) {
        let size = i64::try_from(store.size).unwrap();
        let (name, state) = (store.name(), "uploading".to_owned());
        self.state.rows_mut().push(File { id, owner_id: BUYER, name, size, sha256: None, state, version: 1 });
        let sha256 = store.sha256.clone();
        self.state.rows_mut().push(Content { id, is_published: true, size, sha256 });
    }

    fn store(&mut self, key: &str, id: Uuid) {
        let store = Store::new(u64::from(key.as_bytes()[0]), 100);
        self.begin(id, &store);
        let file = self.file(id);
        (file.state, file.version, file.sha256) = ("ready".into(), 2, Some(store.sha256.clone()));
        let payload = json!({ "file_id": id, "owner_id": BUYER, "size": 100, "sha256": store.sha256 });
        self.event("files.file_uploaded.v1", id, 2, &payload);
        let answer = json!({ "id": id, "size": 100, "name": store.name(), "checksum": store.sha256, "version": 2 });
        let body = json!({ "id": id, "size": 100, "name": store.name(), "sha256": store.sha256 });
        self.sent(key, store, &answer, body);
    }

    fn delete(&mut self, key: &str, id: Uuid) {
        let file = self.file(id);
        (file.state, file.version) = ("deleted".into(), 3);
        self.event("files.file_deleted.v1", id, 3, &json!({ "file_id": id }));
        self.sent(key, Delete(id), &Value::Null, Value::Null);
    }

    fn file(&mut self, id: Uuid) -> &mut File {
        self.state.rows_mut::<File>().iter_mut().find(|file| file.id == id).unwrap()
    }

    fn content(&mut self, id: Uuid) -> &mut Content {
        self.state.rows_mut::<Content>().iter_mut().find(|content| content.id == id).unwrap()
    }

    fn faults(&self) -> Vec<String> {
        check(&self.state, &self.ledger).faults
    }
}

fn right() -> Story {
    let mut story = Story::default();
    story.store("ready", READY);
    story.store("marked", MARKED);
    story.store("gone", GONE);
    story.delete("delete-marked", MARKED);
    story.delete("delete-gone", GONE);
    story.begin(UPLOAD, &Store::new(7, 50));
    story.state.rows_mut::<File>().retain(|file| file.id != GONE);
    story.state.rows_mut::<Content>().retain(|content| content.id != GONE);
    story.state.rows_mut().push(Usage { owner_id: BUYER, files: 3, bytes: 250, uploads: 1 });
    story
}

#[test]
fn correct_files_have_no_fault() {
    let mut story = right();
    assert_eq!(story.faults(), Vec::<String>::new());
    let cabinet = Cabinet::of(&story.state);
    assert_eq!(cabinet.unfinished(), ["kills that left a deleted file with its content"]);
    assert_eq!(cabinet.counts(), [(CUT_OFF, 0), (UNFINISHED, 1)]);
    story.content(UPLOAD).is_published = false;
    story.state.rows_mut::<Content>().retain(|content| content.id != MARKED);
    let cabinet = Cabinet::of(&story.state);
    assert_eq!(cabinet.unfinished(), ["kills that left the row of a deleted content"]);
    assert_eq!(cabinet.counts(), [(CUT_OFF, 1), (UNFINISHED, 0)]);
}

#[test]
fn only_files_that_are_ready_are_left_by_a_sweep() {
    let mut story = right();
    let is_swept = |story: &Story| Cabinet::of(&story.state).is_swept();
    assert!(!is_swept(&story));
    story.state.rows_mut::<File>().retain(|file| file.state == "ready");
    assert!(!is_swept(&story), "contents without a file");
    story.state.rows_mut::<Content>().retain(|content| content.id == READY);
    assert!(is_swept(&story));
    story.content(READY).is_published = false;
    assert!(!is_swept(&story), "a content that is not complete");
}

type Flaw = (&'static str, fn(&mut Story), &'static str);

const FLAWS: &[Flaw] = &[
    ("no content", |s| s.state.rows_mut::<Content>().retain(|content| content.id != READY), "has no content"),
    ("a part of a content", |s| s.content(READY).is_published = false, "has no content"),
    ("another content", |s| s.content(READY).sha256 = sha256_of(b"wax"), "has another content"),
    ("a short content", |s| s.content(READY).size = 99, "has another content"),
    ("lost file", |s| s.state.rows_mut::<File>().retain(|file| file.id != READY), "and does not exist"),
    (
        "ready without an event",
        |s| s.state.rows_mut::<Event>().retain(|event| event.aggregate_id != READY),
        "events []",
    ),
    (
        "double event",
        |s| s.state.rows_mut::<Event>().extend_from_within(..1),
        "is ready at version 2 and has the events",
    ),
    (
        "event of another file",
        |s| s.state.rows_mut::<Event>()[0].payload = s.state.rows_mut::<Event>()[1].payload.clone(),
        "describes another file",
    ),
    (
        "deletion undone",
        |s| (s.file(MARKED).state, s.file(MARKED).version) = ("ready".into(), 2),
        "is ready at version 2",
    ),
    (
        "deletion without an event",
        |s| s.state.rows_mut::<Event>().retain(|event| event.aggregate_id != GONE || event.aggregate_version != 3),
        "and does not exist",
    ),
    (
        "deletion without a key",
        |s| s.state.rows_mut::<KeyRow>().retain(|row| row.key != "delete-gone"),
        "1 keys have deleted 2 files",
    ),
    (
        "lost deletion",
        |s| s.state.rows_mut::<KeyRow>().retain(|row| row.key != "delete-gone"),
        "delete-gone was acknowledged",
    ),
    ("file without a key", |s| s.state.rows_mut::<KeyRow>().retain(|row| row.key != "ready"), "stored by 0 keys"),
    (
        "file of two keys",
        |s| {
            let mut row = s.state.rows_mut::<KeyRow>()[0].clone();
            row.key = "again".into();
            s.state.rows_mut::<KeyRow>().push(row);
        },
        "stored by 2 keys",
    ),
    (
        "other content than sent",
        |s| s.ledger.entries.get_mut("ready").unwrap().command = Arc::new(Store::new(1, 100)),
        "contradicts the store",
    ),
    ("usage of too many bytes", |s| s.state.rows_mut::<Usage>()[0].bytes += 1, "differs from"),
    ("usage of too many uploads", |s| s.state.rows_mut::<Usage>()[0].uploads += 1, "differs from"),
    ("no usage", |s| s.state.rows_mut::<Usage>().clear(), "has files and no usage"),
];

#[test]
fn every_flaw_is_found() {
    for (name, plant, text) in FLAWS {
        let mut story = right();
        plant(&mut story);
        let faults = story.faults();
        assert!(faults.iter().any(|fault| fault.contains(text)), "{name}: {faults:?}");
    }
}

#[test]
fn contents_are_found_and_aged() {
    let folder = std::env::temp_dir().join(format!("skep-contents-{}", Uuid::from_u128(rand::random())));
    contents::age(&folder);
    let found = contents::all(&folder);
    assert_eq!(found.iter().filter(|content| content.is_published && content.size == 3).count(), 1, "{found:?}");
    assert_eq!(found.len(), 2);
    std::fs::remove_dir_all(&folder).unwrap();
    let mut findings = Findings::default();
    Cabinet::of(&State::default()).rows(&mut findings);
    assert_eq!(findings.faults, Vec::<String>::new());
}
