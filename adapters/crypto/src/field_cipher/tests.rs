use super::*;
use proptest::prelude::*;
use skep_application::kernel::SealedField;

const GIFT: SealedField = SealedField::new("gifts", "message");

fn ascending() -> [u8; 32] {
    std::array::from_fn(|at| u8::try_from(at).unwrap())
}

fn descending() -> [u8; 32] {
    ascending().map(|byte| 0xff - byte)
}

fn cipher() -> AesFieldCipher {
    AesFieldCipher::new(FieldKeyRing::of(&[descending(), ascending()]))
}

/// Computed with the HKDF and HMAC of RFC 5869 in Python and the AES-GCM of OpenSSL.
const VECTORS: &[(&str, SealedField, &str, &str)] = &[
    (
        "1.cfa045b39728e621.AAECAwQFBgcICQoLpqGBY2F0E9ZUjCt3FuyXhQ25-9h6GRDAuFyMbrx2jIPqQlOs",
        SealedField::new("totp_factors", "secret"),
        "0192e4a0-0000-7000-8000-000000000001",
        "12345678901234567890",
    ),
    ("1.631251b57e0e52b1.paWlpaWlpaWlpaWlv-6v7nFWaK89J-SiZnJRBw", GIFT, "", ""),
    ("1.cfa045b39728e621.AAAAAAAAAAAAAAAANRQyrULv7OznJGJcAq-hjcUSFcYt2UIcb56GmQM", GIFT, "7", "Alles Gute ü"),
];

#[test]
fn vectors_of_another_program_open_and_are_made_again() {
    for (text, field, row, value) in VECTORS {
        let (sealed, place) = (Sealed::stored((*text).to_owned()), field.of(row));
        assert_eq!(cipher().open(&place, &sealed).unwrap().0, value.as_bytes(), "{text}");
        let content = URL_SAFE_NO_PAD.decode(text.rsplit('.').next().unwrap()).unwrap();
        let nonce = content[..NONCE_LEN].try_into().unwrap();
        let material = if sealed.key_id() == Some("631251b57e0e52b1") { descending() } else { ascending() };
        let again = seal_with(&FieldKeyRing::of(&[material]), &place, value.as_bytes(), nonce).unwrap();
        assert_eq!(again, sealed);
    }
}

#[test]
fn a_value_opens_only_in_its_place() {
    let place = GIFT.of("7");
    let sealed = cipher().seal(&place, b"inside").unwrap();
    assert_eq!(cipher().open(&place, &sealed), Ok(Opened(b"inside".to_vec())));
    let others = [
        GIFT.of("8"),
        GIFT.of("77"),
        GIFT.of(""),
        SealedField::new("gifts", "messages").of("7"),
        SealedField::new("gift", "smessage").of("7"),
        SealedField::new("notes", "message").of("7"),
    ];
    for other in others {
        assert_eq!(cipher().open(&other, &sealed), Err(CipherError::Damaged), "{other:?}");
    }
}

#[test]
fn a_changed_or_truncated_value_never_opens() {
    let place = GIFT.of("7");
    let sealed = cipher().seal(&place, b"inside").unwrap();
    let text = sealed.as_str();
    for at in 0..text.len() {
        let mut changed = text.as_bytes().to_vec();
        for other in *b"A1.~" {
            changed[at] = other;
            let changed = Sealed::stored(String::from_utf8(changed.clone()).unwrap());
            assert_eq!(cipher().open(&place, &changed).is_ok(), changed == sealed, "{changed:?} at {at}");
        }
        let cut = Sealed::stored(text[..at].to_owned());
        assert!(cipher().open(&place, &cut).is_err(), "{at} bytes");
        assert!(cipher().open(&place, &Sealed::stored(text[at + 1..].to_owned())).is_err(), "without {at} bytes");
    }
    for longer in [format!("{text}A"), format!("{text}="), format!(" {text}"), format!("{text}\n"), format!("{text}.A")]
    {
        assert_eq!(cipher().open(&place, &Sealed::stored(longer.clone())), Err(CipherError::Damaged), "{longer}");
    }
    let newer = Sealed::stored(text.replacen("1.", "2.", 1));
    assert_eq!(cipher().open(&place, &newer), Err(CipherError::UnknownVersion("2".to_owned())));
}

#[test]
fn the_newest_key_seals_and_all_open() {
    let place = GIFT.of("7");
    let old = AesFieldCipher::new(FieldKeyRing::of(&[descending()]));
    let before = old.seal(&place, b"before").unwrap();
    let after = cipher().seal(&place, b"after").unwrap();
    assert_eq!(cipher().open(&place, &before).unwrap().0, b"before");
    assert_eq!(after.key_id(), cipher().key_ids().last().map(String::as_str));
    assert_ne!(before.key_id(), after.key_id());
    assert_ne!(cipher().seal(&place, b"after").unwrap(), after, "a fresh nonce each time");
}

#[tokio::test]
async fn a_key_of_another_instance_is_asked_for_and_then_known_or_lost() {
    let place = GIFT.of("7");
    let ours = AesFieldCipher::new(FieldKeyRing::of(&[descending()]));
    let sealed = cipher().seal(&place, b"theirs").unwrap();
    let key_id = sealed.key_id().unwrap().to_owned();
    assert_eq!(ours.open(&place, &sealed), Err(CipherError::UnknownKey { key_id: key_id.clone() }));
    ours.wants_keys().await;
    assert!(!ours.renew(FieldKeyRing::of(&[descending()])));
    for _ in 0..2 {
        assert_eq!(ours.open(&place, &sealed), Err(CipherError::LostKey { key_id: key_id.clone() }));
    }
    assert!(ours.renew(FieldKeyRing::of(&[descending(), ascending()])), "the keys are found again");
    assert_eq!(ours.open(&place, &sealed).unwrap().0, b"theirs");
    assert!(!ours.renew(FieldKeyRing::of(&[descending(), ascending()])));
}

#[test]
fn a_text_that_names_no_key_is_never_asked_for() {
    let many = (0..1_000_u32).map(|n| format!("{n:016x}"));
    let cipher = cipher();
    for id in many {
        let unknown = Sealed::of(&id, "AAAA");
        assert!(matches!(cipher.open(&GIFT.of("7"), &unknown), Err(CipherError::UnknownKey { .. })));
    }
    assert_eq!(cipher.wanted.lock().unwrap().len(), MOST_LOST);
    cipher.renew(FieldKeyRing::of(&[ascending()]));
    assert_eq!(cipher.lost.lock().unwrap().len(), MOST_LOST);
    for id in ["", "K", "CFA045B39728E621", "cfa045b39728e6210", "cfa045b39728e62é"] {
        assert_eq!(cipher.open(&GIFT.of("7"), &Sealed::of(id, "AAAA")), Err(CipherError::Damaged), "{id}");
    }
}

#[test]
fn a_value_has_at_most_64_kib() {
    let longest = vec![7; LONGEST];
    let sealed = cipher().seal(&GIFT.of("7"), &longest).unwrap();
    assert_eq!(cipher().open(&GIFT.of("7"), &sealed).unwrap().0, longest);
    let longer = vec![7; LONGEST + 1];
    assert_eq!(cipher().seal(&GIFT.of("7"), &longer), Err(CipherError::TooLong(LONGEST + 1)));
}

proptest! {
    #[test]
    fn any_value_opens_in_its_place_and_in_no_other(
        value in proptest::collection::vec(any::<u8>(), 0..200),
        (row, other) in ("\\PC{0,20}", "\\PC{0,20}"),
    ) {
        let sealed = cipher().seal(&GIFT.of(&row), &value).unwrap();
        prop_assert_eq!(&cipher().open(&GIFT.of(&row), &sealed).unwrap().0, &value);
        prop_assert_eq!(cipher().open(&GIFT.of(&other), &sealed).is_ok(), row == other);
    }

    #[test]
    fn a_flipped_bit_never_opens(
        value in proptest::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let sealed = cipher().seal(&GIFT.of("7"), &value).unwrap();
        let (_, key_id, content) = sealed.parts().unwrap();
        let mut content = URL_SAFE_NO_PAD.decode(content).unwrap();
        let at = at.index(content.len());
        content[at] ^= 1_u8 << bit;
        let flipped = Sealed::of(key_id, &URL_SAFE_NO_PAD.encode(content));
        prop_assert_eq!(cipher().open(&GIFT.of("7"), &flipped), Err(CipherError::Damaged));
    }

    #[test]
    fn opening_any_text_never_panics(text in "\\PC{0,80}", key in "1\\.cfa045b39728e621\\.[A-Za-z0-9_-]{0,80}") {
        prop_assert!(cipher().open(&GIFT.of("7"), &Sealed::stored(text)).is_err());
        prop_assert!(cipher().open(&GIFT.of("7"), &Sealed::stored(key)).is_err());
    }
}
