use super::*;
use crate::{Argon2Cost, Argon2Hasher, HashPool};
use proptest::prelude::*;
use skep_application::identity::{HashCaller, HashError, PasswordHasher as _};
use std::num::NonZeroUsize;

const WORD: &str = "pässwörd 🐝";

/// Hashes that other programs have made: the test vectors of crypt_blowfish, phpass, the reference of Argon2 and RFC 7914,
/// and with `WORD` those of libxcrypt and Python.
const KNOWN: [(&str, &str); 14] = [
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("U*U*U", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    (WORD, "$2y$05$abcdefghijklmnopqrstuulBQhYTvlWXMKAPcNRrgdo3YnkfvdQVG"),
    (SEVENTY_TWO, "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"),
    ("test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
    ("test12345", "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
    (WORD, "$H$9abcdefghKhBDfkftw2vterzmiMtoJ1"),
    ("password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
    ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("pleaseletmein", SCRYPT),
    (WORD, "$scrypt$ln=10,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$njJ0mZBn+jyLr/JpTY/Sf4aTypE+bo/jbA/aQG87qMo"),
];
const SEVENTY_TWO: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SCRYPT: &str = "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$\
                      cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw";
const PHPASS: &str = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0";

fn hasher() -> Argon2Hasher {
    Argon2Hasher::new(Argon2Cost::default(), HashPool::new(NonZeroUsize::MIN))
}

async fn verifies(hasher: &Argon2Hasher, password: &str, stored: &str) -> bool {
    hasher.verify(HashCaller::default(), password.to_owned(), Some(stored.to_owned())).await.unwrap()
}

async fn taken_over(hasher: &Argon2Hasher, hash: &str) -> String {
    hasher.take_over(HashCaller::default(), hash.to_owned()).await.unwrap()
}

#[tokio::test]
async fn a_hash_of_another_system_is_stored_as_strong_as_ours_and_matches_only_its_password() {
    let hasher = hasher();
    for (password, hash) in KNOWN {
        assert_eq!(hasher.judge_foreign(hash), Ok(()), "{hash}");
        let stored = taken_over(&hasher, hash).await;
        assert!(stored.starts_with("$over$") && stored.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let tag = &hash[hash.len() - 20..];
        assert!(!stored.contains(tag), "the foreign tag is in {stored}");
        assert!(hasher.is_outdated(&stored), "{stored}");
        assert!(verifies(&hasher, password, &stored).await, "{hash}");
        for wrong in [format!("{password} "), password.to_uppercase() + "x", format!("x{password}")] {
            assert!(!verifies(&hasher, &wrong, &stored).await, "{wrong:?} {hash}");
        }
    }
}

#[tokio::test]
async fn the_tag_of_another_password_matches_no_longer() {
    let hasher = hasher();
    for (planted, password) in
        [(PHPASS.replace("L0", "M0"), "test12345"), (SCRYPT.replace("cCO9", "cCO8"), "pleaseletmein")]
    {
        let stored = taken_over(&hasher, &planted).await;
        assert!(!verifies(&hasher, password, &stored).await, "{planted}");
    }
}

#[tokio::test]
async fn an_argon2id_hash_of_enough_cost_is_stored_as_it_is() {
    let (hasher, pool) = (hasher(), HashPool::new(NonZeroUsize::MIN));
    let other = Argon2Hasher::new(Argon2Cost::new(12_288, 3, 1).unwrap(), pool);
    let hash = other.hash(HashCaller::default(), "of another Skep".into()).await.unwrap();
    assert_eq!(taken_over(&hasher, &hash).await, hash);
    let cheap = hash.replace("m=12288", "m=12287");
    assert!(taken_over(&hasher, &cheap).await.starts_with("$over$argon2id$v=19$m=12287,t=3,p=1$"));
}

#[tokio::test]
async fn bcrypt_does_not_match_a_password_that_it_sees_only_a_part_of() {
    let hasher = hasher();
    let stored = taken_over(&hasher, "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui").await;
    assert!(verifies(&hasher, SEVENTY_TWO, &stored).await);
    for longer in [format!("{SEVENTY_TWO}chars after 72 are ignored"), format!("{SEVENTY_TWO}!")] {
        assert!(!verifies(&hasher, &longer, &stored).await, "{longer}");
    }
    let stored = taken_over(&hasher, KNOWN[0].1).await;
    for wrong in ["U*U\0", "U*U\0U*U", "U*U\0more"] {
        assert!(!verifies(&hasher, wrong, &stored).await, "{wrong:?}");
    }
    // The others see NUL bytes.
    let stored = taken_over(&hasher, PHPASS).await;
    assert!(!verifies(&hasher, "test12345\0", &stored).await);
}

#[test]
fn parameters_above_a_limit_are_refused_with_the_limit() {
    let argon2 =
        |params: &str| format!("$argon2id$v=19${params}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
    let argon2i = |params: &str| argon2(params).replace("argon2id", "argon2i");
    let scrypt = |params: &str| SCRYPT.replace("ln=14,r=8,p=1", params);
    let bcrypt = |cost: &str| KNOWN[0].1.replace("$05$", cost);
    let phpass = |count: &str| PHPASS.replace("$9", count);
    for hash in [
        argon2("m=262144,t=10,p=64"),
        argon2i("m=262144,t=10,p=1"),
        scrypt("ln=17,r=8,p=1"),
        scrypt("ln=13,r=8,p=16"),
        bcrypt("$14$"),
        phpass("$F"),
    ] {
        assert!(ForeignHash::parse(&hash).is_ok(), "{hash}");
    }
    for (hash, parameter, limit) in [
        (argon2("m=262145,t=1,p=1"), "m", 262_144),
        (argon2i("m=4294967295,t=1,p=1"), "m", 262_144),
        (argon2("m=4096,t=11,p=1"), "t", 10),
        (argon2("m=4096,t=2147483648,p=1"), "t", 10),
        (argon2("m=4096,t=1,p=65"), "p", 64),
        (argon2("m=4096,t=1,p=16777216"), "p", 64),
        (scrypt("ln=18,r=8,p=1"), "N·r·p", 1 << 20),
        (scrypt("ln=17,r=8,p=2"), "N·r·p", 1 << 20),
        (scrypt("ln=1,r=524288,p=1"), "r·p", 512),
        (scrypt("ln=1,r=1,p=513"), "r·p", 512),
        (scrypt("ln=1,r=4294967295,p=1"), "N·r·p", 1 << 20),
        (scrypt("ln=63,r=4294967295,p=4294967295"), "N·r·p", 1 << 20),
        (scrypt("ln=4294967295,r=1,p=1"), "N·r·p", 1 << 20),
        (bcrypt("$15$"), "the cost", 14),
        (bcrypt("$31$"), "the cost", 14),
        (phpass("$G"), "count", 17),
        (phpass("$z"), "count", 17),
    ] {
        let refusal = ForeignHash::parse(&hash).unwrap_err();
        let ForeignHashRefusal::TooCostly { parameter: named, limit: at, .. } = refusal else {
            panic!("{hash}: {refusal}")
        };
        assert!(named.contains(parameter) && at == limit, "{hash}: {refusal}");
        assert!(refusal.to_string().ends_with(&format!("must be at most {limit}")), "{refusal}");
    }
}

#[tokio::test]
async fn a_stored_hash_above_a_limit_fails_at_a_login() {
    let hasher = hasher();
    for (hash, own, absurd) in [
        (KNOWN[0].1, "$05$", "$31$"),
        (SCRYPT, "ln=14", "ln=40"),
        (PHPASS, "$P$9", "$P$z"),
        (KNOWN[10].1, "m=256", "m=4294967295"),
        (KNOWN[10].1, "m=19456", "m=4194304"),
    ] {
        let stored = taken_over(&hasher, hash).await;
        let stored = stored.replace(own, absurd);
        assert!(stored.contains(absurd), "{stored}");
        let verdict = hasher.verify(HashCaller::default(), "x".into(), Some(stored.clone())).await;
        assert!(matches!(verdict, Err(HashError::Failed(_))), "{stored}: {verdict:?}");
    }
}

#[tokio::test]
async fn what_is_no_hash_or_a_part_of_one_is_refused() {
    let hasher = hasher();
    let wrapped = taken_over(&hasher, PHPASS).await;
    for hash in [
        "",
        "$",
        "é$",
        "secret",
        "x2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
        "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        &wrapped,
        &"$2b$".repeat(1_000),
    ] {
        assert_eq!(ForeignHash::parse(hash).unwrap_err(), ForeignHashRefusal::Unknown, "{hash}");
        let taken = hasher.take_over(HashCaller::default(), hash.to_owned()).await;
        assert!(matches!(taken, Err(HashError::Failed(_))), "{hash}: {taken:?}");
    }
    for hash in [
        "$2a$",
        "$2a$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW ",
        "$2a$05$CCCCCCCCCCCCCCCCCCCC+.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$P$",
        "$P$4IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
        "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L",
        "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.Lz",
        "$P$9IQRaTwm$eRo7ud9Fh4E2PdI0S3r.L0",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1,keyid=AAAA$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=1,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4",
        "$scrypt$ln=0,r=8,p=1$U29kaXVtQ2hsb3JpZGU$njJ0mZBn+jyLr/JpTY/Sf4aTypE+bo/jbA/aQG87qMo",
        "$scrypt$ln=10,r=8,p=0$U29kaXVtQ2hsb3JpZGU$njJ0mZBn+jyLr/JpTY/Sf4aTypE+bo/jbA/aQG87qMo",
        "$scrypt$ln=10,r=8,p=1$U29kaXVtQ2hsb3JpZGU",
    ] {
        let refusal = ForeignHash::parse(hash).unwrap_err();
        assert!(matches!(refusal, ForeignHashRefusal::Incomplete(_)), "{hash}: {refusal}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), at in 0..KNOWN.len(), cut in 0..60_usize, byte in any::<char>()) {
        let _ = ForeignHash::parse(&text);
        let _ = ForeignHash::split(&text);
        let mut known = KNOWN[at].1.to_owned();
        known.replace_range(cut.min(known.len() - 1)..=cut.min(known.len() - 1), &byte.to_string());
        if let Ok(read) = ForeignHash::parse(&known) {
            let stored = read.over("$argon2id$rest");
            let (again, argon2id) = ForeignHash::split(&stored).unwrap().unwrap();
            prop_assert_eq!(argon2id, "$argon2id$rest");
            prop_assert_eq!(again.settings.to_string(), read.settings.to_string());
            prop_assert!(again.tag.iter().all(|byte| *byte == 0) && again.tag.len() == read.tag.len());
        }
    }
}
