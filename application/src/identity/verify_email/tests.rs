use super::*;
use crate::{identity::AccountPolicy, testing::*};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch, User},
    shared::Timestamp,
};

type Units = Arc<Scripted<dyn IdentityTx>>;

fn link(purpose: LinkPurpose) -> (AccountLink, String) {
    let id = AccountLinkId::new(SeqIds::nth(70));
    let LinkToken { hash, text } = link_tokens().of(purpose, id);
    let expires_at = fixed_runtime().0.clock.now().plus_millis(1_000);
    (AccountLink { id, user_id: user_id(1), purpose, hash, auth_epoch: AuthEpoch::FIRST, expires_at }, text)
}

async fn verify(units: &Units, token: &str) -> Result<(), VerifyEmailError> {
    let runtime = fixed_runtime().0;
    let use_case = VerifyEmail::new(units.clone(), account_mails(AccountPolicy::default()), runtime);
    use_case.execute(&visitor(), VerifyEmailCommand { token: token.to_owned() }).await
}

#[tokio::test]
async fn the_address_is_verified_and_sessions_go_on() {
    let (link, token) = link(PURPOSE);
    let house = House { user: Some(ada()), links: vec![link], ..House::default() };
    verify(&Scripted::of([house.open()]), &token).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.email_verified_at.is_some(), saved.auth_epoch), (true, AuthEpoch::FIRST));
    assert_eq!(house.seen.event().name, "identity.user_email_verified.v1");
    house.assert_events_name_no_person();
    assert_eq!(house.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_refused() {
    let (good, token) = link(PURPOSE);
    let now = fixed_runtime().0.clock.now();
    let with = |link: AccountLink| House { user: Some(ada()), links: vec![link], ..House::default() };
    for house in [
        House { links: vec![], ..with(good.clone()) },
        with(AccountLink { expires_at: now, ..good.clone() }),
        with(AccountLink { user_id: user_id(2), ..good.clone() }),
        House { user: Some(User { disabled_at: Some(now), ..ada() }), ..with(good.clone()) },
    ] {
        assert_eq!(code(&verify(&Scripted::of([house.looking()]), &token).await), "link_invalid");
    }
    let reset = link(LinkPurpose::ResetPassword).1;
    assert_eq!(code(&verify(&Scripted::untouched(), &reset).await), "link_invalid");
}

#[tokio::test]
async fn an_address_that_is_verified_stays_so_and_causes_no_second_event() {
    let (link, token) = link(PURPOSE);
    let user = User { email_verified_at: Some(Timestamp::MIN), ..ada() };
    let house = House { user: Some(user), links: vec![link], ..House::default() };
    verify(&Scripted::of([house.open()]), &token).await.unwrap();
    assert_eq!(house.seen.calls().iter().filter(|call| **call == "users.save").count(), 0);
    assert!(house.seen.events().is_empty());
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_verification_is_found_and_a_missing_one_is_repeated() {
    let (link, token) = link(PURPOSE);
    for landed in [true, false] {
        let house = House { user: Some(ada()), links: vec![link.clone()], ..House::default() };
        let again = if landed { house.after_a_hit() } else { house.after_a_miss() };
        verify(&Scripted::of([house.failing(unknown()), again]), &token).await.unwrap();
        assert_eq!(house.seen.all::<User>("users.save").len(), if landed { 1 } else { 2 });
    }
}
