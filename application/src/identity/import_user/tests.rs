use super::*;
use crate::{
    identity::{
        Credentials, ForeignHashRefusal, MockOneTimeSecrets, MockPasswordHasher, MockRoleQueries, MockUserQueries,
        constraints::USER_EMAIL,
    },
    kernel::{Commands, StoreError, UseCase},
    testing::*,
};
use skep_domain::{
    access::{Permissions, Policy, PolicyVersion},
    identity::{AccountState, AuthEpoch, KnownNetworks},
    shared::SessionId,
};

type Units = Arc<Scripted<dyn IdentityTx>>;

const FOREIGN: &str = "$foreign$";
const TAKEN_OVER: &str = "$taken-over$";

/// A hasher that takes over so many hashes, and makes so many itself.
fn hasher(taken_over: usize, hashed: usize) -> MockPasswordHasher {
    let mut hasher = hashing(hashed);
    let costly = ForeignHashRefusal::TooCostly { algorithm: "a", parameter: "b", limit: 3 };
    hasher.expect_judge_foreign().returning(move |hash| if hash == FOREIGN { Ok(()) } else { Err(costly) });
    hasher.expect_take_over().times(taken_over).returning(|_, hash| {
        assert_eq!(hash, FOREIGN);
        Ok(TAKEN_OVER.to_owned())
    });
    hasher
}

/// Checks imports in a store that has the account of Ada, or none, and one role of its own.
fn check(hasher: MockPasswordHasher, has_ada: bool) -> CheckImport {
    let (mut users, mut roles) = (MockUserQueries::new(), MockRoleQueries::new());
    users.expect_find_credentials().returning(move |email| {
        let User { id: user_id, password_hash, password_form, .. } = ada();
        Ok((has_ada && email.finds(&ada().email)).then_some(Credentials {
            user_id,
            password_hash,
            password_form,
            auth_epoch: AuthEpoch::FIRST,
            known_networks: KnownNetworks::none(user_id),
            is_active: true,
            is_verified: true,
        }))
    });
    roles.expect_find_policy().returning(|| Ok(Policy::new(PolicyVersion(1), [own_role("host", &[])])));
    CheckImport::new(accounts(hasher).0, Arc::new(users), Arc::new(roles))
}

fn command(hasher: MockPasswordHasher) -> ImportUser {
    let mut secrets = MockOneTimeSecrets::new();
    secrets.expect_generate().returning(|| ("a secret".to_owned(), [0; 32]));
    ImportUser::new(check(hasher, false), Arc::new(secrets))
}

fn input() -> ImportUserCommand {
    ImportUserCommand {
        email: ADDRESS.to_owned(),
        display_name: Some(NAME.to_owned()),
        password_hash: Some(FOREIGN.to_owned()),
        email_verified: true,
        roles: vec!["editor".to_owned()],
    }
}

async fn import(
    units: &Units,
    command: ImportUser,
    actor: &Actor,
    input: ImportUserCommand,
) -> Result<UserView, ImportUserError> {
    let commands = Commands::new(units.clone(), fingerprints(), fixed_runtime().0);
    UseCase::new(command, &commands).execute(actor, input).await
}

fn cli() -> Actor {
    Actor::system("cli")
}

#[tokio::test]
async fn the_account_has_the_hash_of_what_its_user_typed() {
    let house = House::default();
    let view = import(&Scripted::of([house.open()]), command(hasher(1, 0)), &cli(), input()).await.unwrap();
    let user = house.seen.one::<User>("users.insert");
    assert_eq!((user.password_hash.as_str(), user.password_form), (TAKEN_OVER, PasswordForm::AsTyped));
    assert_eq!((user.display_name.as_str(), view.state()), (NAME, AccountState::Active));
    assert_eq!(view.roles.iter().map(Role::name).collect::<Vec<_>>(), ["editor", "user"]);
    assert_eq!(user.email_verified_at, Some(user.created_at));
    assert_eq!(house.seen.event().name, "identity.user_registered.v1");
    assert!(!house.seen.calls().contains(&"jobs.insert"), "no mail");
    house.assert_events_name_no_person();
}

#[tokio::test]
async fn what_a_line_leaves_out_is_not_assumed() {
    let house = House::default();
    let least = serde_json::from_value(serde_json::json!({ "email": ADDRESS })).unwrap();
    import(&Scripted::of([house.open()]), command(hasher(0, 1)), &cli(), least).await.unwrap();
    let user = house.seen.one::<User>("users.insert");
    assert_eq!((user.password_hash, user.password_form), (hash_of("a secret"), PasswordForm::NEW));
    assert_eq!((user.display_name.as_str(), user.email_verified_at), ("ada", None));
    assert_eq!((user.roles, user.invited_at), (vec![Role::USER], None));
}

#[tokio::test]
async fn an_address_that_has_an_account_is_refused_before_anything_is_hashed() {
    let taken = ImportUser::new(check(hasher(0, 0), true), secrets());
    assert_eq!(code(&import(&Scripted::untouched(), taken, &cli(), input()).await), "email_taken");
    // Another process may be faster.
    let house = House { user: Some(ada()), ..House::default() };
    let refusal = import(&Scripted::of([house.looking()]), command(hasher(1, 0)), &cli(), input()).await;
    assert_eq!((code(&refusal), house.seen.endings()), ("email_taken", vec![Ending::RolledBack]));
    let mut late = House::default().looking();
    late.users.expect_insert().times(1).return_once(|_| Err(StoreError::Duplicate { constraint: USER_EMAIL }));
    assert_eq!(code(&import(&Scripted::of([late]), command(hasher(1, 0)), &cli(), input()).await), "email_taken");
}

#[tokio::test]
async fn all_invalid_fields_are_reported_together_before_anything_is_hashed_or_read() {
    let input = ImportUserCommand {
        display_name: Some(String::new()),
        password_hash: Some("$absurd$".to_owned()),
        roles: vec!["Queen".to_owned()],
        ..input()
    };
    let faults =
        vec![("/display_name", "invalid_text"), ("/password_hash", "hash_too_costly"), ("/roles/0", "invalid_value")];
    let refusal = import(&Scripted::untouched(), command(hasher(0, 0)), &cli(), input.clone()).await;
    assert_eq!(problem(&refusal), ("validation_failed", faults.clone()));
    assert_eq!(problem(&check(hasher(0, 0), false).execute(&cli(), &input).await), ("validation_failed", faults));
    let nameless = ImportUserCommand { email: "ada".to_owned(), display_name: None, ..self::input() };
    let refusal = import(&Scripted::untouched(), command(hasher(0, 0)), &cli(), nameless).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/email", "invalid_email")]));
}

#[tokio::test]
async fn a_check_answers_as_the_import_and_hashes_and_stores_nothing() {
    let with_role = |role: &str| ImportUserCommand { roles: vec![role.to_owned()], ..input() };
    for (has_ada, input, expected) in [
        (false, input(), "ok"),
        (false, with_role("host"), "ok"),
        (false, with_role("baker"), "validation_failed"),
        (true, input(), "email_taken"),
    ] {
        assert_eq!(code(&check(hasher(0, 0), has_ada).execute(&cli(), &input).await), expected, "{input:?}");
    }
    for (actor, expected) in [(visitor(), "unauthenticated"), (user(1), "forbidden")] {
        assert_eq!(code(&check(hasher(0, 0), false).execute(&actor, &input()).await), expected);
    }
}

#[tokio::test]
async fn no_caller_gives_a_role_that_it_lacks_or_that_does_not_exist() {
    let policy = Policy::new(PolicyVersion(1), [own_role("host", &["identity.user.create"])]);
    let permissions = Permissions::of(&[Role::USER, Role::stored("host")], &policy);
    let host = Actor::user(user_id(9), SessionId::new(SeqIds::nth(9)), permissions, "request-1");
    for (actor, role, expected) in [(host, "admin", "role_not_held"), (cli(), "baker", "validation_failed")] {
        let (house, input) = (House::default(), ImportUserCommand { roles: vec![role.to_owned()], ..input() });
        let refusal = import(&Scripted::of([house.looking()]), command(hasher(1, 0)), &actor, input).await;
        assert_eq!((code(&refusal), house.seen.endings()), (expected, vec![Ending::RolledBack]));
    }
}

#[tokio::test]
async fn the_command_obeys_the_frame() {
    let command = || {
        let mut hasher = MockPasswordHasher::new();
        hasher.expect_judge_foreign().returning(|_| Ok(()));
        hasher.expect_take_over().returning(|_, _| Ok(TAKEN_OVER.to_owned()));
        command(hasher)
    };
    obeys_the_frame(&House::default(), command, &admin(), input).await;
}

#[test]
fn each_refusal_of_a_hash_has_its_code() {
    let costly = ForeignHashRefusal::TooCostly { algorithm: "bcrypt", parameter: "the cost", limit: 14 };
    let refusals = [ForeignHashRefusal::Unknown, ForeignHashRefusal::Incomplete("bcrypt"), costly];
    assert_eq!(refusals.map(hash_code), ["unknown_hash", "incomplete_hash", "hash_too_costly"]);
    assert_eq!(costly.to_string(), "costs too much: the cost of bcrypt must be at most 14");
}

#[test]
fn the_json_of_a_command_does_not_change_and_its_debug_form_names_no_person() {
    let json = serde_json::json!({
        "email": ADDRESS, "display_name": NAME, "password_hash": FOREIGN, "email_verified": true, "roles": ["editor"],
    });
    assert_eq!(serde_json::to_value(input()).unwrap(), json);
    assert!(
        serde_json::from_value::<ImportUserCommand>(serde_json::json!({ "email": ADDRESS, "is_admin": true })).is_err()
    );
    let shown = format!("{:?}", input());
    assert!(!shown.to_lowercase().contains("ada") && !shown.contains(FOREIGN), "{shown}");
}
