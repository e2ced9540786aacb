use super::{samples::*, *};
use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgba};
use skep_application::kernel::StoreError;
use std::sync::{Arc, mpsc};

fn of(name: &str) -> MediaType {
    MediaType::parse(name).unwrap()
}

/// Bounds of a side alone.
const fn to(side: u32) -> ImageBounds {
    ImageBounds { side, bytes: u64::MAX }
}

fn made(content: &[u8], name: &str, side: u32) -> ScaledImage {
    scale(content.to_vec(), &of(name), to(side), &ScalerLimits::default()).ok().unwrap()
}

fn shown(content: &[u8], name: &str, side: u32) -> DynamicImage {
    let scaled = made(content, name, side);
    let format = ImageFormat::from_mime_type(scaled.media_type.as_str()).unwrap();
    image::load_from_memory_with_format(&scaled.content, format).unwrap()
}

fn refusal(content: &[u8], name: &str, limits: &ScalerLimits) -> &'static str {
    match scale(content.to_vec(), &of(name), to(100), limits) {
        Ok(_) => "made",
        Err(ScaleError::TooLarge) => "too large",
        Err(ScaleError::Unreadable(_)) => "unreadable",
        Err(_) => "other",
    }
}

/// The color in the middle of each quarter: above left, above right, below left, below right.
fn corners(picture: &DynamicImage) -> String {
    let (width, height) = picture.dimensions();
    let name = |Rgba([red, green, blue, _]): Rgba<u8>| match (red > 127, green > 127, blue > 127) {
        (true, false, false) => 'r',
        (false, true, false) => 'g',
        (false, false, true) => 'b',
        (true, true, true) => 'w',
        _ => '?',
    };
    [(1, 1), (3, 1), (1, 3), (3, 3)]
        .map(|(x, y)| name(picture.get_pixel(width * x / 4, height * y / 4)))
        .iter()
        .collect()
}

#[test]
fn every_format_is_scaled_and_none_is_enlarged() {
    let picture = DynamicImage::ImageRgb8(quarters());
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
        let (content, name) = (written(&picture, format), format.to_mime_type());
        let smaller = shown(&content, name, 20);
        assert_eq!((smaller.dimensions(), corners(&smaller)), ((20, 10), "rgbw".to_owned()), "{name}");
        let same = shown(&content, name, 4_096);
        assert_eq!((same.dimensions(), corners(&same)), ((40, 20), "rgbw".to_owned()), "{name}");
    }
}

#[test]
fn each_orientation_is_applied_to_the_pixels() {
    let jpeg = written(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Jpeg);
    let upright = ["rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"];
    for (orientation, expected) in (1..=8).zip(upright) {
        let picture = shown(&with_exif(&jpeg, &exif(orientation)), "image/jpeg", 20);
        let size = if orientation < 5 { (20, 10) } else { (10, 20) };
        assert_eq!((picture.dimensions(), corners(&picture)), (size, expected.to_owned()), "orientation {orientation}");
    }
    for wrong in [0, 9, u16::MAX] {
        assert_eq!(corners(&shown(&with_exif(&jpeg, &exif(wrong)), "image/jpeg", 20)), "rgbw");
    }
}

#[test]
fn a_picture_has_its_pixels_and_nothing_else() {
    let has = |content: &[u8], text: &[u8]| content.windows(text.len()).any(|part| part == text);
    let jpeg = written(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Jpeg);
    let script = b"<script>alert(1)</script>";
    let polyglot = [with_exif(&jpeg, &exif(1)), script.to_vec()].concat();
    assert!(has(&polyglot, b"GPS") && has(&polyglot, script));
    for side in [20, 4_096] {
        let scaled = made(&polyglot, "image/jpeg", side);
        for text in [&b"GPS"[..], b"Exif", b"EXIF", b"script"] {
            assert!(!has(&scaled.content, text), "{}", String::from_utf8_lossy(text));
        }
    }
}

#[test]
fn sixteen_bits_gray_and_alpha_are_read() {
    let deep = DynamicImage::ImageRgb8(quarters()).into_rgba16();
    let smaller = shown(&written(&DynamicImage::ImageRgba16(deep), ImageFormat::Png), "image/png", 20);
    assert_eq!((corners(&smaller), smaller.color().has_alpha()), ("rgbw".to_owned(), true));
    let gray = shown(&written(&DynamicImage::new_luma8(40, 20), ImageFormat::Png), "image/png", 20);
    assert_eq!(gray.dimensions(), (20, 10));
    let clear = shown(&written(&DynamicImage::new_rgba8(40, 20), ImageFormat::Png), "image/png", 20);
    assert_eq!(clear.get_pixel(5, 5), Rgba([0, 0, 0, 0]), "what one can see through stays so");
}

#[test]
fn a_drawing_becomes_webp_and_a_noisy_picture_jpeg() {
    let kind = |picture: DynamicImage| {
        let content = written(&picture, ImageFormat::Png);
        made(&content, "image/png", 200).media_type.into_string()
    };
    assert_eq!(kind(DynamicImage::ImageRgb8(quarters())), "image/webp");
    assert_eq!(kind(noise(200, 200).into_rgb8().into()), "image/jpeg");
}

#[test]
fn a_picture_beyond_a_limit_is_refused_by_its_header() {
    let standard = ScalerLimits::default();
    let bomb = png_bomb(30_000, 30_000);
    assert!(bomb.len() < 40 << 10);
    assert_eq!(refusal(&bomb, "image/png", &standard), "too large");
    let small = written(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Png);
    for (limits, expected) in [
        (ScalerLimits { pixels: 800, ..standard }, "made"),
        (ScalerLimits { pixels: 799, ..standard }, "too large"),
        (ScalerLimits { memory: 2_000, ..standard }, "too large"),
    ] {
        assert_eq!(refusal(&small, "image/png", &limits), expected);
    }
    // A JPEG, a GIF and a WebP of 16,383 or more pixels in each direction, from their headers alone.
    let mut jpeg = written(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|marker| marker == b"\xff\xc0").unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(b"\xff\xff\xff\xff");
    assert_eq!(refusal(&jpeg, "image/jpeg", &standard), "too large");
    let mut gif = written(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Gif);
    gif[6..10].copy_from_slice(b"\xff\xff\xff\xff");
    assert_eq!(refusal(&gif, "image/gif", &standard), "too large");
}

#[test]
fn a_large_frame_does_not_hide_in_a_small_webp() {
    // A canvas of one pixel, and a lossy frame of 16,383 × 16,383.
    let frame = b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f\0\0";
    let chunk = |name: &[u8], data: &[u8]| [name, &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat();
    let canvas = chunk(b"VP8X", &[0; 10]);
    let lossy = chunk(b"VP8 ", frame);
    let animated = chunk(b"ANMF", &[&[0; 16][..], &lossy].concat());
    for inner in [lossy, animated] {
        let content = [&canvas[..], &inner].concat();
        let content = chunk(b"RIFF", &[b"WEBP", &content[..]].concat());
        assert_eq!(refusal(&content, "image/webp", &ScalerLimits::default()), "too large");
    }
}

#[test]
fn a_content_of_another_kind_or_without_its_end_is_not_a_picture() {
    let picture = DynamicImage::ImageRgb8(quarters());
    let limits = ScalerLimits::default();
    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let content = written(&picture, format);
        let name = format.to_mime_type();
        assert_eq!(refusal(&content[..content.len() / 2], name, &limits), "unreadable", "{name}");
        assert_eq!(refusal(&content, "image/jpeg", &limits), "unreadable", "{name}");
    }
    for content in [&b""[..], b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\xff\xff\xff\xffWEBPVP8X"] {
        for name in ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"] {
            assert_eq!(refusal(content, name, &limits), "unreadable", "{name}");
        }
    }
}

#[test]
fn bytes_that_were_changed_never_bring_the_scaler_down() {
    let picture = DynamicImage::ImageRgb8(quarters());
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
        let content = written(&picture, format);
        for at in 0..content.len() {
            for value in [0, 0x7F, 0xFF] {
                let mut changed = content.clone();
                changed[at] = value;
                let outcome = refusal(&changed, format.to_mime_type(), &ScalerLimits::default());
                assert!(["made", "too large", "unreadable"].contains(&outcome));
            }
        }
    }
}

#[test]
fn a_result_with_too_many_bytes_gets_a_shorter_side() {
    let content = written(&noise(200, 100), ImageFormat::Png);
    let sized = |bytes| {
        let bounds = ImageBounds { side: 100, bytes };
        let scaled = scale(content.clone(), &of("image/png"), bounds, &ScalerLimits::default()).ok().unwrap();
        let format = ImageFormat::from_mime_type(scaled.media_type.as_str()).unwrap();
        let picture = image::load_from_memory_with_format(&scaled.content, format).unwrap();
        (picture.dimensions(), scaled.content.len() as u64)
    };
    let (dimensions, bytes) = sized(u64::MAX);
    assert_eq!(dimensions, (100, 50));
    assert_eq!(sized(bytes), ((100, 50), bytes));
    let (dimensions, fewer) = sized(bytes - 1);
    assert_eq!(dimensions, (50, 25));
    assert!(fewer < bytes);
    assert_eq!(sized(0).0, (1, 1), "it ends");
}

/// About the least memory with which a picture is made, and the most bytes that were in use then.
fn memory(content: &[u8], name: &str, side: u32) -> (u64, u64) {
    let allowed = |memory| ScalerLimits { memory, ..ScalerLimits::default() };
    let used = |memory| {
        let mut is_made = false;
        let used = allocation_counter::measure(|| {
            is_made = scale(content.to_vec(), &of(name), to(side), &allowed(memory)).is_ok();
        });
        is_made.then_some(used.bytes_max)
    };
    let (mut refused, mut least) = (0, 1 << 30);
    assert_eq!(used(refused), None);
    let mut most = used(least).unwrap();
    while least - refused > least / 50 {
        let middle = u64::midpoint(refused, least);
        match used(middle) {
            Some(bytes) => (least, most) = (middle, bytes),
            None => refused = middle,
        }
    }
    (least, most)
}

#[test]
fn no_picture_needs_more_memory_than_is_allowed() {
    use ImageFormat::{Gif, Jpeg, Png, WebP};
    let picture = noise(400, 300);
    let deep = DynamicImage::ImageRgba16(picture.clone().into_rgba16());
    let opaque = DynamicImage::ImageRgb8(picture.clone().into_rgb8());
    let gray = DynamicImage::ImageLuma16(picture.clone().into_luma16());
    let long = noise(4_000, 30);
    let turned = with_exif(&written(&opaque, Jpeg), &exif(6));
    let mut sources = vec![(turned, Jpeg)];
    for (picture, formats) in [
        (&picture, &[Png, Gif, WebP][..]),
        (&deep, &[Png]),
        (&opaque, &[Png, Jpeg, WebP]),
        (&gray, &[Png]),
        (&long, &[Png, WebP]),
    ] {
        sources.extend(formats.iter().map(|format| (written(picture, *format), *format)));
    }
    for (content, format) in sources {
        for side in [20, 190, 250, 400] {
            let (allowed, used) = memory(&content, format.to_mime_type(), side);
            assert!(used <= allowed, "{format:?} at {side}: {used} bytes of {allowed}");
        }
    }
}

struct Whole(Option<Vec<u8>>);

#[async_trait]
impl BlobReader for Whole {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.take())
    }
}

#[tokio::test]
async fn a_bounded_number_of_pictures_is_made_and_waited_for() {
    let limits = ScalerLimits { at_once: NonZeroUsize::MIN, waiting: 1, ..ScalerLimits::default() };
    let scaler = Arc::new(InProcessScaler::new(limits));
    let turn = scaler.pool.turn().await.unwrap();
    let (end, ended) = mpsc::channel::<()>();
    let running = tokio::spawn(turn.run(move || ended.recv().is_ok()));
    let content = written(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Png);
    let (png, source) = (of("image/png"), || Box::new(Whole(Some(content.clone()))));
    let mut second = std::pin::pin!(scaler.scale(source(), &png, to(20)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(second.as_mut().poll(&mut context).is_pending());
    let stats = ScalerStats { running: 1, waiting: 1, at_once: 1, places: 1, rejected: 0 };
    assert_eq!(scaler.stats(), stats);
    assert!(matches!(scaler.scale(source(), &png, to(20)).await, Err(ScaleError::Busy)), "there is no place");
    assert_eq!(scaler.stats(), ScalerStats { rejected: 1, ..stats });
    end.send(()).unwrap();
    assert!(running.await.unwrap().unwrap());
    assert!(second.await.is_ok());
    assert_eq!(scaler.stats(), ScalerStats { running: 0, waiting: 0, rejected: 1, ..stats });
}
