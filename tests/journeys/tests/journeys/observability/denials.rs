//! Denials in the access log, and what is counted of denials and refused logins.

use crate::shop::{LOGIN, PRODUCTS, PROFILE, Shop, credentials, email, id_of, product};
use serde_json::json;
use skep_journeys::{Store, wait_for};

pub(super) fn a_denial_is_logged_with_its_account_and_counted(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let id = id_of(&ada.get(PROFILE).send().ok().json()).to_owned();
    ada.post(PRODUCTS).json(product("HONEY", 500, 1)).send().refused(403, "forbidden");
    shop.server.visitor().get(PROFILE).send().refused(401, "unauthenticated");
    let wrong = json!({ "email": email("ada"), "password": "not the password of ada" });
    (0..2).for_each(|_| drop(shop.server.visitor().post(LOGIN).json(wrong.clone()).send().expect(401)));
    shop.server.visitor().post(LOGIN).json(credentials("ada")).send().ok();

    let metrics = shop.server.visitor().get("/metrics").send().ok();
    let metrics = String::from_utf8(metrics.body).expect("text");
    for line in [
        "skep_access_denied_total{action=\"catalog.product.manage\",reason=\"role\"} 1",
        "skep_access_denied_total{action=\"identity.profile.read\",reason=\"needs_account\"} 1",
        "skep_logins_refused_total{reason=\"invalid_credentials\"} 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }

    let lines = wait_for("the line of the denial", || {
        let log = shop.server.log();
        let lines: Vec<_> =
            log.lines().filter(|line| line.contains("catalog.product.manage")).map(str::to_owned).collect();
        (!lines.is_empty()).then_some(lines)
    });
    let [line] = &*lines else { panic!("{lines:?}") };
    for part in ["status=403".to_owned(), "reason=\"role\"".to_owned(), format!("user={id}")] {
        assert!(line.contains(&part), "{part} is not in {line}");
    }
    let log = shop.server.log();
    let visitor = log.lines().find(|line| line.contains("/api/v1/users/me") && line.contains("status=401"));
    assert!(visitor.is_some_and(|line| line.contains("needs_account") && !line.contains("user=")), "{log}");
    let allowed = log.lines().find(|line| line.contains("/api/v1/users/me") && line.contains("status=200"));
    assert!(allowed.is_some_and(|line| !line.contains("denied") && !line.contains(&id)), "{log}");
    shop.server.stop();
}
