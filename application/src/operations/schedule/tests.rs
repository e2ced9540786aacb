use super::*;

type Set = MigrationSet<()>;

const fn step(name: &'static str) -> MigrationStep<()> {
    MigrationStep { name, work: () }
}

const OURS: &[Set] = &[
    Set { name: "foundation", after: &[], steps: &[step("all")] },
    Set { name: "catalog", after: &["foundation"], steps: &[step("categories"), step("pictures")] },
    Set { name: "identity", after: &["foundation"], steps: &[step("teams")] },
];
const HOST: &[Set] = &[Set { name: "reviews", after: &["catalog"], steps: &[step("reviews")] }];

fn schedule() -> Schedule<()> {
    Schedule::new(OURS).and(HOST).unwrap()
}

/// Records in the order in which the steps were applied.
fn applied(steps: &[(&str, i64)]) -> Vec<AppliedStep> {
    let record = |(position, (set, number)): (i64, &(&str, i64))| AppliedStep {
        position,
        set: (*set).to_owned(),
        number: *number,
        applied_at: Timestamp::MIN,
    };
    (1..).zip(steps).map(record).collect()
}

fn names(steps: &[ScheduledStep<()>]) -> Vec<(&str, i64, &str)> {
    steps.iter().map(|step| (step.set, step.number, step.name)).collect()
}

fn back(records: &[(&str, i64)], which: &Down) -> Result<Vec<(&'static str, i64)>, MigrationError> {
    let steps = schedule().back(&applied(records), which)?;
    Ok(steps.into_iter().map(|(step, _)| (step.set, step.number)).collect())
}

const FRESH: &[(&str, i64)] = &[("foundation", 1), ("catalog", 1), ("catalog", 2), ("identity", 1), ("reviews", 1)];

#[test]
fn sets_run_in_order_and_those_of_the_host_program_last() {
    let all = [
        ("foundation", 1, "all"),
        ("catalog", 1, "categories"),
        ("catalog", 2, "pictures"),
        ("identity", 1, "teams"),
        ("reviews", 1, "reviews"),
    ];
    assert_eq!(names(&schedule().missing(&[])), all);
    let some = applied(&[("foundation", 1), ("catalog", 1), ("identity", 1)]);
    assert_eq!(names(&schedule().missing(&some)), [all[2], all[4]]);
    assert!(schedule().missing(&applied(FRESH)).is_empty());
    assert_eq!((next_position(&[]), next_position(&some)), (1, 4));

    let status = schedule().status(&some);
    let shown: Vec<_> = status.iter().map(|step| (step.set.as_str(), step.applied_at.is_some())).collect();
    let expected =
        [("foundation", true), ("catalog", true), ("catalog", false), ("identity", true), ("reviews", false)];
    assert_eq!(shown, expected);
}

#[test]
fn a_store_with_unknown_steps_is_refused() {
    assert!(schedule().check(&applied(FRESH)).is_ok());
    let newer = schedule().check(&applied(&[("foundation", 1), ("catalog", 3), ("catalog", 4)])).unwrap_err();
    assert!(newer.is_newer());
    let text = newer.to_string();
    assert!(text.contains("migration 4 of the set catalog") && text.contains("up to 2"), "{text}");
    let unknown = Schedule::new(OURS).check(&applied(FRESH)).unwrap_err();
    assert!(unknown.is_newer());
    let text = unknown.to_string();
    assert!(text.contains("up to 1 of the set reviews") && text.contains("run the program"), "{text}");
}

#[test]
fn the_steps_that_were_applied_last_are_reverted_first() {
    assert_eq!(back(FRESH, &Down::newest(2)).unwrap(), [("reviews", 1), ("identity", 1)]);
    assert_eq!(back(FRESH, &Down::newest(0)).unwrap(), []);
    assert_eq!(back(FRESH, &Down::newest(u32::MAX)).unwrap().len(), FRESH.len());
    // The step that an upgrade applied last is reverted first, in whatever set it is.
    let upgraded = [("foundation", 1), ("catalog", 1), ("identity", 1), ("catalog", 2)];
    assert_eq!(back(&upgraded, &Down::newest(1)).unwrap(), [("catalog", 2)]);
    assert_eq!(back(&[], &Down::newest(1)).unwrap(), []);
}

#[test]
fn a_named_set_is_reverted_unless_another_set_depends_on_it() {
    assert_eq!(back(FRESH, &Down::of("identity", 5)).unwrap(), [("identity", 1)]);
    assert_eq!(back(FRESH, &Down::of("reviews", 1)).unwrap(), [("reviews", 1)]);
    let needed = |set: &str, steps| match back(FRESH, &Down::of(set, steps)) {
        Err(MigrationError::Needed { by, .. }) => by,
        other => panic!("{other:?}"),
    };
    assert_eq!(needed("catalog", 1), "reviews");
    assert_eq!(needed("foundation", 1), "catalog");
    // The other set cannot depend on a step that was applied after it.
    let later = [("foundation", 1), ("catalog", 1), ("reviews", 1), ("catalog", 2)];
    assert_eq!(back(&later, &Down::of("catalog", 1)).unwrap(), [("catalog", 2)]);
    assert!(matches!(back(&later, &Down::of("catalog", 2)), Err(MigrationError::Needed { .. })));
    assert_eq!(back(FRESH, &Down::of("foundation", 0)).unwrap(), []);
    let unknown = back(FRESH, &Down::of("ordering", 1)).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no set ordering; the sets are foundation, catalog, identity, reviews");
}

#[test]
fn sets_that_contradict_each_other_are_refused() {
    const LONG: &str = "a_name_with_more_than_sixty_four_characters_is_not_valid_for_a_set";
    const FILES: &[MigrationStep<()>] = &[step("files_2")];
    const NAMELESS: &[MigrationStep<()>] = &[step("")];
    let one = |name, after, steps| Schedule::new(OURS).and(&[Set { name, after, steps }]);
    assert!(one("media", &["identity"], FILES).is_ok());
    for (refused, reason) in [
        (one("catalog", &[], &[]), "two sets are named catalog"),
        (one("media", &["media"], &[]), "after media, which does not come before it"),
        (one("Media", &[], &[]), "\"Media\" is not a name"),
        (one("media", &[], NAMELESS), "\"\" is not a name"),
        (one(LONG, &[], &[]), "is not a name"),
    ] {
        let text = refused.unwrap_err().to_string();
        assert!(text.contains(reason), "{text}");
    }
}
