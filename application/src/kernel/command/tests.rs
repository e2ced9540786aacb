#![expect(unreachable_pub, reason = "the macro declares errors of use cases, which are public")]

use super::*;
use crate::{
    fixtures::{
        ENOUGH, Noted, Recorded, aborted, actor, admin, away, code, commands, endings, key, product_id, then_away,
        unknown, user, user_id, visitor,
    },
    kernel::{Invalid, NotFound, use_case_error},
    testing::{Ending, MockBareUnit, Scripted},
};
use skep_domain::{
    catalog::{Sku, events::ProductArchived},
    ordering::actions,
    shared::{UserId, Version},
};

use_case_error! {
    /// Why nothing was painted.
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
    #[serde(skip)]
    key: Option<IdempotencyKey>,
}

/// Paints something that belongs to `owner`, if it exists, in a color that is not `refused` by the rules.
#[derive(Clone)]
struct Paint {
    owner: Option<UserId>,
    steps: Recorded<&'static str>,
}

impl Command for Paint {
    type Unit = dyn UnitOfWork;
    type Input = PaintCommand;
    type Plan = (&'static str, Uuid);
    type Target = u32;
    type Answer = (u32, Uuid);
    type Error = PaintError;

    const NAME: &'static str = "test.paint";
    const ACTION: Action = actions::CANCEL_ORDER;
    const SEEN_BY: Action = actions::READ_ORDER;

    fn idempotency_key(input: &PaintCommand) -> Option<&IdempotencyKey> {
        input.key.as_ref()
    }

    async fn plan(&self, call: &Call<'_>, input: PaintCommand) -> Result<Self::Plan, PaintError> {
        self.steps.push("plan");
        if input.color == "none" {
            return Err(Invalid::one("/color", "unknown_color", "is no color").into());
        }
        Ok((input.color, call.new_id()))
    }

    fn contended(plan: &Self::Plan) -> Vec<Key> {
        vec![Key(plan.1)]
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(u32, Resource), PaintError> {
        self.steps.push("load");
        let owner = self.owner.ok_or(NotFound("thing"))?;
        Ok((1, Resource::OwnedBy(owner)))
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut coats: Authorized<'_, u32>,
    ) -> Result<Self::Answer, PaintError> {
        self.steps.push("write");
        assert_eq!(coats.action(), Self::ACTION);
        if plan.0 == "refused" {
            return Err(Invalid::one("/color", "not_here", "is not allowed here").into());
        }
        *coats += 1;
        let event = ProductArchived { product_id: product_id(1), sku: Sku::parse("honey").unwrap() };
        coats.record(unit.outbox(), &event, Version::FIRST, coats.now()).await?;
        Ok((*coats, plan.1))
    }

    fn hidden(_: Denied) -> PaintError {
        NotFound("thing").into()
    }
}

type Units = Arc<Scripted<dyn UnitOfWork>>;

fn paint() -> Paint {
    Paint { owner: Some(user_id(1)), steps: Recorded::default() }
}

fn blue() -> PaintCommand {
    PaintCommand { color: "blue", key: None }
}

fn keyed() -> PaintCommand {
    PaintCommand { key: key(), ..blue() }
}

fn looking(noted: &Noted) -> MockBareUnit {
    let mut unit = MockBareUnit::noting(&noted.endings);
    noted.claims(&mut unit.idempotency);
    unit
}

fn open(noted: &Noted) -> MockBareUnit {
    let mut unit = looking(noted);
    noted.events(&mut unit.outbox);
    noted.answers(&mut unit.idempotency);
    unit
}

/// A unit that finds an earlier one stored, or not.
fn settling(noted: &Noted, stored: bool) -> MockBareUnit {
    let mut unit = if stored { looking(noted) } else { open(noted) };
    unit.outbox.expect_settle().times(1).returning(move |_| Ok(stored));
    unit
}

fn claimed(noted: &Noted, claimed: Claimed) -> MockBareUnit {
    let mut unit = MockBareUnit::noting(&noted.endings);
    unit.idempotency.expect_claim().times(1).return_once(move |_| Ok(claimed));
    unit
}

fn script(units: impl IntoIterator<Item = MockBareUnit>) -> Units {
    Scripted::new(units.into_iter().map(|unit| Ok(Box::new(unit) as Box<dyn UnitOfWork>)))
}

async fn run_on(units: &Units, paint: &Paint, input: PaintCommand) -> Result<(u32, Uuid), PaintError> {
    commands(units).of(paint.clone()).execute(&user(1), input).await
}

#[tokio::test]
async fn the_key_is_claimed_first_and_filled_last_and_one_event_is_recorded_in_between() {
    let (noted, paint) = (Noted::default(), paint());
    let units = script([open(&noted)]);
    let answer = run_on(&units, &paint, keyed()).await.unwrap();
    assert_eq!((answer.0, paint.steps.all()), (2, vec!["plan", "load", "write"]));
    assert_eq!(noted.calls.all(), ["claim", "outbox.append", "fill"]);
    assert_eq!(noted.answers.one(), serde_json::to_string(&answer).unwrap());
    assert_eq!(units.begun(), [(TxMode::Write, vec![Key(answer.1)])]);
    assert_eq!(endings(&noted.endings), [Ending::Committed]);
    let claim = noted.claims.one();
    assert_eq!((claim.use_case, claim.principal), ("test.paint", user(1).principal_id()));
    let event = noted.events.one();
    assert_eq!((event.name.as_str(), event.aggregate_id), ("catalog.product_archived.v1", product_id(1).uuid()));
    assert_eq!((event.actor_id, event.occurred_at), (user(1).user_id(), claim.now));
}

#[tokio::test]
async fn without_a_key_the_keys_are_left_alone() {
    let noted = Noted::default();
    run_on(&script([open(&noted)]), &paint(), blue()).await.unwrap();
    assert_eq!(noted.calls.all(), ["outbox.append"]);
}

#[tokio::test]
async fn what_a_role_alone_forbids_is_denied_before_the_plan() {
    let paint = paint();
    for (actor, expected) in [(visitor(), "unauthenticated"), (actor(1, &[]), "forbidden")] {
        let refusal = commands(&Scripted::untouched()).of(paint.clone()).execute(&actor, keyed()).await;
        assert_eq!((code(&refusal), paint.steps.all()), (expected, vec![]));
    }
}

#[tokio::test]
async fn what_the_plan_refuses_opens_no_unit() {
    let refusal = run_on(&Scripted::untouched(), &paint(), PaintCommand { color: "none", ..keyed() }).await;
    assert_eq!(code(&refusal), "validation_failed");
}

#[tokio::test]
async fn a_target_that_the_actor_may_not_see_looks_like_one_that_is_not_there() {
    let noted = Noted::default();
    let somebody_elses = Paint { owner: Some(user_id(2)), ..paint() };
    let missing = Paint { owner: None, ..paint() };
    let mut told = vec![];
    for paint in [&somebody_elses, &missing] {
        let refusal = run_on(&script([looking(&noted)]), paint, keyed()).await.unwrap_err();
        told.push((refusal.code(), refusal.to_string()));
        assert_eq!(paint.steps.all(), ["plan", "load"], "nothing is written");
    }
    assert_eq!((told[0].0, &told[0]), ("not_found", &told[1]));
    assert_eq!(endings(&noted.endings), [Ending::RolledBack; 2]);
    let everybodys = commands(&script([open(&noted)])).of(somebody_elses).execute(&admin(), keyed()).await;
    assert_eq!(code(&everybodys), "ok");
}

#[tokio::test]
async fn a_refusal_of_the_rules_rolls_back_and_keeps_no_answer() {
    let noted = Noted::default();
    let refusal = run_on(&script([looking(&noted)]), &paint(), PaintCommand { color: "refused", ..keyed() }).await;
    assert_eq!(code(&refusal), "validation_failed");
    assert_eq!(endings(&noted.endings), [Ending::RolledBack]);
}

#[tokio::test]
async fn an_error_of_the_store_drops_the_unit() {
    let noted = Noted::default();
    let mut unit = looking(&noted);
    unit.outbox.expect_append().times(1).returning(|_| Err(StoreError::Full("no space".into())));
    assert_eq!(code(&run_on(&script([unit]), &paint(), keyed()).await), "storage_full");
    assert_eq!(endings(&noted.endings), [Ending::Dropped]);
}

#[tokio::test]
async fn an_aborted_attempt_is_repeated_as_the_same_unit_of_work() {
    let (noted, paint) = (Noted::default(), paint());
    let units = script([open(&noted).with_commit_error(aborted()), open(&noted)]);
    run_on(&units, &paint, keyed()).await.unwrap();
    let (events, claims, begun) = (noted.events.all(), noted.claims.all(), units.begun());
    assert_eq!((&events[0], &claims[0], &begun[0]), (&events[1], &claims[1], &begun[1]));
    assert_eq!(paint.steps.all(), ["plan", "load", "write", "load", "write"]);
}

#[tokio::test]
async fn an_attempt_that_was_stored_after_all_is_not_repeated_and_its_answer_is_given() {
    for input in [blue(), keyed()] {
        let (noted, paint) = (Noted::default(), paint());
        let mut second = settling(&noted, true);
        noted.answers(&mut second.idempotency);
        let units = script([open(&noted).with_commit_error(unknown()), second]);
        let answer = run_on(&units, &paint, input.clone()).await.unwrap();
        assert_eq!((answer.0, answer.1), (2, units.begun()[0].1[0].0), "the answer of the first attempt");
        assert_eq!(paint.steps.all(), ["plan", "load", "write"]);
        assert!(noted.answers.all().iter().all(|kept| *kept == serde_json::to_string(&answer).unwrap()));
        assert_eq!(endings(&noted.endings), [Ending::Committed; 2]);
    }
}

#[tokio::test]
async fn an_attempt_that_was_not_stored_is_written_again_as_the_same_unit_of_work() {
    let noted = Noted::default();
    let units = script([open(&noted).with_commit_error(unknown()), settling(&noted, false)]);
    run_on(&units, &paint(), blue()).await.unwrap();
    let events = noted.events.all();
    assert_eq!((events.len(), &events[0]), (2, &events[1]));
}

#[tokio::test]
async fn an_event_of_another_unit_is_our_fault() {
    let noted = Noted::default();
    let lost = {
        let mut unit = looking(&noted);
        unit.outbox.expect_append().returning(|_| Err(unknown()));
        unit
    };
    assert_eq!(code(&run_on(&script([lost, settling(&noted, true)]), &paint(), blue()).await), "outcome_unknown");
}

#[tokio::test]
async fn gives_up_when_patience_ends() {
    let noted = Noted::default();
    let units = script((0..ENOUGH).map(|_| open(&noted).with_commit_error(aborted())));
    assert_eq!(code(&run_on(&units, &paint(), blue()).await), "store_unavailable");
    assert!(units.left() > 0);
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_when_the_store_does_not_come_back() {
    let noted = Noted::default();
    let units = then_away([Box::new(open(&noted).with_commit_error(unknown())) as Box<dyn UnitOfWork>]);
    assert_eq!(code(&run_on(&units, &paint(), blue()).await), "outcome_unknown");
    assert_eq!(code(&run_on(&then_away([]), &paint(), blue()).await), code::<()>(&Err(PaintError::from(away()))));
}

/// Replays this stored answer to user 1, when the thing belongs to `owner` by now.
async fn replay(answer: &str, owner: Option<UserId>, noted: &Noted) -> (Result<(u32, Uuid), PaintError>, Paint) {
    let paint = Paint { owner, ..paint() };
    let units = script([claimed(noted, Claimed::Replay(answer.to_owned()))]);
    (run_on(&units, &paint, keyed()).await, paint)
}

#[tokio::test]
async fn a_stored_answer_is_given_again_byte_for_byte_and_nothing_is_written() {
    let noted = Noted::default();
    let stored = "[7,\"00000000-0000-0000-0000-000000000009\"]";
    let (again, paint) = replay(stored, Some(user_id(1)), &noted).await;
    assert_eq!(serde_json::to_string(&again.unwrap()).unwrap(), stored);
    assert_eq!((paint.steps.all(), endings(&noted.endings)), (vec!["plan", "load"], vec![Ending::Committed]));
}

#[tokio::test]
async fn a_stored_answer_is_given_again_only_while_its_resource_may_be_seen() {
    let noted = Noted::default();
    let stored = "[7,\"00000000-0000-0000-0000-000000000009\"]";
    let (refused, _) = replay(stored, Some(user_id(2)), &noted).await;
    assert_eq!((code(&refused), endings(&noted.endings)), ("not_found", vec![Ending::RolledBack]));
    let (again, _) = replay(stored, None, &noted).await;
    assert_eq!(again.unwrap().0, 7, "whoever deletes something gets the answer again");
}

#[tokio::test]
async fn a_stored_answer_that_cannot_be_read_is_our_fault() {
    for stored in ["", "\"seven\"", "[7] 8"] {
        let (again, _) = replay(stored, Some(user_id(1)), &Noted::default()).await;
        assert_eq!(code(&again), "internal", "{stored}");
    }
}

#[tokio::test]
async fn a_key_of_another_command_is_refused() {
    let noted = Noted::default();
    let refusal = run_on(&script([claimed(&noted, Claimed::Mismatch)]), &paint(), keyed()).await;
    assert_eq!((code(&refusal), endings(&noted.endings)), ("idempotency_key_reused", vec![Ending::RolledBack]));
}

#[test]
fn the_error_of_a_command_names_its_refusals_in_the_order_of_its_variants() {
    let codes: Vec<&str> = PaintError::REFUSALS.iter().map(|refusal| refusal.code).collect();
    assert_eq!(codes, ["unauthenticated", "forbidden", "idempotency_key_reused", "validation_failed", "not_found"]);
}
