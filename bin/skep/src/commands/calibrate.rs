//! `skep calibrate`.

use super::output::table;
use clap::Args;
use skep_application::kernel::BoxError;
use skep_crypto::{Argon2Cost, HashPool, Measured, calibrate};
use std::time::Duration;

/// A cost counts as its median of so many hashes.
const ROUNDS: usize = 3;

/// Measure how long a hash of a password takes on this machine, and suggest its cost.
///
/// Prints SKEP_PASSWORD_COST with the highest cost whose hash takes no longer than the target, and never with one below
/// the recommendation of OWASP. Run it on the machine of the server, while nothing else runs. Needs no store.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  skep calibrate --target 250")]
pub(super) struct Calibrate {
    /// How many milliseconds a hash may take.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..=5_000))]
    target: u64,
}

pub(super) fn run(command: &Calibrate) -> Result<(), BoxError> {
    let target = Duration::from_millis(command.target);
    let workers = HashPool::for_cores(target).stats().workers;
    let (measured, chosen) = calibrate(target, median)?;
    table(["cost", "milliseconds"], measured.iter().map(row))?;
    let report = report(&measured[chosen], workers, target);
    report.into_iter().try_for_each(|line| tell!("{line}")).map_err(Into::into)
}

fn median(cost: &Argon2Cost) -> Result<Duration, BoxError> {
    let mut times = (0..ROUNDS).map(|_| cost.measure()).collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}

fn row(measured: &Measured) -> [String; 2] {
    [measured.cost.to_string(), format!("{:.1}", measured.time.as_secs_f64() * 1e3)]
}

/// What the chosen cost means for a server with so many hashers.
fn report(chosen: &Measured, workers: usize, target: Duration) -> Vec<String> {
    let Measured { cost, time } = chosen;
    let memory = u64::from(cost.memory_kib()) * workers as u64 / 1024;
    #[expect(clippy::cast_precision_loss, reason = "the number of cores")]
    let rate = workers as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut lines = vec![
        format!("SKEP_PASSWORD_COST={cost}"),
        format!(
            "hashes at the same time on this machine: {workers}; so about {rate:.0} logins per second, with {memory} MiB of memory"
        ),
    ];
    if *time > target {
        lines.push(format!(
            "this is the lowest cost that the server takes; its hash takes longer than {} ms",
            target.as_millis()
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_the_setting_and_what_it_means() {
        let of = |millis| Measured { cost: "m=65536,t=3".parse().unwrap(), time: Duration::from_millis(millis) };
        let within = report(&of(100), 3, Duration::from_millis(150));
        assert_eq!(within[0], "SKEP_PASSWORD_COST=m=65536,t=3");
        assert!(within[1].contains(": 3; so about 30 logins per second, with 192 MiB of memory"), "{within:?}");
        assert_eq!(within.len(), 2);
        let above = report(&of(151), 1, Duration::from_millis(150));
        assert!(above[2].ends_with("takes longer than 150 ms"), "{above:?}");
    }
}
