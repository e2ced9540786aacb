//! A file that is ready has its content, its event and its key, and what users keep adds up.

use super::{CUT_OFF, Content, DELETED, Delete, FILES, File, STORED, Store, UNFINISHED, Usage, sha256_of};
use crate::{
    check::Findings,
    context::{Checks, Command, command},
    state::{Event, Groups, KeyRow, State, group, id_at, of, parsed},
};
use rand::{rngs::StdRng, seq::IndexedRandom as _};
use serde_json::Value;
use skep_journeys::Answer;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How many contents are read over HTTP after each kill.
const SAMPLE: usize = 10;
const UPLOADED: (i64, &str) = (2, "files.file_uploaded.v1");
const REMOVED: (i64, &str) = (3, "files.file_deleted.v1");

/// The files with their contents and events.
pub(super) struct Cabinet<'s> {
    state: &'s State,
    files: BTreeMap<Uuid, &'s File>,
    /// The complete contents.
    contents: BTreeMap<Uuid, &'s Content>,
    events: Groups<'s, Uuid, Event>,
}

impl<'s> Cabinet<'s> {
    pub(super) fn of(state: &'s State) -> Self {
        let published = state.rows().iter().filter(|content: &&Content| content.is_published);
        Self {
            state,
            files: state.rows().iter().map(|file: &File| (file.id, file)).collect(),
            contents: published.map(|content| (content.id, content)).collect(),
            events: state.events("files.file_"),
        }
    }

    fn all(&self) -> &'s [File] {
        self.state.rows()
    }

    fn in_state(&self, state: &str) -> impl Iterator<Item = &'s File> {
        self.all().iter().filter(move |file| file.state == state)
    }

    fn has_content(&self, file: &File) -> bool {
        self.contents.contains_key(&file.id)
    }

    fn history(&self, id: Uuid) -> Vec<(i64, &'s str)> {
        of(&self.events, &id).iter().map(|event| (event.aggregate_version, event.name.as_str())).collect()
    }

    /// Checks that the content of a file is there exactly as its row says.
    fn is_kept(&self, file: &File, findings: &mut Findings) {
        let content = self.contents.get(&file.id);
        findings.holds(content.is_some(), || format!("file {} is ready and has no content", file.id));
        let is_same = content
            .is_none_or(|content| content.size == file.size && Some(content.sha256.as_str()) == file.sha256.as_deref());
        findings.holds(is_same, || format!("file {} has another content than its row says", file.id));
    }

    /// Checks that the events of a file are those of its state.
    fn is_told(&self, file: &File, findings: &mut Findings) {
        let history = self.history(file.id);
        let is_right = match (file.state.as_str(), file.version) {
            // An upload, and one that was given up.
            ("uploading", 1) | ("deleted", 2) => history.is_empty() && file.sha256.is_none(),
            ("ready", 2) => history == [UPLOADED] && file.sha256.is_some(),
            ("deleted", 3) => history == [UPLOADED, REMOVED] && file.sha256.is_some(),
            _ => false,
        };
        findings.holds(is_right, || {
            format!("file {} is {} at version {} and has the events {history:?}", file.id, file.state, file.version)
        });
    }

    /// Checks that a file whose row is gone was deleted, and that each event describes its file.
    fn is_whole(&self, id: Uuid, findings: &mut Findings) {
        let history = self.history(id);
        let is_there = self.files.contains_key(&id) || history == [UPLOADED, REMOVED];
        findings.holds(is_there, || format!("file {id} has the events {history:?} and does not exist"));
        let Some(file) = self.files.get(&id) else { return };
        for event in of(&self.events, &id).iter().filter(|event| event.name == UPLOADED.1) {
            let payload = parsed(&event.payload);
            let is_right = id_at(&payload, "file_id") == id
                && id_at(&payload, "owner_id") == file.owner_id
                && payload["size"] == file.size
                && payload["sha256"].as_str() == file.sha256.as_deref();
            findings.holds(is_right, || format!("the event of file {id} describes another file"));
        }
    }

    /// Checks that each file and each deletion has exactly the key that caused it.
    fn is_caused(&self, findings: &mut Findings) {
        let mut stored: BTreeMap<Uuid, usize> = BTreeMap::new();
        for answer in self.state.answers(STORED) {
            *stored.entry(id_at(&answer, "id")).or_default() += 1;
        }
        for id in self.events.keys() {
            let keys = stored.get(id).copied().unwrap_or_default();
            findings.holds(keys == 1, || format!("file {id} was stored by {keys} keys"));
        }
        let asked = self.state.rows::<KeyRow>().iter().filter(|row| row.use_case == DELETED).count();
        let removals = self.events.values().flatten().filter(|event| event.name == REMOVED.1).count();
        findings.holds(asked == removals, || format!("{asked} keys have deleted {removals} files"));
    }

    /// Checks that what a user keeps is the sum of the files.
    fn adds_up(&self, findings: &mut Findings) {
        let files = group(self.all(), |file| Some(file.owner_id));
        let usages = self.state.rows::<Usage>();
        for usage in usages {
            let kept = of(&files, &usage.owner_id);
            let uploads = kept.iter().filter(|file| file.state == "uploading").count();
            let sums = [kept.len(), uploads].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
            let bytes: i64 = kept.iter().map(|file| file.size).sum();
            findings.holds([usage.files, usage.uploads, usage.bytes] == [sums[0], sums[1], bytes], || {
                format!("the usage {usage:?} differs from {sums:?} files and uploads with {bytes} bytes")
            });
        }
        let owners: BTreeSet<Uuid> = usages.iter().map(|usage| usage.owner_id).collect();
        findings.holds(owners.len() == usages.len(), || "a user has two usages".to_owned());
        for owner in files.keys() {
            findings.holds(owners.contains(owner), || format!("user {owner} has files and no usage"));
        }
    }
}

impl Checks for Cabinet<'_> {
    fn rows(&self, findings: &mut Findings) {
        findings.holds(self.files.len() == self.all().len(), || "two files have the same id".to_owned());
        self.in_state("ready").for_each(|file| self.is_kept(file, findings));
        self.all().iter().for_each(|file| self.is_told(file, findings));
        self.events.keys().for_each(|id| self.is_whole(*id, findings));
        self.is_caused(findings);
        self.adds_up(findings);
    }

    fn is_true(&self, sent: &dyn Command, stored: &Value) -> bool {
        if let Some(Delete(id)) = command::<Delete>(sent) {
            return stored.is_null() && self.history(*id).contains(&REMOVED);
        }
        let Some(store) = command::<Store>(sent) else { return false };
        stored["checksum"] == store.sha256.as_str()
            && stored["size"] == store.size
            && stored["name"] == store.name().as_str()
            && self.history(id_at(stored, "id")).contains(&UPLOADED)
    }

    fn is_answered(&self, _sent: &dyn Command, body: &Value, stored: &Value) -> bool {
        let of_file = ["id", "size", "name"].iter().all(|name| body[name] == stored[name]);
        of_file && body["sha256"] == stored["checksum"]
    }

    fn over_http(&self, get: &dyn Fn(String) -> Answer, rng: &mut StdRng, findings: &mut Findings) {
        let total = get(format!("{FILES}?limit=1&count=exact")).number("/page/total");
        let ready: Vec<&File> = self.in_state("ready").collect();
        let is_total = total == i64::try_from(ready.len()).unwrap_or(-1);
        findings.holds(is_total, || format!("{total} files are listed"));
        for file in ready.sample(rng, SAMPLE) {
            let shown = sha256_of(&get(format!("{FILES}/{}/content", file.id)).body);
            let is_same = Some(shown.as_str()) == file.sha256.as_deref();
            findings.holds(is_same, || format!("the API shows another content of file {}", file.id));
        }
    }

    fn unfinished(&self) -> Vec<&'static str> {
        let mut left = vec![];
        if self.in_state("deleted").any(|file| self.has_content(file)) {
            left.push("kills that left a deleted file with its content");
        }
        if self.in_state("deleted").any(|file| !self.has_content(file)) {
            left.push("kills that left the row of a deleted content");
        }
        left
    }

    fn is_swept(&self) -> bool {
        let rest = self.state.rows::<Content>().iter().filter(|content| {
            let file = self.files.get(&content.id);
            !content.is_published || file.is_none_or(|file| file.state != "ready")
        });
        self.all().iter().all(|file| file.state == "ready") && rest.count() == 0
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let (after, before): (Vec<&File>, Vec<&File>) =
            self.in_state("uploading").partition(|file| self.has_content(file));
        vec![(CUT_OFF, before.len() as u64), (UNFINISHED, after.len() as u64)]
    }
}
