//! `/metrics` prints the metrics of the table and no others.

use crate::shop::{ORDERS, PRODUCTS, PROFILE, REGISTER, Shop, account, basket};
use skep::telemetry::{METRICS, Metric, When};
use skep_journeys::{Server, Store, wait_for};
use std::collections::{BTreeMap, BTreeSet};

/// A family of metrics as printed.
#[derive(Default)]
struct Family {
    help: String,
    kind: String,
    labels: BTreeSet<String>,
}

pub(super) fn the_table_and_the_printed_metrics_agree(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    ada.post(ORDERS).json(basket(&[(&honey, 99)])).send().refused(409, "insufficient_stock");
    shop.server.visitor().post(REGISTER).json(account("ada")).send().refused(409, "email_taken");
    ada.get(PROFILE).send().ok();
    shop.server.visitor().get(PRODUCTS).send().ok();

    let families = families(&printed(&shop.server));
    for (name, family) in &families {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is printed but not in the table"));
        assert_eq!((metric.kind.name(), metric.help), (&*family.kind, &*family.help), "{name}");
        let labels: BTreeSet<String> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(labels, family.labels, "the labels of {name}");
    }
    let is_expected = |metric: &&Metric| match metric.when {
        When::Always | When::Used => true,
        When::Sqlite => *store == Store::Sqlite,
        When::Sql => !matches!(store, Store::Mongodb(_)),
        When::Counted | When::Traced | When::System => false,
    };
    let missing: Vec<_> =
        METRICS.iter().filter(is_expected).filter(|metric| !families.contains_key(metric.name)).collect();
    assert!(missing.is_empty(), "in the table but not printed: {missing:?}");

    let text = printed(&shop.server);
    let value = |start: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    let units = |outcome: &str| {
        let lines = text.lines().filter(|line| line.starts_with("skep_unit_of_work_duration_seconds_count"));
        let lines = lines.filter(|line| line.contains(&format!("outcome=\"{outcome}\"")));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    // Committed: at least setup, ada, two logins, a product and an order. Rolled back: the order that is too large,
    // and the address that is taken.
    assert!(units("committed") >= 6.0 && units("rolled_back") >= 2.0, "{text}");
    assert_eq!(units("failed"), 0.0, "{text}");
    assert!(value("db_client_connection_max") >= 1.0 && value("process_resident_memory_bytes") > 1e6, "{text}");
    wait_for("the last request to be over", || {
        // The request that asks counts itself.
        (shop.server.metric("http_server_active_requests") == 1.0).then_some(())
    });
    assert!(value("http_server_open_connections") >= 1.0);
    assert!(value("skep_rate_limit_decisions_total{limit=\"user\",decision=\"allowed\"}") >= 3.0, "{text}");
    if *store == Store::Sqlite {
        let stored = value("skep_sqlite_group_units_sum");
        assert!(stored >= 6.0 && stored <= units("committed"), "{stored} of {}", units("committed"));
    }
    shop.server.stop();
}

fn printed(server: &Server) -> String {
    String::from_utf8(server.visitor().get("/metrics").send().ok().body).expect("text")
}

fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::<String, Family>::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else {
            let series = line.split(' ').next().unwrap_or_default();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let family = ["", "_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| name.strip_suffix(suffix))
                .find(|name| families.contains_key(*name))
                .unwrap_or_else(|| panic!("{line} has no family"))
                .to_owned();
            let names = labels.split("=\"").filter_map(|part| part.rsplit(['{', ',', '"']).next());
            let names = names.filter(|name| !name.is_empty() && *name != "le" && *name != "}").map(str::to_owned);
            families.entry(family).or_default().labels.extend(names);
        }
    }
    families
}
