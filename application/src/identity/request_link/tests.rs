use super::*;
use crate::{
    identity::{AccountMail, AccountMailKind, AccountPolicy, LoginAttempts},
    jobs::constraints::JOB_ID,
    kernel::{MockRateLimits, Verdict, WiderNetworks},
    testing::*,
};
use skep_domain::{identity::AccountLink, jobs::Job, shared::Timestamp};
use std::time::Duration;

type Units = Arc<Scripted<dyn IdentityTx>>;

/// A request, with counters of which those with this prefix are used up.
fn request(units: &Units, purpose: LinkPurpose, refused: &'static str, seen: &Seen) -> RequestLink {
    let (mut limits, noted) = (MockRateLimits::new(), seen.clone());
    limits.expect_take().returning(move |key, _, _| {
        noted.note("take", &[key.to_owned()]);
        let (allowed, retry_after) = (refused.is_empty() || !key.starts_with(refused), Duration::from_secs(7));
        Ok(Verdict { allowed, remaining: 0, retry_after, reset_after: retry_after })
    });
    let (attempts, policy) = (LoginAttempts::new(Arc::new(limits), fingerprints()), AccountPolicy::default());
    let attempts = MailAttempts::new(attempts, fingerprints(), WiderNetworks::default(), policy);
    let runtime = fixed_runtime().0;
    RequestLink::new(purpose, units.clone(), account_mails(policy), attempts, fingerprints(), runtime)
}

fn command(email: &str) -> RequestLinkCommand {
    RequestLinkCommand { email: email.to_owned() }
}

/// The row and the mail that a request has stored.
fn stored(house: &House) -> (AccountLink, AccountMail) {
    let job = house.seen.one::<Job>("jobs.insert");
    assert_eq!((job.kind.as_str(), job.owner_id), (AccountMail::JOB_KIND, None));
    (house.seen.one("account_links.replace"), serde_json::from_str(job.args.as_str()).unwrap())
}

#[tokio::test]
async fn the_owner_of_an_account_gets_a_link_whose_token_is_stored_nowhere() {
    let deleted = User { erase_at: Some(Timestamp::MAX), ..ada() };
    for (user, purpose, kind, minutes) in [
        (ada(), LinkPurpose::ResetPassword, AccountMailKind::ResetPassword, 30),
        (deleted, LinkPurpose::ResetPassword, AccountMailKind::ResetPassword, 30),
        (ada(), LinkPurpose::VerifyEmail, AccountMailKind::VerifyEmail, 24 * 60),
    ] {
        let house = House { user: Some(user), ..House::default() };
        let request = request(&Scripted::of([house.open()]), purpose, "", &Seen::default());
        request.execute(&visitor(), command(" ADA@Example.com")).await.unwrap();
        let (link, mail) = stored(&house);
        let now = fixed_runtime().0.clock.now();
        assert_eq!((link.user_id, link.purpose), (user_id(1), purpose));
        assert_eq!(link.expires_at, now.plus_millis(minutes * 60 * 1_000));
        assert_eq!(mail, AccountMail { kind, user_id: user_id(1), id: link.id.uuid() });
        let token = link_tokens().of(purpose, link.id);
        assert_eq!(link.hash, token.hash);
        let shown = format!("{link:?} {:?}", house.seen.one::<Job>("jobs.insert"));
        assert!(!shown.contains(&token.text[42..]));
        assert_eq!(house.seen.endings(), [Ending::Committed]);
        assert_eq!(house.seen.calls(), ["jobs.insert", "account_links.replace"], "and nothing else has changed");
    }
}

/// The calls, and the names of the counters, without what follows from the address.
type Work = (Vec<&'static str>, usize, Vec<Ending>);

#[tokio::test]
async fn an_address_without_an_account_costs_the_same_work_and_gets_no_mail() {
    let disabled = User { disabled_at: Some(Timestamp::MIN), ..ada() };
    let verified = User { email_verified_at: Some(Timestamp::MIN), ..ada() };
    let deleted = User { erase_at: Some(Timestamp::MAX), ..ada() };
    let deleted_verified = User { erase_at: Some(Timestamp::MAX), ..verified.clone() };
    for (purpose, users) in [
        (LinkPurpose::ResetPassword, vec![Some(ada()), None, Some(disabled.clone()), Some(deleted_verified)]),
        (LinkPurpose::VerifyEmail, vec![Some(ada()), None, Some(disabled), Some(verified), Some(deleted)]),
    ] {
        let mut works: Vec<Work> = vec![];
        let mut owners = vec![];
        for user in users {
            let (house, seen) = (House { user, ..House::default() }, Seen::default());
            let request = request(&Scripted::of([house.open()]), purpose, "", &seen);
            request.execute(&visitor(), command(ADDRESS)).await.unwrap();
            let (link, mail) = stored(&house);
            assert_eq!(mail.user_id, link.user_id);
            owners.push(link.user_id);
            let json = house.seen.one::<Job>("jobs.insert").args.as_str().len();
            works.push((house.seen.calls(), json, house.seen.endings()));
            assert_eq!(seen.all::<String>("take").len(), 2);
        }
        assert!(works.iter().all(|work| *work == works[0]), "{works:?}");
        assert_eq!(owners[0], user_id(1));
        assert!(owners[1..].iter().all(|owner| *owner == owners[1] && *owner != user_id(1)), "one row for the address");
    }
}

#[tokio::test]
async fn an_address_gets_a_few_mails_an_hour_and_the_answer_stays_the_same() {
    for user in [Some(ada()), None] {
        let house = House { user, ..House::default() };
        let request = request(&Scripted::untouched(), LinkPurpose::ResetPassword, "account_mail:to", &Seen::default());
        assert!(request.execute(&visitor(), command(ADDRESS)).await.is_ok());
        assert!(house.seen.calls().is_empty());
    }
    let refused = "account_mail:network";
    let request = request(&Scripted::untouched(), LinkPurpose::ResetPassword, refused, &Seen::default());
    assert_eq!(code(&request.execute(&visitor(), command(ADDRESS)).await), "rate_limited");
}

#[tokio::test]
async fn all_spellings_of_an_address_share_a_counter_which_does_not_show_it() {
    let seen = Seen::default();
    for spelling in [ADDRESS, "ADA@EXAMPLE.COM", " Ada@example.com "] {
        let house = House::default();
        let request = request(&Scripted::of([house.open()]), LinkPurpose::ResetPassword, "", &seen);
        request.execute(&visitor(), command(spelling)).await.unwrap();
    }
    let taken: Vec<String> = seen.all("take");
    assert!(taken.iter().all(|key| !key.contains("ada")), "{taken:?}");
    let of_address: std::collections::BTreeSet<_> =
        taken.iter().filter(|key| key.starts_with("account_mail:to")).collect();
    assert_eq!(of_address.len(), 1);
}

#[tokio::test]
async fn a_text_that_is_no_address_is_refused_before_anything_is_counted_or_read() {
    let seen = Seen::default();
    let request = request(&Scripted::untouched(), LinkPurpose::ResetPassword, "", &seen);
    let refusal = request.execute(&visitor(), command("ada")).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/email", "invalid_email")]));
    assert!(seen.calls().is_empty());
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_job_is_found_and_a_missing_one_is_stored_with_the_same_ids() {
    for has_job in [true, false] {
        let house = House { user: Some(ada()), ..House::default() };
        let again = House { has_job, ..house.clone() }.open();
        let units = Scripted::of([house.failing(unknown()), again]);
        let request = request(&units, LinkPurpose::ResetPassword, "", &Seen::default());
        request.execute(&visitor(), command(ADDRESS)).await.unwrap();
        let (jobs, links) =
            (house.seen.all::<Job>("jobs.insert"), house.seen.all::<AccountLink>("account_links.replace"));
        assert_eq!((jobs.len(), links.len()), if has_job { (1, 1) } else { (2, 2) });
        assert!(jobs.iter().all(|job| *job == jobs[0]) && links.iter().all(|link| *link == links[0]));
    }
}

#[tokio::test]
async fn a_job_that_is_stored_at_the_same_time_is_looked_for_again() {
    let house = House { user: Some(ada()), ..House::default() };
    let mut late = house.looking();
    late.jobs.expect_insert().times(1).returning(|_| Err(StoreError::Duplicate { constraint: JOB_ID }));
    let found = House { has_job: true, ..house.clone() }.open();
    let request =
        request(&Scripted::of([house.failing(unknown()), late, found]), LinkPurpose::VerifyEmail, "", &Seen::default());
    request.execute(&visitor(), command(ADDRESS)).await.unwrap();
}

#[tokio::test]
async fn an_actor_with_an_account_may_ask_too() {
    let house = House { user: Some(ada()), ..House::default() };
    let actor = actor(1, &[]);
    let request = request(&Scripted::of([house.open()]), LinkPurpose::VerifyEmail, "", &Seen::default());
    request.execute(&actor, command(ADDRESS)).await.unwrap();
}
