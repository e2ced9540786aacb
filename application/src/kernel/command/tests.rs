#![expect(unreachable_pub, reason = "the macro declares errors of use cases, which are public")]

use super::*;
use crate::{
    kernel::{Invalid, NotFound, use_case_error},
    testing::*,
};
use skep_domain::{
    access::Resource,
    catalog::{Sku, events::ProductArchived},
    ordering::actions,
    shared::{UserId, Version},
};

use_case_error! {
    /// The reason why nothing was painted.
    PaintError {
        Denied(Denied),
        KeyReused(KeyReused),
        Invalid(Invalid),
        NotFound(NotFound),
    }
}

#[derive(Clone, Serialize)]
struct PaintCommand {
    color: &'static str,
}

/// Paints a thing that belongs to `owner`. Without an owner, the thing does not exist. The color `none` is not valid,
/// and the rules forbid the color `refused`.
#[derive(Clone)]
struct Paint {
    owner: Option<UserId>,
    steps: Seen,
}

struct Thing {
    owner: UserId,
    coats: u32,
}

impl Guarded for Thing {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(self.owner)
    }
}

impl Command for Paint {
    type Unit = dyn UnitOfWork;
    type Input = PaintCommand;
    type Plan = (&'static str, Uuid);
    type Target = Thing;
    type Answer = (u32, Uuid);
    type Error = PaintError;

    const NAME: &'static str = "test.paint";
    const ACTION: Action = actions::CANCEL_ORDER;
    const SEEN_BY: Action = actions::READ_ORDER;

    async fn plan(&self, call: &mut Call<'_>, input: PaintCommand) -> Result<Self::Plan, PaintError> {
        self.steps.note::<()>("plan", &[]);
        if input.color == "none" {
            return Err(Invalid::one("/color", "unknown_color", "is not a color").into());
        }
        let id = call.new_id();
        call.contend([id]);
        Ok((input.color, id))
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<Thing, PaintError> {
        self.steps.note::<()>("load", &[]);
        Ok(Thing { owner: self.owner.ok_or(NotFound("thing"))?, coats: 1 })
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut thing: Authorized<'_, Thing>,
    ) -> Result<Self::Answer, PaintError> {
        self.steps.note::<()>("write", &[]);
        assert_eq!(thing.action(), Self::ACTION);
        if plan.0 == "refused" {
            return Err(Invalid::one("/color", "not_here", "is not allowed here").into());
        }
        thing.coats += 1;
        let event = ProductArchived { product_id: product_id(1), sku: Sku::parse("honey").unwrap() };
        thing.record(unit.outbox(), &event, Version::FIRST, thing.now()).await?;
        Ok((thing.coats, plan.1))
    }

    fn hidden(_: Denied) -> PaintError {
        NotFound("thing").into()
    }
}

type Units = Arc<Scripted<dyn UnitOfWork>>;

fn paint() -> Paint {
    Paint { owner: Some(user_id(1)), steps: Seen::default() }
}

fn blue() -> PaintCommand {
    PaintCommand { color: "blue" }
}

fn open(seen: &Seen) -> MockBareUnit {
    let mut unit = seen.looking();
    seen.writes(&mut unit);
    unit
}

/// A unit that finds that an earlier one is stored, or is not.
fn settling(seen: &Seen, stored: bool) -> MockBareUnit {
    let mut unit = if stored { seen.looking() } else { open(seen) };
    unit.outbox.expect_settle().times(1).returning(move |_| Ok(stored));
    unit
}

/// A unit in which the claim of a key has this result.
fn claimed(seen: &Seen, claimed: Claimed) -> MockBareUnit {
    let mut unit = MockBareUnit::noting(seen);
    unit.idempotency.expect_claim().times(1).return_once(move |_| Ok(claimed));
    unit
}

/// Paints without a key.
async fn run_on(units: &Units, paint: &Paint) -> Result<(u32, Uuid), PaintError> {
    use_case(paint.clone(), units).execute(&user(1), blue()).await
}

/// Paints with a key.
async fn run_once(units: &Units, paint: &Paint, color: &'static str) -> Result<(u32, Uuid), PaintError> {
    use_case(paint.clone(), units).execute_once(&user(1), Some(&key()), PaintCommand { color }).await
}

#[tokio::test]
async fn the_key_is_claimed_first_and_filled_last_and_one_event_is_recorded_in_between() {
    let (noted, paint) = (Seen::default(), paint());
    let units = Scripted::of([open(&noted)]);
    let answer = run_once(&units, &paint, "blue").await.unwrap();
    assert_eq!((answer.0, paint.steps.calls()), (2, vec!["plan", "load", "write"]));
    assert_eq!(noted.calls(), ["claim", "outbox.append", "fill"]);
    assert_eq!(noted.answers()[0], serde_json::to_string(&answer).unwrap());
    assert_eq!(units.begun(), [(TxMode::Write, vec![Key(answer.1)])]);
    assert_eq!(noted.endings(), [Ending::Committed]);
    let claim = noted.claims()[0].clone();
    assert_eq!((claim.use_case, claim.principal), ("test.paint", user(1).principal_id()));
    let event = noted.event();
    assert_eq!((event.name.as_str(), event.aggregate_id), ("catalog.product_archived.v1", product_id(1).uuid()));
    assert_eq!((event.actor_id, event.occurred_at), (user(1).user_id(), claim.now));
}

#[tokio::test]
async fn without_a_key_no_key_is_claimed() {
    let noted = Seen::default();
    run_on(&Scripted::of([open(&noted)]), &paint()).await.unwrap();
    assert_eq!(noted.calls(), ["outbox.append"]);
}

#[tokio::test]
async fn an_action_that_the_role_forbids_is_denied_before_the_plan() {
    let paint = paint();
    for (actor, expected) in [(visitor(), "unauthenticated"), (actor(1, &[]), "forbidden")] {
        let refusal = use_case(paint.clone(), &Scripted::untouched()).execute(&actor, blue()).await;
        assert_eq!((code(&refusal), paint.steps.calls()), (expected, vec![]));
    }
}

#[tokio::test]
async fn a_refusal_of_the_plan_opens_no_unit() {
    let refusal = run_once(&Scripted::untouched(), &paint(), "none").await;
    assert_eq!(code(&refusal), "validation_failed");
}

#[tokio::test]
async fn a_target_that_the_actor_may_not_see_looks_like_a_missing_one() {
    let noted = Seen::default();
    let other_owner = Paint { owner: Some(user_id(2)), ..paint() };
    let missing = Paint { owner: None, ..paint() };
    let mut refusals = vec![];
    for paint in [&other_owner, &missing] {
        let refusal = run_once(&Scripted::of([noted.looking::<()>()]), paint, "blue").await.unwrap_err();
        refusals.push((refusal.code(), refusal.to_string()));
        assert_eq!(paint.steps.calls(), ["plan", "load"], "nothing is written");
    }
    assert_eq!((refusals[0].0, &refusals[0]), ("not_found", &refusals[1]));
    assert_eq!(noted.endings(), [Ending::RolledBack; 2]);
    let by_admin = use_case(other_owner, &Scripted::of([open(&noted)])).execute(&admin(), blue()).await;
    assert_eq!(code(&by_admin), "ok");
}

#[tokio::test]
async fn a_refusal_of_the_rules_rolls_back_and_keeps_no_answer() {
    let noted = Seen::default();
    let refusal = run_once(&Scripted::of([noted.looking::<()>()]), &paint(), "refused").await;
    assert_eq!(code(&refusal), "validation_failed");
    assert_eq!(noted.endings(), [Ending::RolledBack]);
}

#[tokio::test]
async fn an_error_of_the_store_drops_the_unit() {
    let noted = Seen::default();
    let mut unit = noted.looking::<()>();
    unit.outbox.expect_append().times(1).returning(|_| Err(StoreError::Full("no space".into())));
    assert_eq!(code(&run_once(&Scripted::of([unit]), &paint(), "blue").await), "storage_full");
    assert_eq!(noted.endings(), [Ending::Dropped]);
}

#[tokio::test]
async fn an_aborted_attempt_is_repeated_as_the_same_unit_of_work() {
    let (noted, paint) = (Seen::default(), paint());
    let units = Scripted::of([open(&noted).with_commit_error(aborted()), open(&noted)]);
    run_once(&units, &paint, "blue").await.unwrap();
    let (events, claims, begun) = (noted.events(), noted.claims(), units.begun());
    assert_eq!((&events[0], &claims[0], &begun[0]), (&events[1], &claims[1], &begun[1]));
    assert_eq!(paint.steps.calls(), ["plan", "load", "write", "load", "write"]);
}

#[tokio::test]
async fn an_attempt_that_was_stored_after_all_is_not_repeated_and_its_answer_is_returned() {
    for key in [None, Some(key())] {
        let (noted, paint) = (Seen::default(), paint());
        let mut second = settling(&noted, true);
        noted.keeps_answers(&mut second);
        let units = Scripted::of([open(&noted).with_commit_error(unknown()), second]);
        let use_case = use_case(paint.clone(), &units);
        let answer = use_case.execute_once(&user(1), key.as_ref(), blue()).await.unwrap();
        assert_eq!((answer.0, answer.1), (2, units.begun()[0].1[0].0), "the answer of the first attempt");
        assert_eq!(paint.steps.calls(), ["plan", "load", "write"]);
        assert!(noted.answers().iter().all(|kept| *kept == serde_json::to_string(&answer).unwrap()));
        assert_eq!(noted.endings(), [Ending::Committed; 2]);
    }
}

#[tokio::test]
async fn an_attempt_that_was_not_stored_is_written_again_as_the_same_unit_of_work() {
    let noted = Seen::default();
    let units = Scripted::of([open(&noted).with_commit_error(unknown()), settling(&noted, false)]);
    run_on(&units, &paint()).await.unwrap();
    let events = noted.events();
    assert_eq!((events.len(), &events[0]), (2, &events[1]));
}

#[tokio::test]
async fn an_event_of_another_unit_does_not_settle_the_outcome() {
    let noted = Seen::default();
    let lost = {
        let mut unit = noted.looking::<()>();
        unit.outbox.expect_append().returning(|_| Err(unknown()));
        unit
    };
    assert_eq!(code(&run_on(&Scripted::of([lost, settling(&noted, true)]), &paint()).await), "outcome_unknown");
}

#[tokio::test]
async fn gives_up_after_five_seconds() {
    let noted = Seen::default();
    let units = Scripted::of((0..ENOUGH).map(|_| open(&noted).with_commit_error(aborted())));
    assert_eq!(code(&run_on(&units, &paint()).await), "store_unavailable");
    assert!(units.left() > 0);
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_when_the_store_does_not_come_back() {
    let noted = Seen::default();
    let units = Scripted::then_away([open(&noted).with_commit_error(unknown())]);
    assert_eq!(code(&run_on(&units, &paint()).await), "outcome_unknown");
    assert_eq!(
        code(&run_on(&Scripted::then_away::<MockBareUnit>([]), &paint()).await),
        code::<()>(&Err(PaintError::from(away())))
    );
}

/// Replays this stored answer to user 1. The thing now belongs to `owner`.
async fn replay(answer: &str, owner: Option<UserId>, noted: &Seen) -> (Result<(u32, Uuid), PaintError>, Paint) {
    replay_kept(KeptAnswer::of(answer.to_owned()).unwrap(), owner, noted).await
}

async fn replay_kept(
    answer: KeptAnswer,
    owner: Option<UserId>,
    noted: &Seen,
) -> (Result<(u32, Uuid), PaintError>, Paint) {
    let paint = Paint { owner, ..paint() };
    let units = Scripted::of([claimed(noted, Claimed::Replay(answer))]);
    (run_once(&units, &paint, "blue").await, paint)
}

#[tokio::test]
async fn a_stored_answer_is_returned_byte_for_byte_and_nothing_is_written() {
    let noted = Seen::default();
    let stored = "[7,\"00000000-0000-0000-0000-000000000009\"]";
    let (again, paint) = replay(stored, Some(user_id(1)), &noted).await;
    assert_eq!(serde_json::to_string(&again.unwrap()).unwrap(), stored);
    assert_eq!((paint.steps.calls(), noted.endings()), (vec!["plan", "load"], vec![Ending::Committed]));
}

#[tokio::test]
async fn a_stored_answer_is_returned_only_to_an_actor_that_may_see_the_resource() {
    let noted = Seen::default();
    let stored = "[7,\"00000000-0000-0000-0000-000000000009\"]";
    let (refused, _) = replay(stored, Some(user_id(2)), &noted).await;
    assert_eq!((code(&refused), noted.endings()), ("not_found", vec![Ending::RolledBack]));
    let (again, _) = replay(stored, None, &noted).await;
    assert_eq!(again.unwrap().0, 7, "the resource is deleted, so the caller gets the answer again");
}

#[tokio::test]
async fn a_stored_answer_that_cannot_be_read_is_an_internal_error() {
    for stored in ["", "\"seven\"", "[7] 8"] {
        let (again, _) = replay(stored, Some(user_id(1)), &Seen::default()).await;
        assert_eq!(code(&again), "internal", "{stored}");
    }
    let (again, _) = replay_kept(KeptAnswer::Compressed(vec![1]), Some(user_id(1)), &Seen::default()).await;
    assert_eq!(code(&again), "internal");
}

#[tokio::test]
async fn a_compressed_answer_is_returned() {
    let stored = format!("[7,{}\"00000000-0000-0000-0000-000000000009\"]", " ".repeat(5_000));
    let kept = KeptAnswer::of(stored).unwrap();
    assert!(matches!(kept, KeptAnswer::Compressed(_)));
    let (again, _) = replay_kept(kept, Some(user_id(1)), &Seen::default()).await;
    assert_eq!(again.unwrap(), (7, Uuid::from_u128(9)));
}

#[tokio::test]
async fn a_key_of_another_command_is_refused() {
    let noted = Seen::default();
    let refusal = run_once(&Scripted::of([claimed(&noted, Claimed::Mismatch)]), &paint(), "blue").await;
    assert_eq!((code(&refusal), noted.endings()), ("idempotency_key_reused", vec![Ending::RolledBack]));
}

#[test]
fn the_error_of_a_command_names_its_refusals_in_the_order_of_its_variants() {
    let codes: Vec<&str> = PaintError::REFUSALS.iter().map(|refusal| refusal.code).collect();
    assert_eq!(codes, ["unauthenticated", "forbidden", "idempotency_key_reused", "validation_failed", "not_found"]);
}
