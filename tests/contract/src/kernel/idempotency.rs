//! `IdempotencyKeys`.

use super::Keys;
use crate::{
    check::{Checked, Failure, equal, holds},
    clause::{self, clauses},
    sample,
    units::{self, commit, look},
};
use skep_application::kernel::{Claimed, IdempotencyClaim, IdempotencyKey, KeptAnswer, StoreError};
use skep_domain::shared::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

clauses! { clauses of "idempotency" on dyn Keys:
    a_filled_key_is_replayed_byte_by_byte ["IdempotencyKeys 5"],
    a_new_answer_replaces_an_expired_one_of_either_form ["IdempotencyKeys 3", "IdempotencyKeys 5"],
    a_key_of_any_form_is_kept,
    another_command_is_a_mismatch,
    keys_of_other_principals_are_different_keys ["IdempotencyKeys 4"],
    an_undone_unit_leaves_no_key ["IdempotencyKeys 1"],
    an_expired_key_is_new_again ["IdempotencyKeys 3"],
    parallel_claims_are_new_once ["IdempotencyKeys 2"],
    parallel_claims_of_an_expired_key_are_new_once ["IdempotencyKeys 2", "IdempotencyKeys 3"],
    a_claim_after_an_undone_one_is_new ["IdempotencyKeys 1", "IdempotencyKeys 2"],
    what_has_expired_is_swept,
    a_sweep_forgets_no_more_than_its_limit,
}

type Given = clause::Given<dyn Keys>;

pub(super) const ANSWER: &str = "{\"z\":1.0, \"a\":9007199254740993,\"name\":\"🐝 é \\u0000 \\\"\\\\\"}";

/// Claims a key and, if it is new, fills in the answer, as a use case does.
async fn keep(store: &dyn Keys, claim: &IdempotencyClaim, answer: &KeptAnswer) -> Result<Claimed, StoreError> {
    commit!(store, tx => {
        let claimed = tx.idempotency().claim(claim).await?;
        if claimed == Claimed::New {
            tx.idempotency().fill(claim, answer).await?;
        }
        claimed
    })
}

pub(super) fn plain(text: &str) -> KeptAnswer {
    KeptAnswer::Plain(text.to_owned())
}

pub(super) async fn answer(store: &dyn Keys, claim: &IdempotencyClaim, text: &str) -> Result<Claimed, StoreError> {
    keep(store, claim, &plain(text)).await
}

pub(super) async fn peek(store: &dyn Keys, claim: &IdempotencyClaim) -> Checked<Claimed> {
    Ok(look!(store, tx => tx.idempotency().claim(claim).await?)?)
}

pub(super) fn replay(text: &str) -> Claimed {
    Claimed::Replay(plain(text))
}

async fn a_filled_key_is_replayed_byte_by_byte(given: &Given) -> Checked {
    let texts = [ANSWER.to_owned(), String::new(), "é🐝".repeat(40_000), " \n\t ".to_owned()];
    // A store does not read the bytes.
    let bytes = [vec![], (0..=u8::MAX).collect(), (0..=u8::MAX).rev().cycle().take(100_000).collect()];
    let answers = texts.map(KeptAnswer::Plain).into_iter().chain(bytes.map(KeptAnswer::Compressed));
    for (number, kept) in answers.enumerate() {
        let claim = sample::claim("a key")?;
        equal(keep(&*given.store, &claim, &kept).await?, Claimed::New)?;
        let kept = Claimed::Replay(kept);
        for _ in 0..2 {
            let found = answer(&*given.store, &claim, "another answer").await?;
            holds(found == kept, format!("answer {number} is replayed"))?;
        }
        let second = given.second().await?;
        holds(answer(&*second, &claim, "").await? == kept, format!("another instance replays answer {number}"))?;
    }
    Ok(())
}

async fn a_new_answer_replaces_an_expired_one_of_either_form(given: &Given) -> Checked {
    let forms = || [plain("old"), KeptAnswer::Compressed(b"old".to_vec())];
    for (old, new) in forms().into_iter().flat_map(|old| forms().map(|new| (old.clone(), new))) {
        let claim = sample::claim("taken over")?;
        keep(&*given.store, &claim, &old).await?;
        let again = IdempotencyClaim { now: claim.expires_at(), ..claim };
        equal(keep(&*given.store, &again, &new).await?, Claimed::New)?;
        equal(peek(&*given.store, &again).await?, Claimed::Replay(new))?;
    }
    Ok(())
}

async fn a_key_of_any_form_is_kept(given: &Given) -> Checked {
    let base = sample::claim("x")?;
    let longest = "k".repeat(255);
    for key in [longest.as_str(), "k", "K", " ", "'; --", "$where", "a.b", "%_*", "\"\\"] {
        let claim = IdempotencyClaim { key: IdempotencyKey::parse(key)?, ..base.clone() };
        equal(answer(&*given.store, &claim, key).await?, Claimed::New)?;
        equal(answer(&*given.store, &claim, "").await?, replay(key))?;
    }
    Ok(())
}

async fn another_command_is_a_mismatch(given: &Given) -> Checked {
    let claim = sample::claim("mine")?;
    answer(&*given.store, &claim, ANSWER).await?;
    let mut other = claim.clone();
    other.fingerprint[31] ^= 1;
    equal(answer(&*given.store, &other, "{}").await?, Claimed::Mismatch)?;
    equal(answer(&*given.store, &claim, "{}").await?, replay(ANSWER))
}

async fn keys_of_other_principals_are_different_keys(given: &Given) -> Checked {
    let claim = sample::claim("same")?;
    let others = [
        IdempotencyClaim { principal: sample::user_id().uuid(), ..claim.clone() },
        IdempotencyClaim { principal: Uuid::nil(), ..claim.clone() },
        IdempotencyClaim { use_case: "ordering.cancel_order", ..claim.clone() },
        IdempotencyClaim { key: IdempotencyKey::parse("Same")?, ..claim.clone() },
    ];
    answer(&*given.store, &claim, ANSWER).await?;
    for (number, other) in others.iter().enumerate() {
        equal(answer(&*given.store, other, &number.to_string()).await?, Claimed::New)?;
    }
    for (number, other) in others.iter().enumerate() {
        equal(answer(&*given.store, other, "").await?, replay(&number.to_string()))?;
    }
    equal(answer(&*given.store, &claim, "").await?, replay(ANSWER))
}

async fn an_undone_unit_leaves_no_key(given: &Given) -> Checked {
    for rolled_back in [true, false] {
        let claim = sample::claim("undone")?;
        let mut tx = units::write(&*given.store).await?;
        equal(tx.idempotency().claim(&claim).await?, Claimed::New)?;
        tx.idempotency().fill(&claim, &plain(ANSWER)).await?;
        if rolled_back {
            tx.rollback().await?
        } else {
            drop(tx)
        }
        equal(peek(&*given.store, &claim).await?, Claimed::New)?;
    }
    Ok(())
}

async fn an_expired_key_is_new_again(given: &Given) -> Checked {
    let claim = sample::claim("old")?;
    answer(&*given.store, &claim, ANSWER).await?;
    let just_before = IdempotencyClaim { now: claim.expires_at().plus_millis(-1), ..claim.clone() };
    equal(answer(&*given.store, &just_before, "").await?, replay(ANSWER))?;
    // Another command, too: the old one is forgotten.
    let again = IdempotencyClaim { now: claim.expires_at(), fingerprint: [8; 32], ..claim.clone() };
    equal(answer(&*given.store, &again, "new").await?, Claimed::New)?;
    equal(answer(&*given.store, &again, "").await?, replay("new"))?;
    // It is kept from the new claim on.
    let later = IdempotencyClaim { now: again.expires_at().plus_millis(-1), ..again.clone() };
    equal(answer(&*given.store, &later, "").await?, replay("new"))?;
    equal(answer(&*given.store, &IdempotencyClaim { now: later.now, ..claim }, "").await?, Claimed::Mismatch)
}

async fn race(given: &Given, claim: &IdempotencyClaim, count: usize) -> Checked<Vec<(String, Claimed)>> {
    let start = Arc::new(tokio::sync::Barrier::new(count));
    let one = |number: usize| {
        let (store, start, claim) = (given.store.clone(), start.clone(), claim.clone());
        tokio::spawn(async move {
            start.wait().await;
            let text = format!("answer {number}");
            answer(&*store, &claim, &text).await.map(|claimed| (text, claimed))
        })
    };
    let tasks: Vec<_> = (0..count).map(one).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await??);
    }
    Ok(answers)
}

/// Checks that one claim is new and that all the others replay its answer.
fn check_race(answers: &[(String, Claimed)]) -> Checked {
    let new: Vec<_> = answers.iter().filter(|(_, claimed)| *claimed == Claimed::New).collect();
    let [(text, _)] = new[..] else { return Err(Failure::new(format!("one claim must be new, found {}", new.len()))) };
    let others = answers.iter().filter(|(_, claimed)| *claimed == replay(text)).count();
    equal(others, answers.len() - 1)
}

async fn parallel_claims_are_new_once(given: &Given) -> Checked {
    for round in 0..3 {
        let claim = sample::claim(&format!("raced {round}"))?;
        check_race(&race(given, &claim, 24).await?)?;
    }
    Ok(())
}

async fn parallel_claims_of_an_expired_key_are_new_once(given: &Given) -> Checked {
    for round in 0..3 {
        let claim = sample::claim(&format!("expired {round}"))?;
        answer(&*given.store, &claim, "of old").await?;
        let again = IdempotencyClaim { now: claim.expires_at().plus_millis(5), ..claim };
        check_race(&race(given, &again, 24).await?)?;
    }
    Ok(())
}

/// The unit of the first claim is undone. The claim that waited for it is new then.
async fn a_claim_after_an_undone_one_is_new(given: &Given) -> Checked {
    for rolled_back in [true, false] {
        let claim = sample::claim("given up")?;
        let mut tx = units::write(&*given.store).await?;
        equal(tx.idempotency().claim(&claim).await?, Claimed::New)?;
        let next = {
            let (store, claim) = (given.store.clone(), claim.clone());
            tokio::spawn(async move { answer(&*store, &claim, ANSWER).await })
        };
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        if rolled_back {
            tx.rollback().await?
        } else {
            drop(tx)
        }
        equal(next.await??, Claimed::New)?;
        equal(peek(&*given.store, &claim).await?, replay(ANSWER))?;
    }
    Ok(())
}

/// Stores keys that expire 1 ms apart, the first of them at `first`.
pub(super) async fn keys(store: &dyn Keys, first: Timestamp, count: i64) -> Checked<Vec<IdempotencyClaim>> {
    let day = 24 * 60 * 60 * 1000;
    let mut claims = Vec::new();
    for number in 0..count {
        let now = first.plus_millis(number - day);
        let claim = IdempotencyClaim { now, ..sample::claim(&format!("key {number}"))? };
        equal(claim.expires_at(), first.plus_millis(number))?;
        claims.push(claim);
    }
    commit!(store, tx => {
        for claim in &claims {
            tx.idempotency().claim(claim).await?;
            tx.idempotency().fill(claim, &plain("{}")).await?;
        }
    })?;
    Ok(claims)
}

async fn sweep(given: &Given, now: Timestamp, limit: u32) -> Checked<u64> {
    Ok(commit!(given.store, tx => tx.idempotency().sweep(now, limit).await?)?)
}

async fn what_has_expired_is_swept(given: &Given) -> Checked {
    let first = sample::at(0);
    let claims = keys(&*given.store, first, 10).await?;
    equal(sweep(given, first.plus_millis(-1), 100).await?, 0)?;
    equal(sweep(given, first.plus_millis(4), 100).await?, 5)?;
    equal(sweep(given, first.plus_millis(4), 100).await?, 0)?;
    for (number, claim) in claims.iter().enumerate() {
        // Each claim's own time is before its expiry, so a key is new only if it was swept.
        let expected = if number < 5 { Claimed::New } else { replay("{}") };
        equal(peek(&*given.store, claim).await?, expected)?;
    }
    Ok(())
}

async fn a_sweep_forgets_no_more_than_its_limit(given: &Given) -> Checked {
    keys(&*given.store, sample::at(0), 10).await?;
    let mut swept = Vec::new();
    for limit in [3, 3, 0, 3, 3, 3] {
        swept.push(sweep(given, sample::at(1_000), limit).await?);
    }
    equal(swept, vec![3, 3, 0, 3, 1, 0])
}
