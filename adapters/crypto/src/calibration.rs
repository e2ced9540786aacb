//! Chooses the cost of hashes by how long they take on a machine.

use crate::Argon2Cost;
use std::time::Duration;

/// Memory in KiB and passes, from the lowest recommended cost to more work and more memory.
const LADDER: [(u32, u32); 9] = [
    (19_456, 2),
    (24_576, 2),
    (32_768, 2),
    (47_104, 2),
    (65_536, 2),
    (65_536, 3),
    (65_536, 4),
    (98_304, 4),
    (131_072, 4),
];

/// A cost, and how long a hash with it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The cost of the hash.
    pub cost: Argon2Cost,
    /// The time of the hash.
    pub time: Duration,
}

/// Measures costs from the lowest recommended one upward, until a hash takes longer than the target. Returns what was
/// measured, and the place of the highest cost within the target. It is that of the lowest cost if no hash is fast enough.
///
/// # Errors
/// That of `measure`.
pub fn calibrate<E>(
    target: Duration,
    mut measure: impl FnMut(&Argon2Cost) -> Result<Duration, E>,
) -> Result<(Vec<Measured>, usize), E> {
    let mut measured = Vec::with_capacity(LADDER.len());
    for cost in LADDER.iter().filter_map(|(memory, passes)| Argon2Cost::new(*memory, *passes, 1).ok()) {
        let time = measure(&cost)?;
        measured.push(Measured { cost, time });
        if time > target {
            break;
        }
    }
    let within = measured.iter().filter(|of| of.time <= target).count();
    Ok((measured, within.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calibrates a machine on which a pass over a MiB takes so many microseconds.
    fn on_a_machine(micros: u64, target: u64) -> (Vec<String>, String) {
        let time = |cost: &Argon2Cost| {
            let mib = u64::from(cost.memory_kib()) / 1024;
            Ok::<_, ()>(Duration::from_micros(mib * u64::from(cost.passes()) * micros))
        };
        let (measured, chosen) = calibrate(Duration::from_millis(target), time).unwrap();
        (measured.iter().map(|of| of.cost.to_string()).collect(), measured[chosen].cost.to_string())
    }

    #[test]
    fn the_highest_cost_within_the_target_is_chosen() {
        for (micros, target, chosen, tried) in [
            (1_000, 150, "m=65536,t=2", 6),
            (1_000, 192, "m=65536,t=3", 7),
            (750, 150, "m=65536,t=3", 7),
            (1_000, 38, "m=19456,t=2", 2),
            (1, 150, "m=131072,t=4", 9),
        ] {
            let (measured, cost) = on_a_machine(micros, target);
            assert_eq!((cost.as_str(), measured.len()), (chosen, tried), "{micros} {target}");
        }
    }

    #[test]
    fn no_target_leads_below_the_recommended_costs() {
        let (measured, chosen) = on_a_machine(100_000, 1);
        assert_eq!((measured.len(), chosen), (1, Argon2Cost::default().to_string()));
    }

    #[test]
    fn each_step_is_a_cost_that_a_server_takes_and_more_work_than_the_one_before() {
        let work = |(memory, passes): &(u32, u32)| memory * passes;
        assert!(LADDER.windows(2).all(|pair| work(&pair[0]) < work(&pair[1]) && pair[0].0 <= pair[1].0));
        for (memory, passes) in LADDER {
            let cost = Argon2Cost::new(memory, passes, 1).unwrap();
            assert_eq!(cost.to_string().parse::<Argon2Cost>(), Ok(cost));
        }
    }

    #[test]
    fn a_machine_that_cannot_hash_is_reported() {
        assert_eq!(calibrate(Duration::MAX, |_| Err("no memory")), Err("no memory"));
    }
}
