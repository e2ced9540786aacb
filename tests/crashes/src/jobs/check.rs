//! A job has a worker exactly while it runs, each mail is sent as often as its job says, and each fire time has one job.

use super::{EVERY_SECOND, Job, LOST, MAIL, Schedule};
use crate::{
    check::Findings,
    context::{Checks, Command},
    state::{Sent, State, parsed},
};
use chrono::{DateTime, SecondsFormat};
use rand::rngs::StdRng;
use serde_json::Value;
use skep_journeys::Answer;
use std::collections::{BTreeMap, BTreeSet};

/// How many workers a job may lose in succession before it is discarded.
const LOST_MAX: i64 = 3;
const MESSAGE: &str = "the worker was lost";

/// The jobs, and what they have done.
pub(super) struct Work<'s> {
    jobs: &'s [Job],
    schedules: &'s [Schedule],
    /// The mails that the mail server has got, by their keys.
    sent: BTreeMap<&'s str, &'s Sent>,
}

impl<'s> Work<'s> {
    pub(super) fn of(state: &'s State) -> Self {
        let sent = state.rows().iter().map(|sent: &Sent| (sent.key.as_str(), sent)).collect();
        Self { jobs: state.rows(), schedules: state.rows(), sent }
    }

    fn mails(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| job.kind == MAIL)
    }

    /// Checks that a job has a worker exactly while it runs, and is discarded only after it has lost three.
    fn is_held(&self, findings: &mut Findings) {
        for job in self.jobs {
            let is_running = job.state == "running";
            findings.holds(is_running == job.lease_token.is_some(), || {
                format!("job {} is {} and has the worker {:?}", job.id, job.state, job.lease_token)
            });
            let may_be_discarded = job.lost >= LOST_MAX && failures(job).iter().rev().take(3).all(is_lost);
            findings.holds(job.state != "discarded" || may_be_discarded, || {
                format!("job {} is discarded: {}", job.id, job.failures)
            });
        }
    }

    /// Checks that no two jobs have one unique key.
    fn is_unique(&self, findings: &mut Findings) {
        let mut keys = BTreeSet::new();
        for job in self.jobs {
            let is_new = job.held_key.as_ref().is_none_or(|key| keys.insert(key));
            findings.holds(is_new, || format!("two jobs have the key {:?}", job.held_key));
        }
    }

    /// Checks that each mail was sent at least once if its job is completed, and at most once in each attempt.
    fn is_sent(&self, findings: &mut Findings) {
        let mut known = BTreeSet::new();
        for job in self.mails() {
            let key = key(job);
            let (before, after) = self.sent.get(key.as_str()).map_or((0, 0), |sent| (sent.before, sent.after));
            let begun = failures(job).len() + usize::from(["running", "completed"].contains(&&*job.state));
            findings.holds(before as usize <= begun, || {
                format!("the mail {key} was sent {before} times in {begun} attempts of job {}", job.id)
            });
            findings.holds(job.state != "completed" || after > 0, || {
                format!("job {} is completed, but its mail {key} was not sent", job.id)
            });
            known.insert(key);
        }
        for (key, sent) in &self.sent {
            findings.holds(sent.before == 0 || known.contains(*key), || format!("the mail {key} has no job"));
        }
    }

    /// Checks that each fire time that has come has one job, and no other time has any.
    fn is_fired(&self, findings: &mut Findings) {
        for schedule in self.schedules.iter().filter(|schedule| schedule.name == EVERY_SECOND) {
            let start = format!("schedule {} ", schedule.id);
            let times = self.jobs.iter().filter_map(|job| job.held_key.as_deref()?.strip_prefix(&start));
            let made: BTreeSet<String> = times.map(str::to_owned).collect();
            let next = schedule.next_fire_at.unwrap_or(i64::MIN);
            let come = (1..).map(|n| next.saturating_sub(1_000 * n)).take_while(|time| *time > schedule.created_at);
            let expected: BTreeSet<String> = come.map(text_of).collect();
            findings.holds(schedule.next_fire_at.is_some(), || format!("the schedule {EVERY_SECOND} has stopped"));
            for time in made.symmetric_difference(&expected) {
                let fault = if made.contains(time) { "has a job, but has not come" } else { "has no job" };
                findings.holds(false, || format!("the fire time {time} {fault}"));
            }
            findings.checks += expected.len() as u64;
        }
    }
}

fn failures(job: &Job) -> Vec<Value> {
    parsed(&job.failures).as_array().cloned().unwrap_or_default()
}

fn is_lost(failure: &Value) -> bool {
    failure["message"] == MESSAGE
}

/// The key of the mail that the job sends.
fn key(job: &Job) -> String {
    let args = parsed(&job.args);
    format!("{}.{}", args["kind"].as_str().unwrap_or_default(), job.event())
}

fn text_of(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis);
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)).unwrap_or_default()
}

impl Checks for Work<'_> {
    fn rows(&self, findings: &mut Findings) {
        self.is_held(findings);
        self.is_unique(findings);
        self.is_sent(findings);
        self.is_fired(findings);
    }

    /// No client sends a command of this context.
    fn is_true(&self, _: &dyn Command, _: &Value) -> bool {
        false
    }

    fn is_answered(&self, _: &dyn Command, _: &Value, _: &Value) -> bool {
        false
    }

    fn over_http(&self, _: &dyn Fn(String) -> Answer, _: &mut StdRng, _: &mut Findings) {}

    fn is_settled(&self) -> bool {
        self.mails().all(|job| job.state == "completed")
    }

    fn unfinished(&self) -> Vec<&'static str> {
        let is_running = self.mails().any(|job| job.state == "running");
        is_running.then_some("kills that left mails running").into_iter().collect()
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let lost = self.jobs.iter().flat_map(failures).filter(is_lost).count();
        let sent: u64 = self.sent.values().map(|sent| u64::from(sent.after)).sum();
        let fired =
            self.jobs.iter().filter(|job| job.held_key.as_deref().is_some_and(|key| key.starts_with("schedule")));
        vec![
            (LOST, lost as u64),
            ("mails sent", self.sent.len() as u64),
            ("mails sent again, because the worker was killed in between", sent - self.sent.len() as u64),
            ("fire times, each with one job", fired.count() as u64),
        ]
    }
}
