use super::*;
use crate::{identity::AccountMailKind, testing::*};
use skep_domain::{
    identity::{
        AccountGrace, AccountLink, AccountLinkId, AuthEpoch, Device, LinkPurpose, Session, SessionOrigin, User,
    },
    shared::{Email, SessionId},
};

/// A link of Ada to reset the password, and the mail that has it.
fn link() -> (AccountLink, AccountMail) {
    let id = AccountLinkId::new(SeqIds::nth(70));
    let hash = link_tokens().of(LinkPurpose::ResetPassword, id).hash;
    let (purpose, expires_at) = (LinkPurpose::ResetPassword, fixed_runtime().0.clock.now().plus_millis(1_000));
    let (owner, auth_epoch) = (user_id(1), AuthEpoch::FIRST);
    let link = AccountLink { id, user_id: owner, purpose, hash, auth_epoch, expires_at, email: None };
    (link, AccountMail { kind: AccountMailKind::ResetPassword, user_id: user_id(1), id: id.uuid() })
}

async fn read(house: &House, actor: &Actor, mail: AccountMail) -> Result<Option<AddressedMail>, ReadAccountMailError> {
    let store = Scripted::of([house.looking()]);
    ReadAccountMail::new(store, link_tokens(), fixed_runtime().0).execute(actor, mail).await
}

#[tokio::test]
async fn the_token_of_a_mail_is_derived_when_it_is_sent() {
    let (link, mail) = link();
    let house = House { user: Some(ada()), links: vec![link.clone()], ..House::default() };
    let read = read(&house, &Actor::system("job-1"), mail).await.unwrap().unwrap();
    assert_eq!((read.to.as_str(), read.name.as_str()), (ADDRESS, NAME));
    let token = link_tokens().of(LinkPurpose::ResetPassword, link.id).text;
    assert_eq!(read.link, Some((token.clone(), link.expires_at)));
    assert!(!format!("{read:?}").contains(&token));
}

#[tokio::test]
async fn a_link_that_gives_the_account_an_address_is_mailed_to_that_address() {
    for (kind, purpose) in [
        (AccountMailKind::ChangeEmail, LinkPurpose::ChangeEmail),
        (AccountMailKind::RestoreEmail, LinkPurpose::RestoreEmail),
    ] {
        let (link, mail) = link();
        let email = Some(Email::parse("Ada@example.org").unwrap().shown());
        let house =
            House { user: Some(ada()), links: vec![AccountLink { purpose, email, ..link }], ..House::default() };
        let read = read(&house, &Actor::system("job-1"), AccountMail { kind, ..mail }).await.unwrap().unwrap();
        assert_eq!((read.to.as_str(), read.name.as_str()), ("Ada@example.org", NAME));
    }
}

#[tokio::test]
async fn nothing_is_sent_for_a_link_that_opens_nothing() {
    let (link, mail) = link();
    let now = fixed_runtime().0.clock.now();
    let newer = AccountLink { id: AccountLinkId::new(SeqIds::nth(71)), ..link.clone() };
    for (user, link) in [
        (None, Some(link.clone())),
        (Some(User { disabled_at: Some(now), ..ada() }), Some(link.clone())),
        (Some(ada()), None),
        (Some(ada()), Some(newer)),
        (Some(ada()), Some(AccountLink { expires_at: now, ..link })),
    ] {
        let house = House { user, links: link.into_iter().collect(), ..House::default() };
        assert_eq!(read(&house, &Actor::system("job-1"), mail).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_notice_that_an_account_exists_is_also_sent_if_a_mail_takes_its_deletion_back() {
    let mail = AccountMail { kind: AccountMailKind::AccountExists, ..link().1 };
    let mut user = ada();
    assert!(user.delete(fixed_runtime().0.clock.now(), AccountGrace::USUAL));
    let is_sent = async |user: User| {
        let house = House { user: Some(user), ..House::default() };
        read(&house, &Actor::system("job-1"), mail).await.unwrap().is_some()
    };
    assert!(is_sent(user.clone()).await);
    assert!(user.verify_email(user.updated_at));
    assert!(!is_sent(user).await);
}

#[tokio::test]
async fn a_notice_needs_no_link_and_no_customer_reads_any_mail() {
    let mail = AccountMail { kind: AccountMailKind::PasswordChanged, ..link().1 };
    let house = House { user: Some(ada()), ..House::default() };
    let found = read(&house, &Actor::system("job-1"), mail).await.unwrap().unwrap();
    assert_eq!((found.to.as_str(), found.link), (ADDRESS, None));
    let refusal = read(&house, &user(1), mail).await;
    assert_eq!(code(&refusal), "forbidden");
}

#[tokio::test]
async fn the_mail_about_a_login_says_where_it_was_and_does_not_need_its_session() {
    let origin = SessionOrigin { device: Device::of("curl/8.5.0"), network: None };
    let session = Session::start(SessionId::new(SeqIds::nth(70)), user_id(1), Timestamp::MIN, 1_000);
    let session = Session { origin: origin.clone(), revoked_at: Some(Timestamp::MIN), ..session };
    let mail = AccountMail { kind: AccountMailKind::NewDevice, ..link().1 };
    let read = async |user: User, session: Session| {
        let house = House { user: Some(user), sessions: vec![session], ..House::default() };
        read(&house, &Actor::system("job-1"), mail).await.unwrap()
    };
    let found = read(ada(), session.clone()).await.unwrap();
    assert_eq!(found.login, Some(SeenLogin { at: Some(Timestamp::MIN), origin }));
    let others = Session { user_id: user_id(2), ..session.clone() };
    let another = Session { id: SessionId::new(SeqIds::nth(71)), ..session.clone() };
    let disabled = User { disabled_at: Some(Timestamp::MIN), ..ada() };
    for session in [others, another] {
        let found = read(ada(), session).await.unwrap();
        assert_eq!(found.login, Some(SeenLogin::default()), "a thief who ends the session suppresses no mail");
    }
    assert_eq!(read(disabled, session).await, None);
}
