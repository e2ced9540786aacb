use super::*;
use crate::{
    identity::{AccountMail, AccountMailKind, AccountPolicy},
    kernel::Actor,
    testing::*,
};
use skep_domain::{
    access::{Permissions, Policy, PolicyVersion, Role},
    identity::AccountLink,
    jobs::Job,
    shared::{SessionId, Timestamp, Version},
};

fn house(user: User) -> House {
    House { user: Some(user), ..House::default() }
}

fn command() -> ResendInvitation {
    ResendInvitation::new(account_mails(AccountPolicy::default()))
}

fn of_ada(precondition: Precondition) -> UserCommand {
    UserCommand { user_id: user_id(1), precondition }
}

async fn resend(house: &House, actor: &Actor, version: Precondition) -> Result<UserView, ResendInvitationError> {
    use_case(command(), &Scripted::of([house.open()])).execute(actor, of_ada(version)).await
}

#[tokio::test]
async fn the_owner_gets_another_link_and_the_account_stays_as_it_is() {
    let house = house(ada().invited());
    let view = resend(&house, &admin(), Precondition::Any).await.unwrap();
    assert_eq!(view, UserView::from(&ada().invited()));
    let link = house.seen.one::<AccountLink>("account_links.replace");
    assert_eq!((link.user_id, link.purpose), (user_id(1), LinkPurpose::AcceptInvitation));
    let mail: AccountMail = serde_json::from_str(house.seen.one::<Job>("jobs.insert").args.as_str()).unwrap();
    assert_eq!(mail, AccountMail { kind: AccountMailKind::Invitation, user_id: user_id(1), id: link.id.uuid() });
    assert_eq!(house.seen.event().name, "identity.user_invited.v1");
    assert!(!house.seen.calls().contains(&"users.save"));
}

#[tokio::test]
async fn an_account_that_waits_for_nothing_gets_none() {
    let disabled = User { disabled_at: Some(Timestamp::MIN), ..ada().invited() };
    for user in [ada(), disabled] {
        let house = house(user);
        assert_eq!(code(&resend(&house, &admin(), Precondition::Any).await), "not_invited");
        assert!(!house.seen.calls().contains(&"jobs.insert"));
    }
    let house = house(ada().invited());
    let stale = Precondition::version(Version::FIRST.next());
    assert_eq!(code(&resend(&house, &admin(), stale).await), "precondition_failed");
    assert_eq!(code(&resend(&House::default(), &admin(), Precondition::Any).await), "not_found");
}

/// A caller whose role has this permission and no other.
fn with_permission(name: &str) -> Actor {
    let policy = Policy::new(PolicyVersion(1), [own_role("host", &[name])]);
    let permissions = Permissions::of(&[Role::USER, Role::stored("host")], &policy);
    Actor::user(user_id(9), SessionId::new(SeqIds::nth(9)), permissions, "request-1")
}

#[tokio::test]
async fn no_caller_invites_to_an_account_with_more_permissions() {
    let mut user = ada().invited();
    user.set_roles(&[Role::ADMIN], Timestamp::MIN);
    let house = house(user);
    let refusal = resend(&house, &with_permission("identity.user.manage"), Precondition::Any).await;
    assert_eq!(code(&refusal), "stronger_account");
}

#[tokio::test]
async fn the_command_obeys_the_frame() {
    obeys_the_frame(&house(ada().invited()), command, &admin(), || of_ada(Precondition::Any)).await;
}
