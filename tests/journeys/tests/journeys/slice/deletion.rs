//! The deletion of accounts: by their owners and by admins, taken back, and erased.

use super::{
    Context,
    files::{FILES, at, kept, shop_with},
    links::{deployment, mails},
    users::{has_no_login, id, is_alive, is_dead, names, path, set_roles},
};
use crate::{
    Journey, Needs,
    clocks::start_at,
    shop::{LOGIN, ORDERS, PASSWORD, PROFILE, REGISTER, Shop, account, all, basket, credentials, email, id_of, log_in},
};
use serde_json::json;
use skep_journeys::{Answer, Client, Store, wait_for};

const USERS: &str = "/api/v1/users";
const REFRESH: &str = "/api/v1/auth/refresh";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::deletion", an_account_that_its_owner_deletes_is_out_at_once),
        Journey::new("slice::deletion_by_admins", an_admin_deletes_accounts_and_the_last_admin_stays),
        Journey::new("slice::deletion_erases", what_a_user_has_stored_is_erased_and_orders_stay),
        Journey::new("slice::deletion_grace", an_account_is_erased_after_the_grace_and_not_before)
            .needing(Needs::FakeTime),
    ],
    things: &[],
    unique: &[],
    // The account is needed for other calls, so the password is a wrong one.
    bodies: &[("delete_account", |_| json!({ "current_password": "not the password" }))],
};

fn delete(client: &Client, password: &str) -> Answer {
    client.delete(PROFILE).json(json!({ "current_password": password })).send()
}

fn an_account_that_its_owner_deletes_is_out_at_once(store: &Store) {
    let shop = Shop::open_on(deployment(store));
    shop.server.visitor().post(REGISTER).json(account("ada")).send().expect(201);
    let login = shop.server.visitor().post(LOGIN).json(credentials("ada")).send().expect(200);
    let (ada, refresh) = (shop.server.visitor().with_token(login.text("/access_token")), login.text("/refresh_token"));
    let other = log_in(&shop.server, "ada");
    let path = path(&id(&ada));

    delete(&ada, "a wrong password").refused(403, "wrong_password");
    delete(&shop.server.visitor(), PASSWORD).refused(401, "unauthenticated");
    ada.delete(PROFILE).json(json!({})).send().refused(422, "validation_failed");
    [&ada, &other].into_iter().for_each(is_alive);
    let erase_at = delete(&ada, PASSWORD).expect(202).text("/erase_at");

    [&ada, &other].into_iter().for_each(is_dead);
    let refreshed = shop.server.visitor().post(REFRESH).json(json!({ "refresh_token": refresh })).send();
    refreshed.refused(401, "invalid_refresh_token");
    has_no_login(&shop.server, "ada");
    shop.server.visitor().post(REGISTER).json(account("ada")).send().refused(409, "email_taken");
    let shown = shop.admin.get(&path).send().expect(200);
    assert_eq!((shown.text("/state").as_str(), shown.text("/erase_at")), ("deleting", erase_at.clone()));
    assert_eq!(names(&all(&shop.admin, &format!("{USERS}?state=deleting"))), ["ada"]);
    assert_eq!(names(&all(&shop.admin, &format!("{USERS}?state=active"))), ["Grace"]);
    let subject = "Your account will be erased";
    let mail = wait_for("the mail", || mails(&shop.deployment, "ada", subject).into_iter().next());
    assert!(mail.contains(&format!("{} {}", &erase_at[..10], &erase_at[11..16])), "{mail}");

    // An admin takes it back. The sessions stay ended.
    let back = shop.admin.post(format!("{path}/enable")).send().expect(200);
    assert_eq!((back.text("/state").as_str(), back.json().get("erase_at")), ("active", None));
    [&ada, &other].into_iter().for_each(is_dead);
    is_alive(&log_in(&shop.server, "ada"));
    shop.server.stop();
}

fn an_admin_deletes_accounts_and_the_last_admin_stays(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let of_ada = path(&id(&ada));
    bob.delete(&of_ada).send().refused(403, "forbidden");
    shop.admin.delete(&of_ada).if_match("\"9\"").send().refused(412, "precondition_failed");
    is_alive(&ada);
    let deleted = shop.admin.delete(&of_ada).if_match("\"1\"").send().expect(200);
    assert_eq!((deleted.text("/state").as_str(), deleted.etag()), ("deleting", "\"2\"".to_owned()));
    is_dead(&ada);
    has_no_login(&shop.server, "ada");
    assert_eq!(shop.admin.delete(&of_ada).send().expect(200).json(), deleted.json(), "a second time changes nothing");
    shop.admin.delete(path("019a9d3c-5a00-7000-8000-000000000001")).send().refused(404, "not_found");

    let of_grace = path(&id(&shop.admin));
    shop.admin.delete(&of_grace).send().refused(409, "last_admin");
    delete(&shop.admin, PASSWORD).refused(409, "last_admin");
    is_alive(&shop.admin);
    set_roles(&shop.admin, &id(&bob), &["admin"]).expect(200);
    delete(&shop.admin, PASSWORD).expect(202);
    is_dead(&shop.admin);
    delete(&bob, PASSWORD).refused(409, "last_admin");
    // On the command line, an account has its id or its address.
    let user = |arguments: &[&str]| shop.deployment.run(&[&["user"], arguments].concat(), "", &[]);
    user(&["delete", "bob@example.com"]).refused(&["only active admin"]);
    let deleted = deleted.json();
    user(&["enable", id_of(&deleted)]).ok();
    is_alive(&log_in(&shop.server, "ada"));
    assert!(user(&["delete", "ada@example.com"]).ok().contains("will be erased at"));
    has_no_login(&shop.server, "ada");
    assert!(user(&["list", "--state", "deleting"]).ok().contains("ada@example.com"));
    user(&["delete", "carl@example.com"]).refused(&["no account has the address"]);
    shop.server.stop();
}

fn what_a_user_has_stored_is_erased_and_orders_stay(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_ACCOUNT_GRACE_DAYS", "0")]);
    let honey = shop.product("HONEY", 100, 10);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let order = ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    let upload = |client: &Client| {
        let sent = client.post(FILES).header("Content-Disposition", "attachment; filename=a.txt");
        sent.text("text/plain", "honey").send().expect(201).text("/id")
    };
    let (file, _, kept_file) = (upload(&ada), upload(&ada), upload(&bob));
    let id_of_ada = id(&ada);
    delete(&ada, PASSWORD).expect(202);
    let Shop { server, deployment, .. } = shop;
    server.stop();

    // The next sweep runs at the start.
    let server = deployment.start();
    let admin = log_in(&server, "grace");
    wait_for("the erasure", || (admin.get(path(&id_of_ada)).send().status == 404).then_some(()));
    assert_eq!(kept(folder.path()), 1, "the file of another user stays");
    admin.get(at(&file)).send().refused(404, "not_found");
    admin.get(at(&kept_file)).send().expect(200);
    let left = all(&admin, ORDERS);
    assert_eq!(left.iter().map(id_of).collect::<Vec<_>>(), [id_of(&order.json())]);
    let personal = ["\"ada\"", "ada@example.com"];
    assert!(!personal.iter().any(|text| left[0].to_string().contains(text)), "an order names no person: {}", left[0]);
    assert_eq!(names(&all(&admin, USERS)).len(), 2);
    has_no_login(&server, "ada");
    let address = email("ada").into_bytes();
    let has_address = |bytes: &[u8]| bytes.windows(address.len()).any(|part| part == address);
    let left: Vec<_> = deployment.stored().into_iter().filter(|(_, bytes)| has_address(bytes)).collect();
    assert_eq!(left.iter().map(|(table, _)| table.as_str()).collect::<Vec<_>>(), [""; 0], "no row has the address");

    // The address is free, and the new account has nothing of the old one.
    server.visitor().post(REGISTER).json(account("ada")).send().expect(201);
    let ada = log_in(&server, "ada");
    assert_ne!(id(&ada), id_of_ada);
    assert!(all(&ada, ORDERS).is_empty() && all(&ada, FILES).is_empty());
    server.stop();
}

fn an_account_is_erased_after_the_grace_and_not_before(store: &Store) {
    let shop = Shop::open(store);
    let ada = path(&id(&shop.user("ada")));
    shop.admin.delete(&ada).send().expect(200);
    let bob = path(&id(&shop.user("bob")));
    let Shop { server, deployment, .. } = shop;
    server.stop();
    let server = start_at(&deployment, "+29d");
    wait_for("a sweep", || server.log().contains("ended what had expired").then_some(()));
    assert_eq!(log_in(&server, "grace").get(&ada).send().expect(200).text("/state"), "deleting");
    server.stop();
    let server = start_at(&deployment, "+31d");
    let admin = log_in(&server, "grace");
    wait_for("the erasure", || (admin.get(&ada).send().status == 404).then_some(()));
    admin.post(format!("{ada}/enable")).send().refused(404, "not_found");
    admin.get(&bob).send().expect(200);
    server.stop();
}
