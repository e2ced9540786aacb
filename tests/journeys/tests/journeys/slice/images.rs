//! Pictures in sizes.

use super::{
    Context,
    files::{at, content_of, kept, put, shop_with},
};
use crate::Journey;
use serde_json::json;
use skep_journeys::Store;

/// A black picture of 600 × 300 pixels.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02X\0\0\x01,\x01\0\0\0\x007F\xf0;\0\0\0-IDATx\xda\xed\xc11\x01\0\0\
      \0\xc2\xa0\xf5Om\n?\xa0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xbe\x06Y\x10\0\x01\xd0\xee9\xbc\
      \0\0\0\0IEND\xaeB`\x82";
/// A picture that says it has 30,000 × 30,000 pixels.
const BOMB: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0u0\0\0u0\x01\0\0\0\0N\x5c\xc5\x17\0\0\0\x11IDATx\xdac`\x18\x05\xa3`\
      \x14\x0cw\0\0\x03\xe8\0\x01\xceILX";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[Journey::new("slice::images", a_picture_is_shown_in_sizes_until_it_is_deleted)],
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
        ("cache-control", "public, max-age=86400"),
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
    let link = ada.post(format!("{}/links", at(&private))).json(json!({})).send().expect(200).text("/url");
    visitor.get(format!("{link}&size=small")).send().expect(200);
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
