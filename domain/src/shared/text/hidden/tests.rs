use super::*;
use proptest::prelude::*;

fn is_line(text: &str) -> bool {
    find(text, false).is_none()
}

#[test]
fn texts_of_every_script_pass() {
    for text in [
        "Zoë O’Brien-Łuczak",
        "Nguyễn Thị Ánh",
        "Дмитрий Ёлкин",
        "Παπαδόπουλος",
        "محمد عبد الله",
        "שָׁלוֹם",
        "ישראל\u{200F}!",
        "می\u{200C}خواهم",
        "کار\u{200C}ها",
        "ه\u{200D}.ق.",
        "क्\u{200D}ष",
        "क्\u{200C}ष",
        "র\u{200D}্যাব",
        "ශ්\u{200D}රී ලංකා",
        "ภาษาไทย",
        "ភាសាខ្មែរ",
        "မြန်မာ",
        "葛\u{E0100}城市",
        "山田　太郎",
        "ㄱㄴㄷ 한국어",
        "ᠮᠣᠩᠭᠣᠯ\u{180B}",
        "⠓⠑⠇⠇⠕\u{2800}⠃⠑⠑",
        "2\u{2068}א\u{2069}3",
        "\u{202B}שלום\u{202C}",
        "½ Liter · 20 °C · №5 ™",
        "≨\u{FE00}",
        "“\u{FE00}",
        "က\u{FE00}",
        "𓂋\u{FE03}",
        "神\u{FE00}",
        "\u{18B00}\u{16FE4}\u{18B01}",
        // Words are written without a space between them.
        "ភាសា\u{200B}ខ្មែរ",
        "ภาษา\u{200B}ไทย",
        "ພາສາ\u{200B}ລາວ",
        "မြန်မာ\u{200B}စာ",
        "ภาษา\u{200B}2026",
        "iPhone\u{200B}ไทย",
        "ถนน\u{200B}Zoë",
        "𝒜\u{FE00}",
        "𝒵\u{FE01}ℬ\u{FE00}",
        "\u{600}١٢٣",
    ] {
        assert_eq!(find(text, false), None, "{text}");
    }
}

#[test]
fn emoji_sequences_pass() {
    for text in [
        "🐝",
        "❤\u{FE0F}",
        "☎\u{FE0E}",
        "1\u{FE0F}\u{20E3}",
        "👍🏽",
        "👩\u{200D}🚀",
        "👩🏾\u{200D}🦰",
        "❤\u{FE0F}\u{200D}🔥",
        "👨\u{200D}👩\u{200D}👧\u{200D}👦",
        "🏳\u{FE0F}\u{200D}🌈",
        "🧔🏻\u{200D}♂\u{FE0F}",
        "👩\u{200D}❤\u{FE0F}\u{200D}💋\u{200D}👨",
        "🧑🏽\u{200D}🤝\u{200D}🧑🏿",
        "🫱🏻\u{200D}🫲🏿",
        "🏃\u{200D}♀\u{FE0F}\u{200D}➡\u{FE0F}",
        "👯\u{200D}♀",
        "🐈\u{200D}⬛",
        "🏴\u{200D}☠\u{FE0F}",
        "🙂\u{200D}↔\u{FE0F}",
        "👁\u{FE0F}\u{200D}🗨\u{FE0F}",
        "🇩🇪",
        "🏴",
        "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    ] {
        assert_eq!(find(text, false), None, "{text}");
    }
}

#[test]
fn what_shows_nothing_is_found() {
    for (text, place) in [
        ("\u{200B}", 1),
        ("a\u{200B}b", 2),
        ("\u{FEFF}a", 1),
        ("\u{2060}", 1),
        ("a\u{AD}b", 2),
        ("\u{115F}", 1),
        ("\u{1160}", 1),
        ("\u{3164}", 1),
        ("\u{FFA0}", 1),
        ("\u{2800}", 1),
        ("\u{FFFC}", 1),
        ("a\u{2800}b", 2),
        ("\u{34F}", 1),
        ("\u{17B4}", 1),
        ("\u{180E}", 1),
        ("\u{1D159}", 1),
        ("\u{E000}", 1),
        ("\u{10FFFD}", 1),
        ("\u{FFFF}", 1),
        ("\u{378}", 1),
        ("\u{E0FFF}", 1),
        ("\u{2028}", 1),
        ("a\u{2029}b", 2),
        ("\u{FFF9}é", 1),
        // Joiners and marks of direction where no script needs them.
        ("a\u{200D}b", 2),
        ("a\u{200C}b", 2),
        ("é\u{200D}", 2),
        ("می\u{200C}\u{200C}خواهم", 3),
        ("🐝\u{200D}", 2),
        ("🐝\u{200D}a", 2),
        ("a\u{200E}é", 2),
        ("a\u{200F}é", 2),
        ("é\u{61C}", 2),
        ("א\u{200F}\u{200F}", 3),
        ("א\u{200E}\u{200F}!", 3),
        ("😀\u{200D}😀", 2),
        ("🐈\u{200D}🔥", 2),
        ("🐈\u{200D}⬛\u{200D}⬛", 4),
        ("👨\u{200D}👩\u{200D}👧\u{200D}👦\u{200D}👶", 8),
        ("👍🏽🏽\u{200D}🚀", 4),
        // An invisible space in a line, except between words of a script that writes none.
        ("ภาษา\u{200B}", 5),
        ("ภาษา\u{200B}\u{200B}ไทย", 5),
        ("ภาษา\u{200B}ລາວ", 5),
        ("ภาษา\u{200B}東", 5),
        ("ภาษา\u{200B}!", 5),
        ("東\u{200B}京", 2),
        // Directions that force the order of letters, also closed.
        ("\u{202D}é\u{202C}", 1),
        ("é\u{202E}b\u{202C}", 2),
        // Signs to the letters of another script.
        ("é\u{16FE4}", 2),
        ("\u{16FE4}", 1),
        ("é\u{13440}", 2),
        ("é\u{301}\u{17D2}", 3),
        ("é\u{1039}", 2),
        ("é\u{2D7F}", 2),
        // Directions that are not closed, closed by the other kind, or around nothing.
        ("a\u{202E}b", 2),
        ("\u{2066}é", 1),
        ("\u{202C}é", 1),
        ("\u{2066}\u{2069}", 2),
        ("\u{2066}é\u{202C}", 3),
        // Selectors and tags without a base that they change, or more of them than one.
        ("\u{FE0F}", 1),
        ("a\u{FE0F}", 2),
        ("é\u{FE0F}", 2),
        ("é\u{FE00}", 2),
        ("я\u{FE01}", 2),
        ("م\u{FE00}", 2),
        ("𝒜\u{FE02}", 2),
        ("𝒶\u{FE00}", 2),
        ("葛\u{FE05}", 2),
        ("1\u{FE0F}", 2),
        ("1\u{FE0E}\u{20E3}", 2),
        ("❤\u{FE0F}\u{FE0F}", 3),
        ("❤\u{E0100}", 2),
        ("葛\u{E0100}\u{E0101}", 3),
        ("\u{E0061}", 1),
        ("🐝\u{E0061}\u{E007F}", 2),
        ("🏴\u{E0067}\u{E0062}", 2),
    ] {
        let found = find(text, false).map(|(place, _, kind)| (place, kind));
        assert_eq!(found, Some((place, Hidden::Nothing)), "{text:?}");
    }
}

#[test]
fn a_mark_needs_a_letter() {
    for (text, place) in [("\u{301}", 1), ("a \u{301}", 3), ("é\u{A0}\u{20DD}", 3), ("\u{93E}", 1)] {
        let found = find(text, false).map(|(place, _, kind)| (place, kind));
        assert_eq!(found, Some((place, Hidden::Mark)), "{text:?}");
    }
    assert!(is_line("x\u{301}\u{302}"));
}

#[test]
fn a_block_may_say_where_a_line_breaks() {
    for text in ["Donau\u{AD}dampfer", "ภาษา\u{200B}ไทย", "5\u{2060}%", "é\nè"] {
        assert_eq!(find(text, true), None, "{text}");
    }
    for text in ["\u{AD}", "a \u{200B}", "\u{200B}\u{200B}", "\u{202E}é\n\u{202C}", "\u{2067}א\nב\u{2069}"] {
        assert!(find(text, true).is_some(), "{text:?}");
    }
}

proptest! {
    /// What passes can be seen.
    #[test]
    fn a_text_that_passes_has_ink(text in "[\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{206F}\u{FE00}-\u{FE0F}\u{301}\u{2800}\u{E0000}-\u{E007F}\u{E000}\u{115F} 🏴م🐝]{1,8}") {
        if !text.trim().is_empty() && is_line(text.trim()) {
            prop_assert!(text.chars().any(shows));
        }
    }

    #[test]
    fn letters_alone_always_pass(text in "[\\p{Lu}\\p{Ll}\\p{Nd}]{1,20}") {
        prop_assert!(text.chars().any(|c| !shows(c)) || is_line(&text));
    }
}
