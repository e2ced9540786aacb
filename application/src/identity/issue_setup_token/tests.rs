use super::*;
use crate::{identity::MockOneTimeSecrets, testing::*};

type Units = std::sync::Arc<Scripted<dyn IdentityTx>>;

fn issue_setup_token(units: &Units) -> IssueSetupToken {
    let mut secrets = MockOneTimeSecrets::new();
    secrets.expect_generate().returning(|| ("token".to_owned(), [7; 32]));
    IssueSetupToken::new(units.clone(), Arc::new(secrets), fixed_runtime().0)
}

async fn issue(units: &Units) -> Result<Option<String>, IssueSetupTokenError> {
    issue_setup_token(units).execute(&Actor::system("start")).await
}

#[tokio::test]
async fn a_new_token_is_valid_for_a_day_and_only_its_hash_is_stored() {
    let house = House::default();
    assert_eq!(issue(&Scripted::of([house.open()])).await.unwrap().as_deref(), Some("token"));
    let expires_at = fixed_runtime().0.clock.now().plus_millis(24 * 60 * 60 * 1000);
    assert_eq!(house.seen.one::<SetupToken>("setup_tokens.replace"), SetupToken { hash: [7; 32], expires_at });
    assert_eq!(house.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn if_there_is_an_admin_no_token_is_issued_and_the_old_one_is_deleted() {
    let house = House { has_admin: true, ..House::default() };
    assert_eq!(issue(&Scripted::of([house.open()])).await.unwrap(), None);
    assert_eq!(house.seen.calls(), ["users.any_with_role", "setup_tokens.delete"]);
    assert_eq!(house.seen.all::<SetupToken>("setup_tokens.replace"), []);
}

#[tokio::test]
async fn denied_before_anything_is_read() {
    for (actor, expected) in [(visitor(), "unauthenticated"), (user(1), "forbidden")] {
        assert_eq!(code(&issue_setup_token(&Scripted::untouched()).execute(&actor).await), expected);
    }
}

#[tokio::test]
async fn an_aborted_or_unknown_commit_is_repeated_with_the_same_token() {
    let house = House::default();
    issue(&Scripted::of([house.failing(aborted()), house.failing(unknown()), house.open()])).await.unwrap();
    let tokens = house.seen.all::<SetupToken>("setup_tokens.replace");
    assert_eq!(tokens, [tokens[0]; 3]);
}

#[tokio::test]
async fn gives_up_after_five_seconds_and_an_unknown_outcome_stays_unknown() {
    let house = House::default();
    let units = Scripted::of((0..ENOUGH).map(|_| house.failing(aborted())));
    assert_eq!(code(&issue(&units).await), "store_unavailable");
    assert_eq!(code(&issue(&Scripted::then_away([house.failing(unknown())])).await), "outcome_unknown");
}
