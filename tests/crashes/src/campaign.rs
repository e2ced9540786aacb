//! A series of kills on the same data.

use crate::{
    bucket::{Bucket, Contents},
    check::{Findings, check, kept},
    context::CONTEXTS,
    ledger::{Entry, Ledger, Outcome},
    load::Load,
    look::Connections,
    repeat::repeat,
    shop::Shop,
    state::{KeyRow, State},
    tally::Tally,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use skep_journeys::{Deployment, Store, wait_for};
use std::{collections::BTreeSet, ops::RangeInclusive, sync::atomic::Ordering, thread, time::Duration};

/// The parameters of a campaign.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The store that the servers run on.
    pub store: Store,
    /// Where the contents of files are.
    pub contents: Contents,
    /// The number of kills under load.
    pub kills: u32,
    /// Decides what is bought, and which server is killed when. It does not decide how the machine schedules threads
    /// and processes.
    pub seed: u64,
    /// How many clients send commands at the same time.
    pub clients: usize,
    /// How many instances run. One of them is killed, the others continue.
    pub instances: usize,
    /// After how many answers to kill.
    pub answers: RangeInclusive<usize>,
}

impl Plan {
    /// One instance, eight clients, contents in a folder, and a kill after 20 to 150 answers.
    #[must_use]
    pub const fn new(store: Store, kills: u32, seed: u64) -> Self {
        Self { store, contents: Contents::Folder, kills, seed, clients: 8, instances: 1, answers: 20..=150 }
    }
}

/// How many answers the other instances must give after a kill.
const GO_ON: usize = 20;
/// How many old keys are repeated after each kill.
const SAMPLE: usize = 40;

/// Carries out the plan and calls `progress` after each kill.
///
/// # Errors
/// The faults that were found after a kill. The first kill with faults ends the campaign.
///
/// # Panics
/// If a server does not start or gives an unexpected answer.
pub fn campaign(plan: &Plan, progress: &mut dyn FnMut(&Tally)) -> Result<Tally, Vec<String>> {
    let mut campaign = Campaign::open(plan, Deployment::new(&plan.store));
    for kill in 1..=plan.kills {
        let faults = campaign.kill(kill);
        if !faults.is_empty() {
            return Err(faults.into_iter().map(|fault| format!("after kill {kill}: {fault}")).collect());
        }
        progress(&campaign.tally);
    }
    campaign.finish()
}

/// A shop, the commands that were sent to it, and the counts so far.
pub(crate) struct Campaign<'p> {
    plan: &'p Plan,
    rng: StdRng,
    pub(crate) shop: Shop,
    pub(crate) ledger: Ledger,
    tally: Tally,
}

impl<'p> Campaign<'p> {
    #[track_caller]
    pub(crate) fn open(plan: &'p Plan, mut deployment: Deployment) -> Self {
        let bucket = match &plan.contents {
            Contents::Folder => None,
            Contents::Bucket(url) => Some(Bucket::open(url, &mut deployment)),
        };
        Self {
            rng: StdRng::seed_from_u64(plan.seed),
            shop: Shop::open((deployment, bucket), plan.instances, plan.clients),
            ledger: Ledger::default(),
            tally: Tally::default(),
            plan,
        }
    }

    /// Kills a server, restarts it, checks everything and returns the faults.
    fn kill(&mut self, kill: u32) -> Vec<String> {
        let old: BTreeSet<String> = self.ledger.entries.keys().cloned().collect();
        let (dead, connections) = self.load_and_kill(kill);
        self.tally.kills += 1;
        if dead == 0 && self.rng.random_ratio(1, 4) {
            self.shop.deployment.start_and_kill(Duration::from_millis(self.rng.random_range(0..150)));
            self.tally.start_kills += 1;
        }
        self.shop.restart(dead);
        // Requests of the killed server may have reached the store after its end and opened transactions.
        connections.end_abandoned(&self.shop.deployment);
        self.verify(&old)
    }

    /// Checks the store and the API, repeats the commands whose keys are not in `old` and a sample of the old ones,
    /// checks the store again, and returns the faults.
    pub(crate) fn verify(&mut self, old: &BTreeSet<String>) -> Vec<String> {
        let is_new = |key: &&String| !old.contains(*key);
        let new: Vec<String> = self.ledger.entries.keys().filter(is_new).cloned().collect();
        self.count(&new);
        let first = self.shop.look();
        let mut findings = check(&first, &self.ledger);
        self.tally.found += findings.found;
        self.tally.not_found += findings.not_found;
        self.over_http(&first, &mut findings);
        let mut keys = new;
        keys.extend(old.iter().cloned().collect::<Vec<_>>().sample(&mut self.rng, SAMPLE).cloned());
        self.repeat(&first, keys, &mut findings);
        self.tally.checks += findings.checks;
        findings.faults
    }

    /// Repeats the commands that were not refused by a rule, and checks the store again.
    fn repeat(&mut self, before: &State, mut keys: Vec<String>, findings: &mut Findings) {
        keys.retain(|key| is_repeated(&self.ledger.entries[key]));
        self.tally.repeats += keys.len() as u64;
        findings.checks += keys.len() as u64;
        findings.faults.extend(repeat(&self.shop, &mut self.ledger, &keys));
        let after = self.shop.look();
        let found = check(&after, &self.ledger);
        findings.checks += found.checks;
        findings.faults.extend(found.faults);
        kept(before, &after, findings);
        self.tally.stored = after.rows::<KeyRow>().len() as u64;
    }

    /// Lets the clients work and kills one of the instances. Returns its index and its connections.
    fn load_and_kill(&mut self, kill: u32) -> (usize, Connections) {
        // Otherwise nothing is delivered before the lease of the process that was killed last has run out.
        if self.rng.random_ratio(3, 4) {
            self.shop.wait_for_deliveries();
        }
        let answers = self.rng.random_range(self.plan.answers.clone());
        let pause = Duration::from_micros(self.rng.random_range(0..5_000));
        let dead = self.rng.random_range(0..self.plan.instances);
        let seed: u64 = self.rng.random();
        let (shop, load) = (&self.shop, Load::new(&mut self.ledger));
        let (ids, connections) = thread::scope(|scope| {
            let workers = shop.buyers.iter().enumerate().map(|(n, buyer)| {
                let worker = buyer.worker(shop, n % self.plan.instances, format!("{kill}-{n}"));
                let (load, seed) = (&load, seed.wrapping_add(n as u64));
                scope.spawn(move || worker.work(load, seed))
            });
            let workers: Vec<_> = workers.collect();
            // Stops the workers even if the code below panics, because the scope waits for them.
            let enough = Enough(&load);
            wait_for("answers", || (load.answers.load(Ordering::SeqCst) >= answers).then_some(()));
            // Makes the moment of the kill random. It does not wait for a condition.
            thread::sleep(pause);
            let connections = Connections::of(&shop.servers[dead]);
            shop.servers[dead].signal("KILL");
            connections.end_abandoned(&shop.deployment);
            if self.plan.instances > 1 {
                let before = load.answers.load(Ordering::SeqCst);
                let is_enough = || load.answers.load(Ordering::SeqCst) >= before + GO_ON;
                wait_for("the others to go on", || is_enough().then_some(()));
            }
            drop(enough);
            let ids: Vec<_> = workers.into_iter().map(|worker| worker.join().expect("no panic")).collect();
            (ids, connections)
        });
        let exit = self.shop.servers.remove(dead).wait();
        assert_eq!(exit.code, None, "it was killed: {}", exit.log);
        self.count_unfinished();
        for (buyer, ids) in self.shop.buyers.iter_mut().zip(ids) {
            buyer.ids = ids;
        }
        (dead, connections)
    }

    /// Counts the work that the kill has left.
    fn count_unfinished(&mut self) {
        let state = self.shop.look();
        for left in CONTEXTS.iter().flat_map(|context| context.checks(&state).unfinished()) {
            *self.tally.left.entry(left).or_default() += 1;
        }
    }

    fn count(&mut self, keys: &[String]) {
        self.tally.sent += keys.len() as u64;
        for key in keys {
            let entry = &self.ledger.entries[key];
            *match entry.outcome {
                Outcome::Acknowledged { .. } => self.tally.acknowledged.entry(entry.command.things()).or_default(),
                Outcome::Refused { .. } => &mut self.tally.refused,
                Outcome::Unanswered => &mut self.tally.unanswered,
            } += 1;
        }
    }

    /// Checks that the API shows the same as the tables.
    fn over_http(&mut self, state: &State, findings: &mut Findings) {
        let admin = self.shop.admin.at(&self.shop.servers[0]);
        let get = |target: String| admin.get(target).send().ok();
        for context in CONTEXTS {
            context.checks(state).over_http(&get, &mut self.rng, findings);
        }
    }

    /// Ages what the kills have left, waits until it is swept, and checks the rest.
    fn sweep(&mut self, findings: &mut Findings) {
        CONTEXTS.iter().for_each(|context| context.age(&self.shop.deployment, self.shop.bucket.as_ref()));
        let state = wait_for("what the kills have left to be swept", || {
            let state = self.shop.look();
            CONTEXTS.iter().all(|context| context.checks(&state).is_swept()).then_some(state)
        });
        let found = check(&state, &self.ledger);
        findings.checks += found.checks;
        findings.faults.extend(found.faults);
    }

    /// Repeats every command once more and stops the servers gracefully.
    pub(crate) fn finish(mut self) -> Result<Tally, Vec<String>> {
        let mut findings = Findings::default();
        let before = self.shop.look();
        let keys = self.ledger.entries.keys().cloned().collect();
        self.repeat(&before, keys, &mut findings);
        let admin = self.shop.admin.at(&self.shop.servers[0]);
        let state = wait_for("what follows the commands to happen", || {
            CONTEXTS.iter().for_each(|context| context.repair(&admin));
            let state = self.shop.look();
            CONTEXTS.iter().all(|context| context.checks(&state).is_settled()).then_some(state)
        });
        let found = check(&state, &self.ledger);
        findings.checks += found.checks;
        findings.faults.extend(found.faults);
        self.tally.checks += findings.checks;
        self.tally.followed.extend(CONTEXTS.iter().flat_map(|context| context.checks(&state).counts()));
        self.sweep(&mut findings);
        for server in self.shop.servers.drain(..) {
            server.stop();
        }
        if findings.faults.is_empty() { Ok(self.tally) } else { Err(findings.faults) }
    }
}

/// Stops the workers when it is dropped.
pub(crate) struct Enough<'e>(pub(crate) &'e Load<'e>);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.enough.store(true, Ordering::SeqCst);
    }
}

/// Whether the command is repeated. The rules would judge a command that they refused again, with another result.
fn is_repeated(entry: &Entry) -> bool {
    !matches!(&entry.outcome, Outcome::Refused { problem } if problem.starts_with("409"))
}
