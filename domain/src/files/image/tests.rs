use super::{super::FilePurpose, *};
use proptest::prelude::*;

#[test]
fn sizes_are_read_as_they_are_written() {
    let sizes = ImageSizes::parse("large:1920, small : 480,a_1:16").unwrap();
    assert_eq!(sizes.to_string(), "a_1:16,small:480,large:1920");
    assert_eq!(sizes.names().collect::<Vec<_>>(), ["a_1", "small", "large"]);
    assert_eq!((sizes.find("small").map(|size| size.side), sizes.find("Small")), (Some(480), None));
    assert!(sizes.has_side(480) && !sizes.has_side(481));
    let default = ImageSizes::default();
    assert_eq!(ImageSizes::parse(&default.to_string()), Ok(default));
}

#[test]
fn sizes_that_are_not_clear_are_refused() {
    let eight: Vec<String> = (0..8).map(|number| format!("s{number}:100")).collect();
    assert!(ImageSizes::parse(&eight.join(",")).is_ok());
    assert_eq!(ImageSizes::parse(&format!("{},more:100", eight.join(","))), Err(InvalidImageSizes::Count));
    assert_eq!(ImageSizes::new([]), Err(InvalidImageSizes::Count));
    for wrong in ["", "small", "Small:480", "1a:480", "a-b:480", "é:480", ":480", "a:20,a:30"] {
        assert_eq!(ImageSizes::parse(wrong), Err(InvalidImageSizes::Name), "{wrong}");
    }
    assert_eq!(ImageSizes::parse(&format!("{}:16", "a".repeat(33))), Err(InvalidImageSizes::Name));
    for wrong in ["a:15", "a:4097", "a:", "a:-1", "a:99999999999", "a:1.5"] {
        assert_eq!(ImageSizes::parse(wrong), Err(InvalidImageSizes::Side), "{wrong}");
    }
}

#[test]
fn every_picture_that_can_be_sent_can_be_scaled() {
    for media_type in FilePurpose::Image.media_types().unwrap() {
        assert!(MediaType::parse(media_type).unwrap().is_scalable(), "{media_type}");
    }
    for media_type in ["image/svg+xml", "image/tiff", "text/plain"] {
        assert!(!MediaType::parse(media_type).unwrap().is_scalable(), "{media_type}");
    }
}

#[test]
fn a_name_gets_the_extension_of_the_picture() {
    let named = |name: &str, media_type: &str| {
        FileName::parse(name).unwrap().for_image(&MediaType::parse(media_type).unwrap()).into_string()
    };
    assert_eq!(named("jar.png", "image/webp"), "jar.webp");
    assert_eq!(named("a.b.jpeg", "image/jpeg"), "a.b.jpg");
    assert_eq!(named("jar", "image/png"), "jar.png");
    assert_eq!(named(".hidden", "image/png"), ".hidden.png");
    assert_eq!(named("Size 4. and longer", "image/png"), "Size 4. and longer.png");
    let longest = "a".repeat(255);
    assert_eq!(named(&longest, "image/png"), longest, "a name that would be too long stays");
    assert_eq!(named("a.txt", "text/plain"), "a.txt");
}

proptest! {
    #[test]
    fn a_picture_fits_keeps_its_ratio_and_never_grows(
        width in prop_oneof![1_u32..5_000, Just(u32::MAX)],
        height in prop_oneof![1_u32..5_000, Just(u32::MAX)],
        side in 1_u32..5_000,
    ) {
        let (whole, fitted) = (Dimensions { width, height }, Dimensions { width, height }.fit(side));
        prop_assert!(fitted.width >= 1 && fitted.height >= 1);
        prop_assert!(fitted.width <= width && fitted.height <= height);
        prop_assert!(fitted.width.max(fitted.height) <= side.max(1));
        if width.max(height) <= side {
            prop_assert_eq!(fitted, whole);
        } else {
            prop_assert_eq!(fitted.width.max(fitted.height), side, "the longest side has exactly the length");
            let exact = |length: u32| f64::from(length) * f64::from(side) / f64::from(width.max(height));
            prop_assert!((f64::from(fitted.width) - exact(width)).abs() < 1.0);
            prop_assert!((f64::from(fitted.height) - exact(height)).abs() < 1.0);
        }
        prop_assert_eq!(fitted.fit(side), fitted, "fitting it twice changes nothing");
    }
}
