//! Pictures in sizes.

use super::{
    Context,
    files::{at, content_of, kept, put, shop_with},
};
use crate::Journey;
use serde_json::json;
use skep_journeys::Store;
use std::{fs, io::Write as _, path::PathBuf};

/// A black picture of 600 × 300 pixels.
pub(crate) const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02X\0\0\x01,\x01\0\0\0\x007F\xf0;\0\0\0-IDATx\xda\xed\xc11\x01\0\0\
      \0\xc2\xa0\xf5Om\n?\xa0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xbe\x06Y\x10\0\x01\xd0\xee9\xbc\
      \0\0\0\0IEND\xaeB`\x82";
/// A picture that says it has 30,000 × 30,000 pixels.
const BOMB: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0u0\0\0u0\x01\0\0\0\0N\x5c\xc5\x17\0\0\0\x11IDATx\xdac`\x18\x05\xa3`\
      \x14\x0cw\0\0\x03\xe8\0\x01\xceILX";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::images", a_picture_is_shown_in_sizes_until_it_is_deleted),
        Journey::new("slice::damaged_images", a_damaged_picture_in_a_size_is_made_again),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn a_picture_is_shown_in_sizes_until_it_is_deleted(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_IMAGE_SIZES", "small:100,huge:4000")]);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let upload = |query: &str, content: &[u8]| put(&ada, query, content).expect(201).text("/id");
    let public = upload("name=jar.png&purpose=image&visibility=public", PICTURE);
    let private = upload("name=own.png&purpose=image", PICTURE);
    let sized = |id: &str, size: &str| format!("{}?size={size}", content_of(id));

    assert_eq!(kept(folder.path()), 2);
    let small = visitor.get(sized(&public, "small")).send().expect(200);
    assert_eq!(kept(folder.path()), 3, "the smaller picture is kept");
    for (name, value) in [
        ("content-type", "image/webp"),
        ("content-disposition", "inline; filename=\"jar.webp\""),
        ("cache-control", "public, max-age=86400, s-maxage=86400"),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(small.header(name), Some(value), "{name}");
    }
    assert_eq!((&small.body[..4], &small.body[8..12]), (&b"RIFF"[..], &b"WEBP"[..]));
    let again = visitor.get(sized(&public, "small")).send().expect(200);
    assert_eq!((&again.body, again.etag(), kept(folder.path())), (&small.body, small.etag(), 3));
    visitor.get(sized(&public, "small")).header("If-None-Match", small.etag()).send().expect(304);
    let part = visitor.get(sized(&public, "small")).header("Range", "bytes=8-11").send().expect(206);
    assert_eq!(part.body, b"WEBP");
    let whole = visitor.get(content_of(&public)).send().expect(200);
    assert_eq!((whole.body.as_slice(), whole.etag() == small.etag()), (PICTURE, false));
    visitor.get(sized(&public, "huge")).send().expect(200);

    // A size gives nothing to a caller that may not have the content.
    for (client, status) in [(&bob, 404), (&visitor, 404), (&ada, 200), (&shop.admin, 200)] {
        client.get(sized(&private, "small")).send().expect(status);
    }
    let days = json!({"expires_in": 3 * 86_400});
    let link = ada.post(format!("{}/links", at(&private))).json(days).send().expect(200).text("/url");
    let linked = visitor.get(format!("{link}&size=small")).send().expect(200);
    assert_eq!(linked.header("cache-control"), Some("private, max-age=86400"), "the size can get another length");
    visitor.get(format!("{link}0&size=small")).send().refused(403, "file_link_invalid");

    let refused = |id: &str, size: &str| ada.get(sized(id, size)).send();
    refused(&public, "medium").refused(422, "unknown_image_size");
    let text = upload("name=a.txt", b"honey");
    refused(&text, "small").refused(422, "not_an_image");
    refused(&upload("name=bomb.png&purpose=image", BOMB), "small").refused(422, "image_too_large");
    refused(&upload("name=cut.png&purpose=image", &PICTURE[..60]), "small").refused(422, "image_unreadable");

    let before = kept(folder.path());
    ada.delete(at(&public)).send().expect(204);
    assert_eq!(kept(folder.path()), before - 3, "both smaller pictures go with their file");
    visitor.get(sized(&public, "small")).send().refused(404, "not_found");
    shop.server.stop();
}

/// A PNG with three random bytes for each pixel, so that no form of it is small.
fn noise(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let mut pixels = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::fast());
    for _ in 0..height {
        let row: Vec<u8> = (0..3 * width).map(|_| random()).collect();
        pixels.write_all(&[&[0], &row[..]].concat()).expect("a row without a filter");
    }
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header), (b"IDAT", pixels.finish().expect("pixels")), (b"IEND", vec![])] {
        let mut sum = flate2::Crc::new();
        sum.update(&[&name[..], &data].concat());
        png.extend(u32::try_from(data.len()).expect("a length").to_be_bytes());
        png.extend([&name[..], &data, &sum.sum().to_be_bytes()].concat());
    }
    png
}

fn a_damaged_picture_in_a_size_is_made_again(store: &Store) {
    let (shop, folder) = shop_with(store, &[]);
    let ada = shop.user("ada");
    let id = put(&ada, "name=noise.png&purpose=image", noise(500, 500)).expect(201).text("/id");
    let source = folder.path().join(&id[id.len() - 2..]).join(&id);
    let sized = format!("{}?size=small", content_of(&id));
    let made = ada.get(&sized).send().expect(200).body;
    assert!(made.len() > 128 << 10, "it is sent in pieces: {} bytes", made.len());
    let kept = || -> PathBuf {
        let folders = fs::read_dir(folder.path()).expect("the folder").flatten();
        let mut contents = folders.flat_map(|folder| fs::read_dir(folder.path())).flatten().flatten();
        contents.find(|entry| entry.path() != source).expect("a smaller picture").path()
    };
    for at in [0, made.len() / 2, made.len() - 1] {
        let mut damaged = made.clone();
        damaged[at] ^= 1;
        fs::write(kept(), damaged).expect("a content");
        assert!(ada.get(&sized).try_send().map_or(true, |answer| answer.status == 500), "byte {at} is not as it was");
        assert!(ada.get(&sized).send().expect(200).body == made, "it was made again");
    }
    assert_eq!(shop.server.metric("skep_file_contents_damaged_total"), 3.0);
    // Its log has errors, about the damaged contents.
    shop.server.terminate();
    assert_eq!(shop.server.wait().code, Some(0));
}
