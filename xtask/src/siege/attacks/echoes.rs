//! Bodies with as many faults as fit, whose answers list them.

use super::{Attack, GROWTH, P99};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::{Finding, size},
        ground::{Ground, SMALL},
        wire::{HOSTILE, Wire},
    },
};
use std::fmt::Write as _;

pub(super) const ATTACK: Attack =
    Attack { name: "echoes", needs: SMALL, growth: GROWTH, p99: P99, run: |ground| Box::pin(run(ground)) };

/// The bytes that a body of the attacker has, less than the limit of every route.
const ROOM: usize = 240 << 10;
/// The largest answer that a bad body may get, with its head.
const ANSWER: u64 = 16_000;

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let mut findings = vec![];
    for (name, target, body) in bodies(ground) {
        let request = bytes("POST", target, &ground.customer(0), Some(&body));
        let mut wire = Wire::open(HOSTILE, ground.address()).await?;
        let reply = wire.ask(&request).await?;
        let measured = format!("{} with {}", reply.status, size(reply.size as u64));
        let is_held = (400..500).contains(&reply.status) && reply.size as u64 <= ANSWER;
        findings.push(Finding::new(name, &format!("4xx with at most {}", size(ANSWER)), measured, is_held));
    }
    Ok(findings)
}

fn bodies(ground: &Ground) -> Vec<(&'static str, &'static str, String)> {
    const ORDERS: &str = "/api/v1/orders";
    const LOGIN: &str = "/api/v1/auth/login";
    let many = |start: &str, end: &str, part: &dyn Fn(usize) -> String| {
        let mut text = start.to_owned();
        for number in 0.. {
            let part = part(number);
            if text.len() + part.len() + end.len() + 1 > ROOM {
                break;
            }
            let _ = write!(text, "{}{part}", if number == 0 { "" } else { "," });
        }
        text + end
    };
    let lines_of = |count: usize, part: &dyn Fn(usize) -> String| {
        let lines: Vec<String> = (0..count).map(part).collect();
        format!(r#"{{"lines":[{}]}}"#, lines.join(","))
    };
    let long = "k".repeat(ROOM - 200);
    let id = &ground.products()[0];
    let lines = r#"{"lines":["#;
    vec![
        ("many unknown fields", ORDERS, many("{", "}", &|n| format!(r#""f{n}":0"#))),
        ("many repeated fields", ORDERS, many("{", "}", &|_| r#""lines":[]"#.to_owned())),
        ("a long unknown field", ORDERS, format!(r#"{{"{long}":0}}"#)),
        ("a long repeated field", ORDERS, format!(r#"{{"{}":0,"{}":0}}"#, &long[..ROOM / 3], &long[..ROOM / 3])),
        ("many invalid ids", ORDERS, many(lines, "]}", &|_| r#"{"product_id":"x","quantity":1}"#.to_owned())),
        ("1,000 invalid ids", ORDERS, lines_of(1_000, &|_| r#"{"product_id":"x","quantity":1}"#.to_owned())),
        (
            "1,000 unknown products",
            ORDERS,
            lines_of(1_000, &|n| format!(r#"{{"product_id":"01890000-0000-7000-8000-{n:012x}","quantity":1}}"#)),
        ),
        ("1,000 invalid quantities", ORDERS, lines_of(1_000, &|_| format!(r#"{{"product_id":"{id}","quantity":0}}"#))),
        (
            "100 long invalid ids",
            ORDERS,
            lines_of(100, &|_| format!(r#"{{"product_id":"{}","quantity":1}}"#, &long[..2_000])),
        ),
        ("100 long unknown fields", ORDERS, lines_of(100, &|_| format!(r#"{{"{}":0}}"#, &long[..2_000]))),
        ("a long invalid id", ORDERS, format!(r#"{lines}{{"product_id":"{long}","quantity":1}}]}}"#)),
        ("many wrong types", ORDERS, many(lines, "]}", &|_| "0".to_owned())),
        (
            "many unknown products",
            ORDERS,
            many(lines, "]}", &|n| format!(r#"{{"product_id":"01890000-0000-7000-8000-{n:012x}","quantity":1}}"#)),
        ),
        ("many invalid quantities", ORDERS, many(lines, "]}", &|_| format!(r#"{{"product_id":"{id}","quantity":0}}"#))),
        ("a long e-mail address", LOGIN, format!(r#"{{"email":"{}","password":"x"}}"#, &long[..3_000])),
        ("a long unknown field of a login", LOGIN, format!(r#"{{"{}":0}}"#, &long[..3_000])),
    ]
}
