use super::*;
use crate::{
    identity::{
        AccountMail, AccountMailKind, AccountPolicy, MockOneTimeSecrets, MockPasswordHasher, constraints::USER_EMAIL,
    },
    kernel::{Actor, Commands, StoreError, UseCase},
    testing::*,
};
use skep_domain::{
    access::{Permissions, Policy, PolicyVersion, Role},
    identity::{AccountLink, AccountState, User},
    jobs::Job,
    shared::SessionId,
};

type Units = Arc<Scripted<dyn IdentityTx>>;

fn command(hasher: MockPasswordHasher) -> InviteUser {
    let mut secrets = MockOneTimeSecrets::new();
    secrets.expect_generate().times(0..=2).returning(|| ("a secret".to_owned(), [0; 32]));
    InviteUser::new(accounts(hasher).0, Arc::new(secrets), account_mails(AccountPolicy::default()))
}

fn input(email: &str, roles: &[&str]) -> InviteUserCommand {
    let account = InvitedInput { email: email.to_owned(), display_name: NAME.to_owned() };
    InviteUserCommand { account, roles: roles.iter().map(|role| (*role).to_owned()).collect() }
}

async fn invite(
    units: &Units,
    hashes: usize,
    actor: &Actor,
    input: InviteUserCommand,
) -> Result<UserView, InviteUserError> {
    let commands = Commands::new(units.clone(), fingerprints(), fixed_runtime().0);
    UseCase::new(command(hashing(hashes)), &commands).execute(actor, input).await
}

#[tokio::test]
async fn the_account_waits_for_its_owner_who_gets_a_link() {
    let house = House::default();
    let view = invite(&Scripted::of([house.open()]), 1, &admin(), input(ADDRESS, &["admin"])).await.unwrap();
    assert_eq!((view.state(), view.roles.as_slice()), (AccountState::Invited, &[Role::ADMIN, Role::USER][..]));
    let user = house.seen.one::<User>("users.insert");
    assert_eq!((user.password_hash.as_str(), user.email_verified_at), (hash_of("a secret").as_str(), None));
    let link = house.seen.one::<AccountLink>("account_links.replace");
    assert_eq!((link.user_id, link.purpose), (user.id, LinkPurpose::AcceptInvitation));
    assert_eq!(link.expires_at, fixed_runtime().0.clock.now().plus_millis(72 * 60 * 60 * 1_000));
    assert!(link.opens(&user, fixed_runtime().0.clock.now()));
    let job = house.seen.one::<Job>("jobs.insert");
    let mail: AccountMail = serde_json::from_str(job.args.as_str()).unwrap();
    assert_eq!(mail, AccountMail { kind: AccountMailKind::Invitation, user_id: user.id, id: link.id.uuid() });
    assert_eq!(house.seen.event().name, "identity.user_registered.v1");
    house.assert_events_name_no_person();
}

/// A caller whose role has this permission and no other.
fn with_permission(name: &str) -> Actor {
    let policy = Policy::new(PolicyVersion(1), [own_role("host", &[name])]);
    let permissions = Permissions::of(&[Role::USER, Role::stored("host")], &policy);
    Actor::user(user_id(9), SessionId::new(SeqIds::nth(9)), permissions, "request-1")
}

#[tokio::test]
async fn no_caller_gives_a_role_that_it_lacks() {
    let house = House::default();
    let support = with_permission("identity.user.create");
    let refusal = invite(&Scripted::of([house.looking()]), 1, &support, input(ADDRESS, &["admin"])).await;
    assert_eq!((code(&refusal), house.seen.endings()), ("role_not_held", vec![Ending::RolledBack]));
    let unknown = invite(&Scripted::of([house.looking()]), 1, &admin(), input(ADDRESS, &["baker"])).await;
    assert_eq!(problem(&unknown), ("validation_failed", vec![("/roles/0", "unknown_role")]));
}

#[tokio::test]
async fn all_invalid_fields_are_reported_together_before_anything_is_hashed_or_read() {
    let account = InvitedInput { email: "ada".to_owned(), display_name: String::new() };
    let input = InviteUserCommand { account, roles: vec!["Queen".to_owned()] };
    let refusal = invite(&Scripted::untouched(), 0, &admin(), input).await;
    let faults = vec![("/email", "invalid_email"), ("/display_name", "invalid_text"), ("/roles/0", "invalid_value")];
    assert_eq!(problem(&refusal), ("validation_failed", faults));
}

#[tokio::test]
async fn an_address_that_has_an_account_is_refused() {
    let house = House { user: Some(ada()), ..House::default() };
    let refusal = invite(&Scripted::of([house.looking()]), 1, &admin(), input(ADDRESS, &[])).await;
    assert_eq!((code(&refusal), house.seen.endings()), ("email_taken", vec![Ending::RolledBack]));
    let house = House::default();
    let mut late = house.looking();
    late.users.expect_insert().times(1).return_once(|_| Err(StoreError::Duplicate { constraint: USER_EMAIL }));
    assert_eq!(code(&invite(&Scripted::of([late]), 1, &admin(), input(ADDRESS, &[])).await), "email_taken");
}

#[tokio::test]
async fn the_command_obeys_the_frame() {
    let command = || {
        let mut hasher = MockPasswordHasher::new();
        hasher.expect_hash().returning(|_, password| Ok(hash_of(&password)));
        command(hasher)
    };
    obeys_the_frame(&House::default(), command, &admin(), || input(ADDRESS, &["admin"])).await;
}

#[test]
fn the_json_of_a_command_does_not_change_and_its_debug_form_names_no_person() {
    let input = input(ADDRESS, &["admin"]);
    let json = serde_json::json!({ "email": ADDRESS, "display_name": NAME, "roles": ["admin"] });
    assert_eq!(serde_json::to_value(&input).unwrap(), json);
    assert!(!format!("{input:?}").to_lowercase().contains("ada"));
}
