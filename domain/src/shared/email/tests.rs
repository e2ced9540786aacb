use super::*;
use proptest::prelude::*;

fn key_of(text: &str) -> Result<String, InvalidEmail> {
    Email::parse(text).map(|email| email.key().unwrap().to_owned())
}

/// The address as a program of the first versions has stored it, and as the migration completes it.
fn old(text: &str) -> Email {
    let address = legacy::key(text).unwrap();
    let key = Email::key_of(&address);
    Email::stored(address, key, None)
}

fn finds(typed: &str, email: &Email) -> bool {
    EmailLookup::parse(typed).unwrap().finds(email)
}

#[test]
fn spellings_of_one_address_have_one_key() {
    for (spelling, key) in [
        ("Ada@Example.COM", "ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("ZOE\u{308}@example.com", "zo\u{eb}@example.com"),
        ("x@müller-honig.example", "x@xn--mller-honig-thb.example"),
        ("x@MU\u{308}LLER-honig.example", "x@xn--mller-honig-thb.example"),
        ("x@XN--Mller-Honig-THB.example", "x@xn--mller-honig-thb.example"),
        ("x@straße.example", "x@xn--strae-oqa.example"),
        ("x@STRAẞE.example", "x@xn--strae-oqa.example"),
        ("x@strasse.example", "x@strasse.example"),
        ("x@例え。テスト", "x@xn--r8jz45g.xn--zckzah"),
        ("x@نامه\u{200c}ای.example", "x@xn--mgba3gch31f060k.example"),
        // The local part is folded, not mapped.
        ("straße@example.com", "strasse@example.com"),
    ] {
        assert_eq!(key_of(spelling).as_deref(), Ok(key), "{spelling}");
    }
}

#[test]
fn an_address_is_shown_as_typed() {
    for (typed, shown) in [
        (" Ada.L@Example.COM ", "Ada.L@Example.COM"),
        ("x@müller-honig.example", "x@müller-honig.example"),
        ("x@xn--mller-honig-thb.example", "x@xn--mller-honig-thb.example"),
        ("ZOE\u{308}@example.com", "ZO\u{cb}@example.com"),
    ] {
        assert_eq!(Email::parse(typed).unwrap().shown().as_str(), shown);
    }
    assert_eq!(old("Ada@Example.com").shown().as_str(), "ada@example.com");
}

#[test]
fn invalid_and_deceptive_addresses_are_refused() {
    for text in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "a b@example.com",
        "a@b@",
        "a..b@example.com",
        ".a@example.com",
        "\u{301}a@example.com",
        "ada@-example.com",
        "ada@example-.com",
        "ada@example..com",
        "ada@example.com.",
        "ada@exa_mple.com",
        "\"a b\"@example.com",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "ada@127.0.0.1",
        "ada@example.123",
        "ada\0@example.com",
        "ad\u{200B}a@example.com",
        "ad\u{202E}a@example.com",
        "\u{FB01}n@example.com",
        "\u{FF21}da@example.com",
        "ada@\u{FF21}.example.com",
        "ada\u{3164}@example.com",
        "ad\u{e9}\u{16FE4}@example.com",
        "ad\u{e9}\u{17D2}@example.com",
        "ada@exam\u{ad}ple.com",
        "ada@exam\u{200d}ple.com",
        "ada@exam\u{301}.\u{301}.com",
        "ada\r\n@example.com",
        // Punycode that stands for nothing, for ASCII and for an emoji.
        "ada@xn--zzzzzzzzz-.example",
        "ada@xn--.example",
        "ada@xn--abc-.example",
        "ada@xn--i-7iq.example",
        // A digit in front of letters that are written right to left.
        "ada@1א.example",
    ] {
        assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
    }
    for long in [
        format!("{}@example.com", "a".repeat(65)),
        format!("a@{}com", "abcdefghi.".repeat(26)),
        format!("a@{}.com", "a".repeat(64)),
        // 60 letters make an A-label of more than 63 bytes.
        format!("a@{}é.com", "a".repeat(60)),
    ] {
        assert_eq!(Email::parse(&long), Err(InvalidEmail), "{long}");
    }
    assert!(Email::parse(&format!("{}@{}.com", "a".repeat(64), "b".repeat(63))).is_ok());
}

#[test]
fn an_old_account_is_found_by_what_its_owner_typed_and_by_every_spelling() {
    let hive = old("x@müller-honig.example");
    for typed in ["x@müller-honig.example", "X@MÜLLER-HONIG.example", "x@xn--mller-honig-thb.example"] {
        assert!(finds(typed, &hive), "{typed}");
    }
    // The first versions did not keep which of the two was typed.
    let street = old("x@straße.example");
    assert!(finds("x@straße.example", &street) && finds("x@strasse.example", &street));
    // Such an address would be refused today.
    let odd = old("x@xn--i-7iq.example");
    assert_eq!(odd.key(), None);
    assert!(finds("X@xn--i-7iq.example", &odd));
}

#[test]
fn a_new_account_is_not_found_by_an_old_key() {
    let strasse = Email::parse("x@strasse.example").unwrap();
    assert!(!finds("x@straße.example", &strasse));
    assert!(finds("X@STRASSE.example", &strasse));
}

#[test]
fn of_two_old_accounts_with_one_key_each_is_found_by_its_spelling() {
    let older = old("x@müller-honig.example");
    // The older account has the key.
    let younger = Email::stored("x@xn--mller-honig-thb.example".into(), None, None);
    let found = |typed: &str| {
        let lookup = EmailLookup::parse(typed).unwrap();
        lookup.choose([&older, &younger], |email| *email).map(|email| email.address().to_owned())
    };
    for typed in ["x@müller-honig.example", "x@Müller-Honig.example"] {
        assert_eq!(found(typed).as_deref(), Some(older.address()));
    }
    assert_eq!(found("x@XN--mller-honig-thb.example").as_deref(), Some(younger.address()));
    assert_eq!(found("y@müller-honig.example"), None);
}

#[test]
fn an_account_that_an_older_instance_stores_later_does_not_shadow_the_owner_of_the_spelling() {
    for (typed, address) in [("x@Müller.example", "x@müller.example"), ("x@straße.example", "x@strasse.example")] {
        let owner = Email::parse(typed).unwrap();
        let later = Email::stored(address.into(), None, None);
        let lookup = EmailLookup::parse(typed).unwrap();
        assert!(lookup.finds(&owner) && lookup.finds(&later));
        assert_eq!(lookup.choose([&later, &owner], |email| *email), Some(&owner), "{typed}");
        assert_eq!(lookup.choose([&owner, &later], |email| *email), Some(&owner), "{typed}");
    }
}

#[test]
fn a_spelling_in_a_labels_does_not_pass_by_an_old_account() {
    let street = old("x@straße.example");
    let typed = EmailLookup::parse("x@xn--strae-oqa.example").unwrap();
    assert!(!typed.finds(&street));
    assert!(typed.in_letters().unwrap().finds(&street));
    // An older instance beside this one stores letters without a key.
    let hive = Email::stored("x@müller.example".into(), None, None);
    let typed = EmailLookup::parse("x@xn--mller-kva.example").unwrap();
    assert!(!typed.finds(&hive));
    assert!(typed.in_letters().unwrap().finds(&hive));
    for plain in ["x@example.com", "x@straße.example", "x@müller.example"] {
        assert_eq!(EmailLookup::parse(plain).unwrap().in_letters(), None, "{plain}");
    }
}

fn address() -> impl Strategy<Value = String> {
    ("[a-zA-Zéß.]{1,6}", "[a-zA-Z0-9\\-éüßẞςאب例。]{1,8}", "[a-z]{2,5}").prop_map(|(a, b, c)| format!("{a}@{b}.{c}"))
}

proptest! {
    #[test]
    fn reading_twice_changes_nothing(text in prop_oneof![address(), "\\PC{1,12}@[a-zA-Z0-9\\-é]{1,8}\\.[a-z]{2,5}"]) {
        if let Ok(once) = Email::parse(&text) {
            let (key, shown) = (once.key().unwrap(), once.shown());
            prop_assert_eq!(key_of(key), Ok(key.to_owned()));
            prop_assert_eq!(Email::parse(shown.as_str()), Ok(once.clone()));
            prop_assert!(finds(key, &once) && finds(&text, &once));
        }
    }

    /// No owner is locked out by the new key, and guesses of one account are counted under one name.
    #[test]
    fn an_old_account_is_still_found(text in address()) {
        if legacy::key(&text).is_some() {
            let email = old(&text);
            let typed = EmailLookup::parse(&text).unwrap();
            prop_assert!(typed.finds(&email));
            let stored = EmailLookup::parse(email.address()).unwrap();
            prop_assert!(stored.finds(&email));
            prop_assert_eq!(stored.account(), typed.account());
            let keyless = Email::stored(email.address().to_owned(), None, None);
            prop_assert!(typed.finds(&keyless) && stored.finds(&keyless));
            if let Some(key) = email.key() {
                let lookup = EmailLookup::parse(key).unwrap();
                prop_assert!(lookup.finds(&email));
                prop_assert_eq!(lookup.account(), typed.account());
            }
        }
    }

    /// An address is taken, or not taken, in all of its spellings.
    #[test]
    fn spellings_of_one_address_conflict_with_the_same_old_accounts(text in address(), other in address()) {
        if let (Ok(email), true) = (Email::parse(&text), legacy::key(&other).is_some()) {
            let stored = old(&other);
            let conflicts = |text: &str| {
                let lookup = EmailLookup::parse(text).unwrap();
                lookup.finds(&stored) || lookup.in_letters().is_some_and(|letters| letters.finds(&stored))
            };
            prop_assert_eq!(conflicts(&text), conflicts(email.key().unwrap()));
        }
    }
}
