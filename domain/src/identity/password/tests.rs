use super::*;
use proptest::prelude::*;

const GRACE: PasswordOwner<'_> =
    PasswordOwner { email: "Grace.Hopper@example.com", display_name: "Rear Admiral Amazing Grace" };

fn judge(password: &str) -> Result<(), PasswordRefusal> {
    PasswordPolicy::default().judge(password, GRACE).map(drop)
}

/// A text of as many characters that repeats nothing.
fn different(chars: usize) -> String {
    ('\u{4E00}'..).step_by(7).take(chars).collect()
}

#[test]
fn length_is_counted_in_characters() {
    assert_eq!(judge("correct horse!"), Err(PasswordRefusal::TooShort { min: 15 }));
    assert_eq!(judge("correct horse b"), Ok(()));
    assert_eq!(judge(&different(64)), Ok(()));
    assert_eq!(judge(&different(128)), Ok(()));
    assert_eq!(judge(&different(129)), Err(PasswordRefusal::TooLong));
    assert_eq!(judge(&"abcd ".repeat(26)), Err(PasswordRefusal::TooLong));
    assert_eq!(judge(&"🐝".repeat(PasswordPolicy::MAX_TYPED_BYTES)), Err(PasswordRefusal::TooLong));
}

#[test]
fn length_is_counted_in_the_form_that_is_hashed() {
    // 15 characters as typed, and 14 in NFC.
    assert_eq!(judge("corre\u{301}ct horse!"), Err(PasswordRefusal::TooShort { min: 15 }));
    let decomposed = "e\u{302}\u{301}, ".repeat(36);
    assert!(decomposed.chars().count() > PasswordPolicy::MAX_CHARS);
    let password = PasswordPolicy::default().judge(&format!("honey never spoils {decomposed}"), GRACE).unwrap();
    assert_eq!(password, format!("honey never spoils {}", "\u{1EBF}, ".repeat(36)));
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
        // A word that no list has, twice.
        "stubborn stubborn",
        "xylophone-xylophone!",
        "Honeycomb1honeycomb2honeycomb3",
        "11223344556677889900",
        "111222333444555666",
        "1a2b3c4d5e6f7g8h",
        "a1a2a3a4a5a6a7a8",
        "z9y8x7w6v5u4t3s2",
        "147258369147258369",
        "159753852456741",
        "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
        "𝐪𝐰𝐞𝐫𝐭𝐲𝐮𝐢𝐨𝐩𝐪𝐰𝐞𝐫𝐭𝐲",
    ] {
        assert_eq!(judge(password), Err(PasswordRefusal::TooCommon), "{password}");
    }
}

#[test]
fn guessable_passwords_are_refused_where_they_may_be_short() {
    let policy = PasswordPolicy::with_min_chars(PasswordPolicy::FLOOR).unwrap();
    for password in
        ["abcdefabcdef", "123456123456", "7894561230", "147258369", "1a2b3c4d5e6f", "aabbccdd", "ｑｗｅｒｔｙ１２"]
    {
        assert_eq!(policy.judge(password, GRACE), Err(PasswordRefusal::TooCommon), "{password}");
    }
}

/// The end of a domain is that of many owners.
#[test]
fn a_short_label_and_the_last_one_are_not_the_address() {
    for (email, password) in [
        ("grace@hive.com", "com8472-9310-5526"),
        ("grace@hive.co.uk", "co.uk 8472-9310-5526"),
        ("grace@hive.com.au", "com8472-9310-5526"),
        ("grace@hive.info", "info8472-9310-5526"),
    ] {
        let judge = |password: &str| {
            PasswordPolicy::default().judge(password, PasswordOwner { email, display_name: "" }).map(drop)
        };
        assert_eq!(judge(password), Ok(()), "{email} {password}");
        assert_eq!(judge("hive8472-9310-5526"), Err(PasswordRefusal::ContainsEmail), "{email}");
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
        "the bees, the hive",
        "winter bees, winter honey",
        "83915 60274 19365 82",
        "ﾡﾤﾧﾩﾱﾲﾵﾷﾸﾺﾻﾼﾽﾾￂￃￄ",
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

    /// Nor is a longer one, if it is shorter than a password must be.
    #[test]
    fn a_word_that_is_repeated_is_as_long_as_the_word(word in "[a-z]{6,12}", between in "[-. _]?", times in 3_usize..8) {
        let password = vec![word.as_str(); times].join(&between);
        prop_assert!(judge(&password).is_err());
        prop_assert!(judge(&(password + "!")).is_err());
    }

    #[test]
    fn random_digits_are_enough(password in "[0-9]{24}") {
        let different: std::collections::BTreeSet<char> = password.chars().collect();
        prop_assume!(different.len() > 7);
        prop_assert_eq!(judge(&password), Ok(()));
    }

    /// A password is as easy to guess in full-width letters.
    #[test]
    fn the_width_of_letters_does_not_matter(password in "[a-c1-3]{15,20}") {
        let wide: String = password.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xFEE0)).collect();
        prop_assert_eq!(judge(&wide), judge(&password));
    }

    #[test]
    fn no_password_is_too_much(password in any::<String>()) {
        let _ = judge(&password);
        let _ = judge(&password.repeat(20));
    }
}
