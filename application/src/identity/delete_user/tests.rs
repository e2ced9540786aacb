use super::*;
use crate::{
    identity::{AccountMail, AccountMailKind, AccountPolicy, EnableUser},
    kernel::Precondition,
    testing::*,
};
use serde_json::json;
use skep_domain::{
    access::Role,
    identity::AccountState,
    jobs::Job,
    shared::{SessionId, Timestamp, UserId, Version},
};

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn house(user: User) -> House {
    House { user: Some(user), ..House::default() }
}

fn command() -> DeleteUser {
    DeleteUser::new(account_mails(AccountPolicy::default()))
}

fn of_ada(precondition: Precondition) -> UserCommand {
    UserCommand { user_id: user_id(1), precondition }
}

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

#[tokio::test]
async fn a_deleted_account_loses_its_sessions_and_its_owner_is_mailed_when_it_is_erased() {
    let house = house(ada());
    let units = Scripted::of([house.open()]);
    let user = use_case(command(), &units).execute(&admin(), of_ada(Precondition::Missing)).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.state(), saved.disabled_at), (AccountState::Deleting, Some(now())));
    assert!(saved.auth_epoch > ada().auth_epoch && !saved.can_reset_password(now()), "no mail takes it back");
    let erase_at = now().plus_millis(30 * DAY);
    assert_eq!(
        (user.erase_at, user.state(), user.version),
        (Some(erase_at), AccountState::Deleting, Version::FIRST.next())
    );
    assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
    let mail: AccountMail = serde_json::from_str(house.seen.one::<Job>("jobs.insert").args.as_str()).unwrap();
    assert_eq!((mail.kind, mail.user_id), (AccountMailKind::AccountDeletion, user_id(1)));
    assert_eq!(house.seen.event().name, "identity.user_deletion_requested.v1");
    assert_eq!(house.seen.payload(), json!({ "user_id": user_id(1), "erase_at": erase_at.to_string() }));
}

#[tokio::test]
async fn an_account_that_is_deleted_already_keeps_its_time() {
    let deleted = User { erase_at: Some(now().plus_millis(DAY)), ..ada() };
    let house = house(deleted.clone());
    let units = Scripted::of([house.open()]);
    let user = use_case(command(), &units).execute(&admin(), of_ada(Precondition::Missing)).await.unwrap();
    assert_eq!(user, UserView::from(&deleted));
    assert!(house.seen.events().is_empty() && !house.seen.calls().contains(&"users.save"));
    assert!(!house.seen.calls().contains(&"jobs.insert"));
}

#[tokio::test]
async fn the_last_active_admin_is_not_deleted() {
    let mut user = ada();
    user.set_roles(&[Role::ADMIN], Timestamp::MIN);
    let house = house(user);
    let units = Scripted::of([house.open()]);
    let refusal = use_case(command(), &units).execute(&admin(), of_ada(Precondition::Any)).await;
    assert_eq!(code(&refusal), "last_admin");
    assert!(!house.seen.calls().contains(&"users.save"));
    let with_another = House { other_admin: Some(user_id(2)), ..house };
    let units = Scripted::of([with_another.open()]);
    use_case(command(), &units).execute(&admin(), of_ada(Precondition::Any)).await.unwrap();
}

#[tokio::test]
async fn a_deletion_is_taken_back_until_the_erasure_is_due() {
    for (erase_at, expected) in [(now().plus_millis(1), "ok"), (now(), "erasure_due"), (Timestamp::MIN, "erasure_due")]
    {
        let house = house(User { erase_at: Some(erase_at), ..ada() });
        let units = Scripted::of([house.open()]);
        let enabled = use_case(EnableUser, &units).execute(&admin(), of_ada(Precondition::Missing)).await;
        assert_eq!(code(&enabled), expected);
        assert_eq!(house.seen.events().len(), usize::from(expected == "ok"));
        if expected == "ok" {
            assert_eq!(house.seen.one::<User>("users.save").state(), AccountState::Active);
        }
    }
}

#[tokio::test]
async fn other_callers_and_other_versions_delete_nothing() {
    let house = house(ada());
    let units = Scripted::of([house.open()]);
    let stale = of_ada(Precondition::version(Version::FIRST.next()));
    assert_eq!(code(&use_case(command(), &units).execute(&admin(), stale).await), "precondition_failed");
    let stranger = use_case(command(), &Scripted::untouched()).execute(&user(1), of_ada(Precondition::Any)).await;
    assert_eq!(code(&stranger), "forbidden");
    assert!(house.seen.events().is_empty());
}
