use super::*;
use crate::{kernel::AppError as _, testing::*};
use std::{future::pending, sync::Mutex};

/// Never answers.
struct Silent;

#[async_trait]
impl RegistrationGate for Silent {
    async fn judge(&self, _: &AskedRegistration) -> Result<HookVerdict, BoxError> {
        pending().await
    }
}

fn asked() -> AskedRegistration {
    AskedRegistration { email: ADDRESS.to_owned(), display_name: NAME.to_owned(), network: Network::default() }
}

#[tokio::test]
async fn nothing_is_asked_without_hooks() {
    let (hooks, runtime) = (IdentityHooks::default(), fixed_runtime().0);
    assert_eq!(hooks.judge_registration(&runtime, &asked()).await.unwrap(), HookVerdict::Allowed);
    let never = || panic!("no rule asks for the password");
    assert_eq!(hooks.judge_password(&runtime, never).await.unwrap(), HookVerdict::Allowed);
    assert!(!hooks.has_claims());
}

#[tokio::test]
async fn a_hook_that_is_slow_or_fails_lets_nothing_through() {
    let runtime = fixed_runtime().0;
    let silent = IdentityHooks { registration: Some(Arc::new(Silent)), ..IdentityHooks::default() };
    let started = runtime.clock.monotonic();
    let late = silent.judge_registration(&runtime, &asked()).await.unwrap_err();
    assert_eq!(runtime.clock.monotonic() - started, silent.patience);
    let mut gate = MockRegistrationGate::new();
    gate.expect_judge().times(1).returning(|_| Err("no route to the list".into()));
    let failing = IdentityHooks { registration: Some(Arc::new(gate)), ..IdentityHooks::default() };
    let failed = failing.judge_registration(&runtime, &asked()).await.unwrap_err();
    for (error, words) in [(late, "did not answer in time"), (failed, "has failed")] {
        let StoreError::Unavailable(cause) = &error else { panic!("{error:?}") };
        assert_eq!(
            (error.code(), cause.to_string()),
            ("store_unavailable", format!("the hook of registrations {words}"))
        );
    }
}

#[tokio::test]
async fn an_answer_in_time_counts() {
    let seen = Arc::new(Mutex::new(vec![]));
    let (mut gate, noted) = (MockRegistrationGate::new(), seen.clone());
    gate.expect_judge().returning(move |asked| {
        noted.lock().unwrap().push(asked.clone());
        Ok(HookVerdict::refused("only for staff"))
    });
    let hooks = IdentityHooks { registration: Some(Arc::new(gate)), ..IdentityHooks::default() };
    let verdict = hooks.judge_registration(&fixed_runtime().0, &asked()).await.unwrap();
    assert_eq!(verdict, HookVerdict::refused("only for staff"));
    assert_eq!(*seen.lock().unwrap(), [asked()]);
}

#[test]
fn a_reason_is_one_line_of_bounded_length_and_debug_texts_show_no_person() {
    let reason = HookReason::new(&format!("no\r\n{}", "x".repeat(300))).to_string();
    assert_eq!((reason.chars().count(), reason.starts_with("nox")), (HookReason::MOST, true));
    let new = NewPassword { password: PASSWORD.into(), email: ADDRESS.into(), display_name: NAME.into() };
    let shown = format!("{:?} {new:?}", asked());
    assert!([PASSWORD, ADDRESS, NAME].iter().all(|secret| !shown.contains(secret)), "{shown}");
}
