//! Habits of people: spellings of an address, texts that show nothing, and passwords that are typed on other keyboards.

use crate::{
    Journey,
    shop::{LOGIN, PASSWORD, PRODUCTS, PROFILE, REGISTER, Shop, path, product},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Store};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("habits::addresses", one_address_has_one_account_in_every_spelling),
    Journey::new("habits::texts", texts_that_show_nothing_are_refused),
    Journey::new("habits::passwords", a_password_is_the_same_on_every_keyboard),
    Journey::new("habits::guesses", passwords_that_are_easy_to_guess_are_refused),
];

fn account(email: &str, password: &str, name: &str) -> Value {
    json!({ "email": email, "password": password, "display_name": name })
}

fn register(visitor: &Client, email: &str) -> Answer {
    visitor.post(REGISTER).json(account(email, PASSWORD, "Bea")).send()
}

fn log_in(visitor: &Client, email: &str, password: &str) -> Answer {
    visitor.post(LOGIN).json(json!({ "email": email, "password": password })).send()
}

fn one_address_has_one_account_in_every_spelling(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let groups: &[&[&str]] = &[
        &[
            "X@Müller-Honig.example",
            "x@xn--mller-honig-thb.example",
            "x@MU\u{308}LLER-honig.example",
            " x@XN--Mller-honig-THB.example ",
        ],
        &["x@straße.example", "x@xn--strae-oqa.example", "X@STRAẞE.example"],
        &["x@strasse.example", "X@Strasse.Example"],
        &["x@例え.example", "x@例え。example"],
        &["Straße@example.com", "STRASSE@example.com"],
    ];
    for group in groups {
        let made = register(&visitor, group[0]).expect(201);
        assert_eq!(made.text("/email"), group[0], "it is shown as typed");
        for spelling in *group {
            register(&visitor, spelling).refused(409, "email_taken");
            let token = log_in(&visitor, spelling, PASSWORD).expect(200).text("/access_token");
            let profile = visitor.with_token(token).get(PROFILE).send().expect(200);
            assert_eq!(profile.json(), made.json(), "{spelling}");
        }
    }
    let long = format!("x@{}é.example", "a".repeat(60));
    for email in [
        "x@example.com.",
        "x@xn--.example",
        "x@xn--zzzzzzzzz-.example",
        "x@xn--i-7iq.example",
        "x@1א.example",
        "x@[127.0.0.1]",
        "x@127.0.0.1",
        "x@exa\u{ad}mple.com",
        "x\u{e9}\u{16FE4}@example.com",
        "\u{301}x@example.com",
        &long,
    ] {
        let refused = register(&visitor, email);
        assert_eq!(refused.problem(), r#"422 validation_failed "/email" invalid_email"#, "{email}");
        log_in(&visitor, email, PASSWORD).refused(401, "invalid_credentials");
    }
    shop.server.stop();
}

/// Each with a letter, so that only the character is at fault.
const HIDDEN: &[&str] = &[
    "a\u{200B}",
    "\u{FEFF}a",
    "a\u{AD}b",
    "a\u{2060}b",
    "\u{115F}",
    "\u{1160}",
    "\u{3164}",
    "\u{FFA0}",
    "\u{2800}",
    "a\u{E000}",
    "a\u{10FFFD}",
    "a\u{378}",
    "\u{301}",
    "a \u{301}",
    "a\u{2028}b",
    "a\u{2029}b",
    "a\u{202E}b",
    "\u{2066}a",
    "a\u{2069}",
    "a\u{200D}b",
    "a\u{E0061}",
    "\u{202D}a\u{202C}",
    "\u{e9}\u{FE00}",
    "\u{e9}\u{16FE4}",
    "א\u{200F}\u{200F}",
    "😀\u{200D}😀",
];
const SHOWN: &[&str] = &[
    "👩🏾\u{200D}🚀 Zoë",
    "❤\u{FE0F} 1\u{FE0F}\u{20E3} 🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "می\u{200C}خواهم",
    "ශ්\u{200D}රී",
    "2\u{2068}שלום\u{2069}",
    "葛\u{E0100}城",
    "ភាសា\u{200B}ខ្មែរ",
];

fn texts_that_show_nothing_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let (visitor, admin) = (shop.server.visitor(), &shop.admin);
    let honey = shop.product("HONEY", 100, 1);
    let etag = admin.get(path(&honey)).send().expect(200).etag();
    let categories = "/api/v1/categories";
    let new = |name: &str, description: &str| {
        let mut body = product("TEXT", 100, 1);
        (body["name"], body["description"]) = (json!(name), json!(description));
        body
    };
    for text in HIDDEN {
        let name = r#"422 validation_failed "/name" invalid_text"#;
        let description = r#"422 validation_failed "/description" invalid_text"#;
        // In a description, it may say where a line breaks.
        let breaks = text.contains(['\u{AD}', '\u{2060}']);
        let mut calls = vec![
            (
                visitor.post(REGISTER).json(account("b@example.com", PASSWORD, text)),
                r#"422 validation_failed "/display_name" invalid_text"#,
            ),
            (admin.post(PRODUCTS).json(new(text, "")), name),
            (admin.patch(path(&honey)).if_match(&etag).json(json!({ "name": text })), name),
            (admin.post(categories).json(json!({ "name": text, "slug": "text" })), name),
        ];
        if !breaks {
            calls.push((admin.post(PRODUCTS).json(new("Honey", text)), description));
        }
        for (call, problem) in calls {
            let answer = call.send();
            assert_eq!(answer.problem(), problem, "{text:?}");
            assert!(answer.text("/errors/0/detail").contains("U+"), "{answer:?}");
        }
    }
    for (number, text) in SHOWN.iter().enumerate() {
        let email = format!("user{number}@example.com");
        let made = visitor.post(REGISTER).json(account(&email, PASSWORD, text)).send().expect(201);
        assert_eq!(made.text("/display_name"), *text);
        let (sku, slug) = (format!("SKU-{number}"), format!("slug-{number}"));
        let mut body = new(text, &format!("{text}\n\u{644}\u{200B}{text}"));
        body["sku"] = json!(sku);
        assert_eq!(admin.post(PRODUCTS).json(body).send().expect(201).text("/name"), *text);
        let made = admin.post(categories).json(json!({ "name": text, "slug": slug })).send().expect(201);
        assert_eq!(made.text("/name"), *text);
    }
    // Texts are trimmed and stored in NFC.
    let made = visitor.post(REGISTER).json(account("zoe@example.com", PASSWORD, "\u{a0} Zoe\u{308}\u{3000}")).send();
    assert_eq!(made.expect(201).text("/display_name"), "Zo\u{eb}");
    shop.server.stop();
}

fn a_password_is_the_same_on_every_keyboard(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let spellings =
        ["caf\u{e9} au lait au miel", "cafe\u{301} au lait au miel", "caf\u{e9}\u{a0}au\u{3000}lait au miel"];
    for (number, password) in spellings.iter().enumerate() {
        let email = format!("user{number}@example.com");
        visitor.post(REGISTER).json(account(&email, password, "Bea")).send().expect(201);
        for spelling in spellings {
            log_in(&visitor, &email, spelling).expect(200);
        }
        for other in ["cafe au lait au miel", "caf\u{e9} au lait au miel ", "Caf\u{e9} au lait au miel"] {
            log_in(&visitor, &email, other).refused(401, "invalid_credentials");
        }
    }
    // 112 characters and 336 bytes in NFC, and more than 512 bytes as a Mac may send it.
    let composed = "\u{1EBF}\u{1ED3}\u{1EEF}\u{1EB1}\u{1EA5}\u{1ED5}\u{1EC7}\u{1EC1}\u{1ED1}\u{1EE9}\u{1EAF}\u{1EA7}\u{1ED9}\u{1EC5}\u{1EB3}\u{1EAD}";
    let composed = composed.repeat(7);
    let decomposed = "e\u{302}\u{301}o\u{302}\u{300}u\u{31B}\u{303}a\u{306}\u{300}a\u{302}\u{301}o\u{302}\u{309}e\u{323}\u{302}\
        e\u{302}\u{300}o\u{302}\u{301}u\u{31B}\u{301}a\u{306}\u{301}a\u{302}\u{300}o\u{323}\u{302}e\u{302}\u{303}a\u{306}\u{309}a\u{323}\u{302}";
    let decomposed = decomposed.repeat(7);
    assert!(decomposed.len() > 512);
    visitor.post(REGISTER).json(account("long@example.com", &decomposed, "Bea")).send().expect(201);
    for spelling in [&composed, &decomposed] {
        log_in(&visitor, "long@example.com", spelling).expect(200);
    }
    let emoji = "🐝 hum 🍯 drip 🌻 bloom";
    visitor.post(REGISTER).json(account("emoji@example.com", emoji, "Bea")).send().expect(201);
    log_in(&visitor, "emoji@example.com", emoji).expect(200);
    log_in(&visitor, "emoji@example.com", "🐝 hum 🍯 drip 🌼 bloom").refused(401, "invalid_credentials");
    // Some hashes look at no more than 72 bytes.
    let first = "a long walk past every hive in the valley, and then up the hill to the oak";
    assert!(first.len() > 72);
    visitor.post(REGISTER).json(account("hill@example.com", &format!("{first} tree"), "Bea")).send().expect(201);
    log_in(&visitor, "hill@example.com", &format!("{first} tree")).expect(200);
    for other in [first.to_owned(), format!("{first} bees"), first[..72].to_owned()] {
        log_in(&visitor, "hill@example.com", &other).refused(401, "invalid_credentials");
    }
    shop.server.stop();
}

fn passwords_that_are_easy_to_guess_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    for (password, code) in [
        ("passwordpasswordx", "too_common"),
        ("1qaz2wsx3edc4rfv", "too_common"),
        ("qweasdzxcqweasdzxc", "too_common"),
        ("abcabcabcabcabcabc", "too_common"),
        ("xkqzxkqzxkqzxkqz", "too_common"),
        ("P4ssw0rd-P4ssw0rd", "too_common"),
        ("skepskepskepskep", "too_common"),
        ("stubborn-stubborn", "too_common"),
        ("1a2b3c4d5e6f7g8h", "too_common"),
        ("147258369147258369", "too_common"),
        ("ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ", "too_common"),
        ("grace.hopper.2026", "contains_email"),
        ("HopperGraceHopper", "contains_email"),
        ("Amazing-Admiral-1", "contains_name"),
    ] {
        let answer =
            visitor.post(REGISTER).json(account("grace.hopper@navy.example", password, "Amazing Admiral")).send();
        assert_eq!(answer.problem(), format!(r#"422 validation_failed "/password" {code}"#), "{password}");
    }
    for (number, password) in
        ["bees build hexagons", "correct horse battery staple", "we were free here"].iter().enumerate()
    {
        let email = format!("user{number}@example.com");
        visitor.post(REGISTER).json(account(&email, password, "Bea")).send().expect(201);
    }
    // The end of a domain is that of many owners.
    visitor.post(REGISTER).json(account("bea@example.com", "com8472-9310-5526", "Bea")).send().expect(201);
    shop.server.stop();
}
