use super::*;
use crate::{
    fixtures::{ENOUGH, aborted, code, endings, unknown, user, visitor},
    identity::fixtures::{House, Units, script, then_away},
    testing::{Ending, MockOneTimeSecrets, Scripted, fixed_runtime},
};

fn issue_setup_token(units: &Units) -> IssueSetupToken {
    let mut secrets = MockOneTimeSecrets::new();
    secrets.expect_generate().returning(|| ("token".to_owned(), [7; 32]));
    IssueSetupToken::new(units.clone(), Arc::new(secrets), fixed_runtime().0)
}

async fn issue(units: &Units) -> Result<Option<String>, IssueSetupTokenError> {
    issue_setup_token(units).execute(&Actor::system("start")).await
}

#[tokio::test]
async fn a_new_token_is_good_for_a_day_and_only_its_hash_is_kept() {
    let house = House::default();
    assert_eq!(issue(&script([house.open()])).await.unwrap().as_deref(), Some("token"));
    let expires_at = fixed_runtime().0.clock.now().plus_millis(24 * 60 * 60 * 1000);
    assert_eq!(house.seen.tokens.one(), SetupToken { hash: [7; 32], expires_at });
    assert_eq!(endings(&house.seen.endings), [Ending::Committed]);
}

#[tokio::test]
async fn none_is_issued_once_there_is_an_admin_and_the_old_one_is_forgotten() {
    let house = House { has_admin: true, ..House::default() };
    assert_eq!(issue(&script([house.open()])).await.unwrap(), None);
    assert_eq!(house.seen.calls.all(), ["users.any_with_role", "setup_tokens.delete"]);
    assert_eq!(house.seen.tokens.all(), []);
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
    issue(&script([house.failing(aborted()), house.failing(unknown()), house.open()])).await.unwrap();
    let tokens = house.seen.tokens.all();
    assert_eq!(tokens, [tokens[0]; 3]);
}

#[tokio::test]
async fn gives_up_when_patience_ends_and_unknown_stays_unknown() {
    let house = House::default();
    let units = script((0..ENOUGH).map(|_| house.failing(aborted())));
    assert_eq!(code(&issue(&units).await), "store_unavailable");
    assert_eq!(code(&issue(&then_away([house.failing(unknown())])).await), "outcome_unknown");
}
