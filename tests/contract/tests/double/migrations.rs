//! The schema of the double: steps that only have names.

use super::{Double, Flaw, State};
use async_trait::async_trait;
use skep_application::{
    kernel::StoreError,
    operations::{
        AppliedStep, Down, MigrationError, MigrationSet, MigrationStatus, MigrationStep, Migrations, Schedule,
        next_position,
    },
};
use skep_contract::Failure;
use skep_domain::shared::Timestamp;

type Set = MigrationSet<()>;

const fn step(name: &'static str) -> MigrationStep<()> {
    MigrationStep { name, work: () }
}

const SETS: &[Set] = &[
    Set { name: "foundation", after: &[], steps: &[step("first"), step("second")] },
    Set { name: "other", after: &["foundation"], steps: &[step("third")] },
];
const HOSTED: &[MigrationStep<()>] = &[step("first"), step("second"), step(BROKEN)];
/// A step that fails.
const BROKEN: &str = "broken";

/// The steps of a program, which may bring some of its own.
pub(super) fn schedule(hosted: usize) -> Result<Schedule<()>, Failure> {
    let host = Set { name: "suite", after: &["foundation"], steps: &HOSTED[..hosted] };
    Ok(Schedule::new(SETS).and(if hosted == 0 { &[] } else { std::slice::from_ref(&host) })?)
}

/// The records of a store that is migrated.
pub(super) fn migrated() -> Vec<AppliedStep> {
    let mut applied = Vec::new();
    for step in Schedule::new(SETS).missing(&[]) {
        apply(&mut applied, step.set, step.number);
    }
    applied
}

fn apply(applied: &mut Vec<AppliedStep>, set: &str, number: i64) {
    let position = next_position(applied);
    applied.push(AppliedStep { position, set: set.to_owned(), number, applied_at: Timestamp::MIN });
}

impl Double {
    fn applied(&self) -> Result<Vec<AppliedStep>, MigrationError> {
        let applied = self.shared.applied.read().unwrap().clone();
        match self.schedule.check(&applied) {
            Err(MigrationError::Newer { .. }) if self.flaw == Flaw::TouchesNewer => {}
            Err(MigrationError::UnknownSet { .. }) if self.flaw == Flaw::TouchesUnknownSets => {}
            checked => checked?,
        }
        Ok(applied)
    }
}

#[async_trait]
impl Migrations for Double {
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let _turn = self.shared.writer.lock().await;
        let mut applied = if self.flaw == Flaw::MigratesAgain { vec![] } else { self.applied()? };
        let mut missing = self.schedule.missing(&applied);
        if self.flaw == Flaw::RunsHostsFirst {
            missing.sort_by_key(|step| std::cmp::Reverse(step.set));
        }
        for step in &missing {
            if step.name != BROKEN || self.flaw == Flaw::RecordsWhatFailed {
                apply(&mut applied, step.set, step.number);
                self.shared.applied.write().unwrap().clone_from(&applied);
            }
            if step.name == BROKEN {
                return Err(step.failed(StoreError::Stale));
            }
        }
        Ok(missing.iter().map(|step| step.status(Some(Timestamp::MIN))).collect())
    }

    async fn down(&self, which: &Down) -> Result<Vec<MigrationStatus>, MigrationError> {
        let _turn = self.shared.writer.lock().await;
        let mut applied = self.applied()?;
        let all = Down::newest(which.steps);
        let back = match (self.schedule.back(&applied, which), self.flaw) {
            (Ok(_), Flaw::IgnoresTheNamedSet) => self.schedule.back(&applied, &all)?,
            (Err(MigrationError::Needed { .. }), Flaw::TakesBackTheNeeded) => self.schedule.back(&applied, &all)?,
            (back, _) => back?,
        };
        applied.retain(|found| back.iter().all(|(_, position)| *position != found.position));
        if applied.is_empty() {
            *self.shared.state.write().unwrap() = State::default();
        }
        *self.shared.applied.write().unwrap() = applied;
        Ok(back.iter().map(|(step, _)| step.status(None)).collect())
    }

    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        Ok(self.schedule.status(&self.applied()?))
    }
}
