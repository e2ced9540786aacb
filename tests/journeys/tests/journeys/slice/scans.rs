//! Files that a scanner judges before users get them.

use super::{
    Context,
    files::{FILES, at, content_of, kept, put, shop_with},
    images::PICTURE,
    uploads::{add, create},
};
use crate::{
    Journey,
    shop::{Shop, all, count, id_of, log_in, path},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Output, ScanServer, Server, Store, wait_for};

const SCANS: &str = "/api/v1/jobs?kind=files.scan_file";
const EVENTS: &str = "/api/v1/events?limit=100";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::scans", no_caller_gets_a_file_before_the_scanner_has_judged_it),
        Journey::new("slice::scans_of_every_upload", every_way_to_upload_leads_to_the_scanner),
        Journey::new("slice::scans_that_find_something", an_infected_file_loses_its_content),
        Journey::new("slice::scans_without_a_scanner", a_scanner_that_is_away_delays_files_and_loses_none),
        Journey::new("slice::scans_of_long_files", a_file_that_the_scanner_does_not_take_stays_quarantined),
        Journey::new("slice::scans_again", files_that_wait_without_a_job_are_asked_about_again_or_released),
        Journey::new("slice::scans_over_a_kill", a_file_is_judged_after_a_kill),
        Journey::new("slice::scans_of_exports", an_export_is_not_scanned),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn open(store: &Store, scanner: &ScanServer) -> (Shop, tempfile::TempDir) {
    let settings = scanner.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    shop_with(store, &settings)
}

fn state(client: &Client, id: &str) -> String {
    client.get(at(id)).send().expect(200).text("/state")
}

#[track_caller]
fn wait_for_state(client: &Client, id: &str, expected: &str) {
    wait_for("the verdict", || (state(client, id) == expected).then_some(()));
}

/// Waits until the metrics have this line.
#[track_caller]
fn wait_for_line(server: &Server, line: &str) {
    let lines = || String::from_utf8(server.visitor().get("/metrics").send().ok().body).expect("text");
    wait_for(line, || lines().lines().any(|found| found == line).then_some(()));
}

/// The event with this name, once it has its position.
#[track_caller]
fn event(admin: &Client, name: &str) -> Value {
    wait_for(name, || events(admin).into_iter().find(|event| event["type"] == name))
}

/// The events that have their position.
fn events(admin: &Client) -> Vec<Value> {
    admin.get(EVENTS).send().ok().json()["data"].as_array().expect("events").clone()
}

/// Makes the jobs of the scanner run at once.
fn retry(admin: &Client) {
    for job in all(admin, SCANS) {
        // A job may run or be completed meanwhile.
        admin.post(format!("/api/v1/jobs/{}/retry", id_of(&job))).send();
    }
}

fn set_picture(shop: &Shop, product: &str, file: &str) -> Answer {
    let body = json!({ "pictures": [{ "file_id": file, "alt": "" }] });
    shop.admin.put(format!("{}/pictures", path(product))).if_match("*").json(body).send()
}

fn no_caller_gets_a_file_before_the_scanner_has_judged_it(store: &Store) {
    let scanner = ScanServer::start();
    scanner.hold();
    let (shop, _folder) = open(store, &scanner);
    let (ada, bob, visitor, admin) = (shop.user("ada"), shop.user("bob"), shop.server.visitor(), &shop.admin);
    let file = put(&ada, "name=jar.png&visibility=public&purpose=image", PICTURE).expect(201);
    let (id, etag) = (file.text("/id"), file.etag());
    assert_eq!(file.text("/state"), "quarantined");
    scanner.wait_for_contents(1);

    for client in [&ada, admin] {
        let shown = client.get(at(&id)).send().expect(200);
        assert_eq!((shown.text("/state").as_str(), shown.etag()), ("quarantined", etag.clone()));
        for target in [content_of(&id), format!("{}?size=small", content_of(&id))] {
            let refused = client.get(target).send().refused(409, "file_quarantined");
            assert!(refused.header("retry-after").is_some());
        }
        client.get(content_of(&id)).header("Range", "bytes=0-3").send().refused(409, "file_quarantined");
        client.post(format!("{}/links", at(&id))).json(json!({})).send().refused(409, "file_quarantined");
    }
    for client in [&bob, &visitor] {
        client.get(at(&id)).send().refused(404, "not_found");
        client.get(content_of(&id)).send().refused(404, "not_found");
    }
    assert_eq!((count(&ada, FILES), count(admin, FILES)), (0, 0), "lists have files that are ready");
    let product = shop.product("HONEY", 1999, 10);
    set_picture(&shop, &product, &id).refused(422, "validation_failed").at("/pictures/0/file_id", "file_quarantined");

    scanner.go_on();
    wait_for_state(&ada, &id, "ready");
    let ready = visitor.get(at(&id)).send().expect(200);
    assert!(ready.etag() != etag, "the state is a part of the version");
    for client in [&ada, &bob, &visitor] {
        assert_eq!(client.get(content_of(&id)).send().expect(200).body, PICTURE);
        client.get(format!("{}?size=small", content_of(&id))).send().expect(200);
    }
    ada.post(format!("{}/links", at(&id))).json(json!({})).send().expect(200);
    set_picture(&shop, &product, &id).expect(200);
    assert_eq!((count(&ada, FILES), scanner.contents()), (1, 1));
    for name in ["files.file_quarantined.v1", "files.file_uploaded.v1"] {
        assert_eq!(event(admin, name)["data"]["file_id"], json!(id));
    }
    wait_for_line(&shop.server, "skep_files_scanned_total{verdict=\"clean\"} 1");
    shop.server.stop();
}

fn every_way_to_upload_leads_to_the_scanner(store: &Store) {
    let scanner = ScanServer::start();
    let (shop, folder) = open(store, &scanner);
    let ada = shop.user("ada");
    let harmful = |start: &str| format!("{start} {}", ScanServer::HARMFUL);
    let form = |content: &str| {
        let part = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"";
        let body = format!("--bees\r\n{part}\r\n\r\n{content}\r\n--bees--\r\n");
        ada.post(FILES).text("multipart/form-data; boundary=bees", body).send().expect(201).text("/id")
    };
    let pieces = |content: &str| {
        let upload = create(&ada, content.len() as u64, "");
        let (first, second) = content.as_bytes().split_at(5);
        add(&ada, &upload, 0, first).expect(204);
        add(&ada, &upload, 5, second).expect(204);
        upload.rsplit('/').next().expect("an id").to_owned()
    };
    let (raw, in_form, in_pieces) =
        (put(&ada, "", "honeycomb").expect(201).text("/id"), form("honeycomb"), pieces("honeycomb"));
    let empty = create(&ada, 0, "").rsplit('/').next().expect("an id").to_owned();
    for id in [&raw, &in_form, &in_pieces] {
        wait_for_state(&ada, id, "ready");
        assert_eq!(ada.get(content_of(id)).send().expect(200).body, b"honeycomb");
    }
    wait_for_state(&ada, &empty, "ready");
    let (raw, in_form, in_pieces) =
        (put(&ada, "", harmful("raw")).expect(201).text("/id"), form(&harmful("form")), pieces(&harmful("pieces")));
    for id in [&raw, &in_form, &in_pieces] {
        wait_for_state(&ada, id, "infected");
        ada.get(content_of(id)).send().refused(410, "file_infected");
    }
    wait_for("the contents to go", || (kept(folder.path()) == 4).then_some(()));
    assert_eq!((scanner.contents(), count(&ada, FILES)), (7, 4));
    // A repeat with the key gets the first answer, and stores and scans no second file.
    let call = || ada.post(FILES).key("once").text("text/plain", "beeswax").send().expect(201);
    let first = call();
    wait_for_state(&ada, &first.text("/id"), "ready");
    assert_eq!(call().body, first.body);
    assert_eq!((scanner.contents(), kept(folder.path())), (8, 5));
    shop.server.stop();
}

fn an_infected_file_loses_its_content(store: &Store) {
    let scanner = ScanServer::start();
    let (shop, folder) = open(store, &scanner);
    let (ada, bob, admin) = (shop.user("ada"), shop.user("bob"), &shop.admin);
    let file = put(&ada, "name=a.txt&visibility=public", format!("a {} b", ScanServer::HARMFUL)).expect(201);
    let id = file.text("/id");
    wait_for_state(&ada, &id, "infected");
    for client in [&ada, admin] {
        let shown = client.get(at(&id)).send().expect(200);
        assert_eq!((shown.text("/state").as_str(), shown.text("/sha256")), ("infected", file.text("/sha256")));
        client.get(content_of(&id)).send().refused(410, "file_infected");
        client.post(format!("{}/links", at(&id))).json(json!({})).send().refused(410, "file_infected");
    }
    for client in [&bob, &shop.server.visitor()] {
        client.get(at(&id)).send().refused(404, "not_found");
        client.get(content_of(&id)).send().refused(404, "not_found");
    }
    let product = shop.product("HONEY", 1999, 10);
    set_picture(&shop, &product, &id).refused(422, "validation_failed").at("/pictures/0/file_id", "unknown_file");
    wait_for("the content to go", || (kept(folder.path()) == 0).then_some(()));
    let jobs = || all(admin, SCANS).iter().map(|job| job["state"].clone()).collect::<Vec<_>>();
    wait_for("the job to be completed", || (jobs() == [json!("completed")]).then_some(()));
    assert_eq!(scanner.contents(), 1, "it is asked once");

    let found = event(admin, "files.file_infected.v1");
    let data = json!({
        "file_id": id, "owner_id": file.text("/owner_id"), "purpose": "attachment", "threat": ScanServer::THREAT,
        "sha256": file.text("/sha256"),
    });
    assert_eq!(found["data"], data);
    let was_ready = |event: &Value| event["type"] == "files.file_uploaded.v1";
    assert!(!events(admin).iter().any(was_ready), "it was never ready");
    wait_for_line(&shop.server, "skep_files_scanned_total{verdict=\"infected\"} 1");
    ada.delete(at(&id)).send().expect(204);
    ada.get(at(&id)).send().refused(404, "not_found");
    let log = shop.server.log();
    assert!(log.contains(ScanServer::THREAT) && log.contains(&id), "{log}");
    shop.server.stop();
}

fn a_scanner_that_is_away_delays_files_and_loses_none(store: &Store) {
    let scanner = ScanServer::start();
    let (shop, _folder) = open(store, &scanner);
    let (ada, admin) = (shop.user("ada"), &shop.admin);
    let Output { out, .. } = shop.deployment.run(&["check"], "", &[]);
    assert!(out.lines().any(|line| line.contains("scanner") && line.contains("answers")), "{out}");
    scanner.go_away();
    let Output { out, .. } = shop.deployment.run(&["check"], "", &[]);
    let line = out.lines().find(|line| line.contains("scanner")).unwrap_or_default();
    assert!(line.starts_with("note") && out.contains("SKEP_SCANNER"), "{out}");

    let ids: Vec<String> = (0..3).map(|n| put(&ada, "", format!("honey {n}")).expect(201).text("/id")).collect();
    let gone = put(&ada, "", "wax").expect(201).text("/id");
    let has_failed = |job: &Value| job["state"] == "retryable" && job["attempt"].as_i64() > Some(0);
    wait_for("an attempt of each", || {
        (all(admin, SCANS).iter().filter(|job| has_failed(job)).count() == 4).then_some(())
    });
    for id in &ids {
        assert_eq!(state(&ada, id), "quarantined");
        ada.get(content_of(id)).send().refused(409, "file_quarantined");
    }
    // A file that is deleted meanwhile is nothing wrong.
    ada.delete(at(&gone)).send().expect(204);
    assert!(shop.server.metric("skep_files_scanned_total") >= 4.0);

    // A server that starts again has a closed breaker.
    let Shop { server, deployment, .. } = shop;
    server.stop();
    scanner.go_on();
    let server = deployment.start();
    let (ada, admin) = (log_in(&server, "ada"), log_in(&server, "grace"));
    retry(&admin);
    for id in &ids {
        wait_for_state(&ada, id, "ready");
        assert_eq!(ada.get(content_of(id)).send().expect(200).status, 200);
    }
    let is_done = || all(&admin, SCANS).iter().all(|job| job["state"] == "completed");
    wait_for("the jobs to be completed", || is_done().then_some(()));
    assert_eq!(scanner.contents(), 3);
    server.stop();
}

fn a_file_that_the_scanner_does_not_take_stays_quarantined(store: &Store) {
    let scanner = ScanServer::start();
    scanner.take_at_most(1_000);
    let (shop, _folder) = open(store, &scanner);
    let (ada, admin) = (shop.user("ada"), &shop.admin);
    let (short, long) = (put(&ada, "", "a".repeat(1_000)).expect(201).text("/id"), {
        put(&ada, "", "a".repeat(1 << 20)).expect(201).text("/id")
    });
    wait_for_state(&ada, &short, "ready");
    let discarded = || all(admin, &format!("{SCANS}&state=discarded")).first().map(|job| id_of(job).to_owned());
    let job = wait_for("the job to be discarded", discarded);
    assert_eq!(state(&ada, &long), "quarantined");
    let job = format!("/api/v1/jobs/{job}");
    let why =
        admin.get(&job).send().expect(200).json()["failures"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("longer than the scanner takes"), "{why}");
    // An operator raises the limit of the scanner, and retries the job.
    scanner.go_on();
    admin.post(format!("{job}/retry")).send().expect(200);
    wait_for_state(&ada, &long, "ready");
    assert!(shop.server.log().contains("StreamMaxLength"), "it says what to do");
    // It has logged an error.
    shop.server.terminate();
    shop.server.wait();
}

fn files_that_wait_without_a_job_are_asked_about_again_or_released(store: &Store) {
    let scanner = ScanServer::start();
    scanner.take_at_most(1_000);
    let (shop, _folder) = open(store, &scanner);
    let (ada, admin, visitor) = (shop.user("ada"), &shop.admin, shop.server.visitor());
    let long = put(&ada, "visibility=public", "a".repeat(1 << 20)).expect(201).text("/id");
    let discarded = || (!all(admin, &format!("{SCANS}&state=discarded")).is_empty()).then_some(());
    wait_for("the job to be discarded", discarded);
    scanner.go_on();
    let rescan = |arguments: &[&str], settings: &[(&str, &str)]| {
        shop.deployment.run(&[&["files", "rescan"], arguments].concat(), "", settings)
    };
    rescan(&["--release-unscanned"], &[]).refused(&["a scanner is configured", "no file is released"]);
    let result = |output: Output| serde_json::from_str::<Value>(&output.out).expect("JSON");
    let asked = result(rescan(&["--json"], &[]));
    assert_eq!(asked, json!({ "quarantined": 1, "queued": 1, "released": 0 }));
    wait_for_state(&ada, &long, "ready");
    assert_eq!(result(rescan(&["--json"], &[]))["quarantined"], 0);

    // A file waits for its job, and is not asked about twice.
    scanner.go_away();
    let waits = put(&ada, "visibility=public", "wax").expect(201).text("/id");
    assert_eq!(result(rescan(&["--json"], &[])), json!({ "quarantined": 1, "queued": 0, "released": 0 }));
    // The scanner is removed.
    let none = [("SKEP_SCANNER", ""), ("SKEP_SCANNER_NETWORKS", "")];
    rescan(&[], &none).refused(&["no scanner is configured", "--release-unscanned"]);
    visitor.get(content_of(&waits)).send().refused(404, "not_found");
    let released = rescan(&["--release-unscanned"], &none);
    assert!(released.out.contains("1 of 1 files are ready now, and no scanner has judged them"), "{}", released.out);
    assert_eq!(visitor.get(content_of(&waits)).send().expect(200).body, b"wax");
    let event = event(admin, "files.file_released.v1");
    assert_eq!(event["data"]["file_id"], json!(waits));
    shop.server.terminate();
    shop.server.wait();
}

fn a_file_is_judged_after_a_kill(store: &Store) {
    store.end_abandoned_soon();
    let scanner = ScanServer::start();
    scanner.hold();
    let (mut shop, _folder) = open(store, &scanner);
    shop.deployment.set("SKEP_LEASE_SECONDS", "1");
    let ada = shop.user("ada");
    let (clean, harmful) = (put(&ada, "", "honey").expect(201).text("/id"), {
        put(&ada, "", ScanServer::HARMFUL).expect(201).text("/id")
    });
    scanner.wait_for_contents(1);
    let Shop { server, deployment, .. } = shop;
    server.kill();
    scanner.go_on();
    let server = deployment.start();
    let (ada, admin) = (log_in(&server, "ada"), log_in(&server, "grace"));
    assert!(["quarantined", "ready"].contains(&state(&ada, &clean).as_str()));
    // A job that no worker holds any more is claimed again after its lease.
    retry(&admin);
    wait_for_state(&ada, &clean, "ready");
    wait_for_state(&ada, &harmful, "infected");
    server.stop();
}

fn an_export_is_not_scanned(store: &Store) {
    let scanner = ScanServer::start();
    let (shop, _folder) = open(store, &scanner);
    let ada = shop.user("ada");
    let ready = put(&ada, "", "honey").expect(201).text("/id");
    wait_for_state(&ada, &ready, "ready");
    scanner.hold();
    let waiting = put(&ada, "", "wax").expect(201).text("/id");
    scanner.wait_for_contents(2);
    let begun = ada.post("/api/v1/users/me/export").send().expect(202);
    let export = begun.header("location").expect("a path").to_owned();
    let is_ready = |answer: &Answer| answer.text("/state") == "ready";
    let export = wait_for("the archive", || Some(ada.get(&export).send().expect(200)).filter(is_ready));
    let archive = ada.get(content_of(&export.text("/file_id"))).send().expect(200).json();
    let listed: Vec<&str> = archive["files"].as_array().expect("files").iter().map(id_of).collect();
    assert_eq!(listed, [ready.as_str()], "the other one waits: {waiting}");
    assert_eq!(scanner.contents(), 2);
    shop.server.stop();
}
