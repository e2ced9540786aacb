use super::*;
use proptest::prelude::*;

const GRACE: PasswordOwner<'_> =
    PasswordOwner { email: "Grace.Hopper@example.com", display_name: "Rear Admiral Amazing Grace" };

fn judge(password: &str) -> Result<(), PasswordRefusal> {
    PasswordPolicy::default().judge(password, GRACE).map(drop)
}

#[test]
fn length_is_counted_in_characters() {
    assert_eq!(judge("correct horse!"), Err(PasswordRefusal::TooShort { min: 15 }));
    assert_eq!(judge("correct horse b"), Ok(()));
    assert_eq!(judge(&"nineteen bees ".repeat(9)[..64]), Ok(()));
    assert_eq!(judge(&"aé🐝xyöß,".repeat(16)), Ok(()));
    assert_eq!(judge(&"abcd ".repeat(26)), Err(PasswordRefusal::TooLong));
    assert_eq!(judge(&"🐝".repeat(PasswordPolicy::MAX_TYPED_BYTES)), Err(PasswordRefusal::TooLong));
}

#[test]
fn length_is_counted_in_the_form_that_is_hashed() {
    // 15 characters as typed, and 14 in NFC.
    assert_eq!(judge("corre\u{301}ct horse!"), Err(PasswordRefusal::TooShort { min: 15 }));
    let decomposed = "e\u{302}\u{301}, ".repeat(40);
    assert!(decomposed.chars().count() > PasswordPolicy::MAX_CHARS);
    let password = PasswordPolicy::default().judge(&format!("honey {decomposed}"), GRACE).unwrap();
    assert_eq!(password, format!("honey {}", "\u{1EBF}, ".repeat(40)));
}

#[test]
fn guessable_passwords_are_refused() {
    for password in [
        "passwordpassword",
        "passwordpasswordx",
        "Password12345678",
        "P4ssw0rdP4ssw0rd!",
        "drowssap drowssap",
        "aaaaaaaaaaaaaaaa",
        "aé🐝xaé🐝xaé🐝xaé🐝x",
        "abcdefghijklmnopq",
        "qwertyqwertyqwerty!",
        "1234567890123456",
        "1qaz2wsx3edc4rfv",
        "!QAZ2wsx#EDC4rfv",
        "qweasdzxcqweasdzxc",
        "zaq12wsxcde34rfv",
        "azertyuiopqsdfgh",
        "Summer2025Winter2026",
        "skepskepskep2026",
        "letmein letmein",
    ] {
        assert_eq!(judge(password), Err(PasswordRefusal::TooCommon), "{password}");
    }
}

#[test]
fn a_password_made_of_the_address_is_refused() {
    for password in [
        "grace.hopper@example.com",
        "grace.hopper2026",
        "Grace.Hopper-Example.com1",
        "HopperGraceHopper",
        "gracehopper12345x",
    ] {
        assert_eq!(judge(password), Err(PasswordRefusal::ContainsEmail), "{password}");
    }
}

#[test]
fn a_password_made_of_the_name_is_refused() {
    for password in ["Rear Admiral Amazing Grace", "admiral.amazing!", "RearAdmiralAmazing1"] {
        assert_eq!(judge(password), Err(PasswordRefusal::ContainsName), "{password}");
    }
}

#[test]
fn plain_sentences_are_enough() {
    for password in [
        "bees build hexagons",
        "honey never spoils",
        "correct horse battery staple",
        "we were free here",
        "staple of the hive",
        "grace likes honey pots",
        "密碼是蜂蜜和蠟燭還有很多很多的花",
    ] {
        assert_eq!(judge(password), Ok(()), "{password}");
    }
}

#[test]
fn the_minimum_has_a_floor_and_a_ceiling() {
    assert!(PasswordPolicy::with_min_chars(7).is_none());
    assert!(PasswordPolicy::with_min_chars(8).is_some());
    assert!(PasswordPolicy::with_min_chars(65).is_none());
}

proptest! {
    /// No composition rule: twenty random lower-case letters are fine, unless they happen to be few.
    #[test]
    fn random_letters_are_enough(password in "[a-z]{20}") {
        let different: std::collections::BTreeSet<char> = password.chars().collect();
        prop_assume!(different.len() > 9);
        prop_assert_eq!(judge(&password), Ok(()));
    }

    /// A word is not made harder to guess by repeating it.
    #[test]
    fn repetition_does_not_help(word in "[a-z]{1,5}", times in 15_usize..30) {
        prop_assert!(judge(&word.repeat(times)).is_err());
    }

    #[test]
    fn no_password_is_too_much(password in any::<String>()) {
        let _ = judge(&password);
        let _ = judge(&password.repeat(20));
    }
}
