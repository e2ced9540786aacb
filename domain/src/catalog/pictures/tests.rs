use super::*;
use crate::{
    catalog::Sku,
    files::{Checksum, FileContent, FileName, MediaType, ThreatName, Verdict},
    shared::{Money, ProductId, UserId},
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn picture(n: u128) -> Picture {
    Picture { file_id: FileId::new(Uuid::from_u128(n)), alt: Picture::alt(&format!("Picture {n}")).unwrap() }
}

fn honey() -> Product {
    let (sku, name) = (Sku::parse("honey").unwrap(), Text::line("Honey", 9).unwrap());
    let (description, price) = (Text::block("", 9).unwrap(), Money::new(500, "EUR".parse().unwrap()));
    Product::create(ProductId::new(Uuid::nil()), sku, name, description, price, at(10)).unwrap()
}

fn upload(purpose: FilePurpose, visibility: FileVisibility) -> File {
    let (id, owner, name) = (FileId::NIL, UserId::new(Uuid::nil()), FileName::parse("a.png").unwrap());
    File::begin(id, owner, purpose, visibility, name, 9, at(10))
}

#[test]
fn an_alternative_text_is_one_line_or_empty() {
    assert_eq!(Picture::alt("  ").unwrap().as_str(), "");
    assert_eq!(Picture::alt(" A jar of honey ").unwrap().as_str(), "A jar of honey");
    assert_eq!(Picture::alt(&"a".repeat(ALT_MAX)).unwrap().as_str().len(), ALT_MAX);
    assert_eq!(Picture::alt(&"a".repeat(ALT_MAX + 1)), Err(InvalidText::TooLong { max: ALT_MAX }));
    assert_eq!(Picture::alt("a\nb"), Err(InvalidText::Control));
}

#[test]
fn only_a_ready_public_image_is_a_picture() {
    let content = |media_type| FileContent {
        size: 4,
        media_type: MediaType::parse(media_type).unwrap(),
        checksum: Checksum::new([1; 32]),
    };
    for purpose in FilePurpose::ALL {
        for visibility in FileVisibility::ALL {
            let mut file = upload(*purpose, *visibility);
            assert_eq!(Picture::check_file(&file), Err(UnfitFile::NotReady));
            let mut judged = file.clone();
            judged.quarantine(None, content("image/png"), at(20)).unwrap();
            assert_eq!(Picture::check_file(&judged), Err(UnfitFile::Quarantined));
            judged.judge(&Verdict::Infected(ThreatName::of("Eicar")), at(21)).unwrap();
            assert_eq!(Picture::check_file(&judged), Err(UnfitFile::NotReady));
            file.complete(None, content("image/png"), at(20)).unwrap();
            let expected = match (visibility, purpose) {
                (FileVisibility::Private, _) => Err(UnfitFile::NotPublic),
                (FileVisibility::Public, FilePurpose::Image) => Ok(()),
                (FileVisibility::Public, _) => Err(UnfitFile::NotAnImage),
            };
            assert_eq!(Picture::check_file(&file), expected, "{purpose:?} {visibility:?}");
            file.remove(at(30));
            assert_eq!(Picture::check_file(&file), Err(UnfitFile::NotReady));
        }
    }
}

#[test]
fn one_picture_beyond_the_limit_is_refused() {
    let pictures = |count| (0..count as u128).map(picture).collect::<Vec<_>>();
    let mut product = honey();
    assert_eq!(product.set_pictures(pictures(MOST_PICTURES), at(20)), Ok(true));
    let full = product.clone();
    assert_eq!(product.set_pictures(pictures(MOST_PICTURES + 1), at(30)), Err(PicturesRefusal::TooMany));
    assert_eq!(product, full);
}

#[test]
fn the_order_and_the_texts_count_as_a_change() {
    let mut product = honey();
    assert_eq!(product.set_pictures(vec![picture(1), picture(2)], at(20)), Ok(true));
    assert_eq!(product.set_pictures(vec![picture(1), picture(2)], at(30)), Ok(false));
    assert_eq!(product.updated_at, at(20), "nothing has changed");
    assert_eq!(product.set_pictures(vec![picture(2), picture(1)], at(5)), Ok(true));
    assert_eq!(product.updated_at, at(20), "times never go back");
    let decorative = Picture { alt: Picture::alt("").unwrap(), ..picture(1) };
    assert_eq!(product.set_pictures(vec![picture(2), decorative], at(40)), Ok(true));
    assert_eq!(product.set_pictures(vec![], at(50)), Ok(true));
    assert_eq!(product, Product { updated_at: at(50), ..honey() });
}

proptest! {
    #[test]
    fn pictures_are_kept_in_their_order_exactly_if_no_file_occurs_twice(files in prop::collection::vec(0u128..20, 0..16)) {
        let pictures: Vec<_> = files.iter().copied().map(picture).collect();
        let mut product = honey();
        let distinct: BTreeSet<_> = files.iter().collect();
        match product.set_pictures(pictures.clone(), at(20)) {
            Ok(is_changed) => {
                prop_assert!(pictures.len() <= MOST_PICTURES && distinct.len() == pictures.len());
                prop_assert_eq!(is_changed, !pictures.is_empty());
                prop_assert_eq!(product.pictures, pictures);
            }
            Err(refusal) => {
                prop_assert_eq!(product, honey());
                match refusal {
                    PicturesRefusal::TooMany => prop_assert!(pictures.len() > MOST_PICTURES),
                    PicturesRefusal::Repeated { place } => {
                        let before: BTreeSet<_> = files[..place].iter().collect();
                        prop_assert!(before.len() == place && before.contains(&files[place]), "the first repetition");
                    }
                }
            }
        }
    }
}
