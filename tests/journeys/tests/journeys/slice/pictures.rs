//! The pictures of products.

use super::{
    Context,
    files::{FILES, PNG, at, content_of, put, shop_with},
    images::PICTURE,
};
use crate::{
    Journey,
    shop::{PRODUCTS, Shop, all, path, product},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Store};

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::pictures", pictures_are_set_and_shown_in_their_order),
        Journey::new("slice::pictures_that_are_refused", what_no_visitor_can_see_is_no_picture),
        Journey::new("slice::pictures_that_are_deleted", a_product_keeps_a_picture_whose_file_is_deleted),
        Journey::new("slice::pictures_of_a_cdn", what_visitors_see_comes_from_the_address_of_contents),
    ],
    things: &[],
    unique: &[],
    bodies: &[("set_pictures", |scene| of(&[(&scene.id(FILES), "A jar")]))],
};

/// The body with these files and texts.
fn of(pictures: &[(&str, &str)]) -> Value {
    let pictures: Vec<_> = pictures.iter().map(|(id, alt)| json!({ "file_id": id, "alt": alt })).collect();
    json!({ "pictures": pictures })
}

/// The pictures as they are shown.
fn shown(pictures: &[(&str, &str)]) -> Value {
    shown_at("", pictures)
}

/// The pictures as they are shown by a deployment whose contents are at this address.
fn shown_at(base: &str, pictures: &[(&str, &str)]) -> Value {
    let picture = |(id, alt): &(&str, &str)| {
        let (content, url) = (content_of(id), format!("{base}{}", content_of(id)));
        let size =
            |(name, side)| json!({ "name": name, "side": side, "url": format!("{url}?size={name}&side={side}") });
        let sizes = [("thumbnail", 160), ("small", 480), ("medium", 960), ("large", 1_920)].map(size);
        json!({ "file_id": id, "alt": alt, "url": url, "sizes": sizes, "links": { "content": content } })
    };
    pictures.iter().map(picture).collect()
}

fn set(client: &Client, id: &str, etag: &str, body: Value) -> Answer {
    client.put(format!("{}/pictures", path(id))).if_match(etag).json(body).send()
}

/// A public picture. Each has other bytes.
fn image(client: &Client, number: usize) -> String {
    let content = [PNG, number.to_string().as_bytes()].concat();
    put(client, "visibility=public&purpose=image", content).expect(201).text("/id")
}

fn pictures_are_set_and_shown_in_their_order(store: &Store) {
    let shop = Shop::open(store);
    let (admin, visitor, ada) = (&shop.admin, shop.server.visitor(), shop.user("ada"));
    let (first, second) = (image(admin, 1), image(&ada, 2));
    let id = shop.product("HONEY", 1999, 10);
    assert_eq!(visitor.get(path(&id)).send().ok().json()["pictures"], json!([]));

    let body = of(&[(&second, " A jar of honey "), (&first, "")]);
    let expected = shown(&[(&second, "A jar of honey"), (&first, "")]);
    admin.put(format!("{}/pictures", path(&id))).json(body.clone()).send().refused(428, "precondition_required");
    set(admin, &id, "\"7\"", body.clone()).refused(412, "precondition_failed");
    set(&ada, &id, "*", body.clone()).refused(403, "forbidden");
    set(&visitor, &id, "*", body.clone()).refused(401, "unauthenticated");
    let answer = set(admin, &id, "\"1\"", body.clone()).expect(200);
    assert_eq!((answer.etag().as_str(), &answer.json()["pictures"]), ("\"2\"", &expected));
    set(admin, &id, "\"1\"", body.clone()).refused(412, "precondition_failed");
    assert_eq!(set(admin, &id, "\"2\"", body).expect(200).etag(), "\"2\"", "the same pictures change nothing");

    let seen = visitor.get(path(&id)).send().ok().json();
    assert_eq!(seen["pictures"], expected);
    for picture in seen["pictures"].as_array().expect("pictures") {
        let content = visitor.get(picture["links"]["content"].as_str().expect("a path")).send().expect(200);
        assert_eq!(content.header("content-type"), Some("image/png"));
    }
    for list in [PRODUCTS.to_owned(), format!("{PRODUCTS}?q=honey")] {
        assert_eq!(all(&visitor, &list)[0]["pictures"], expected, "{list}");
    }

    let swapped = of(&[(&first, ""), (&second, "A jar of honey")]);
    let answer = set(admin, &id, "\"2\"", swapped).expect(200);
    assert_eq!(
        (answer.etag().as_str(), &answer.json()["pictures"]),
        ("\"3\"", &shown(&[(&first, ""), (&second, "A jar of honey")]))
    );
    let mut whole = product("HONEY", 5, 1);
    whole.as_object_mut().expect("an object").remove("stock");
    let replaced = admin.put(path(&id)).if_match("\"3\"").json(whole).send().expect(200);
    assert_eq!(replaced.json()["pictures"], answer.json()["pictures"], "they are not a part of the other fields");
    assert_eq!(set(admin, &id, "*", of(&[])).expect(200).json()["pictures"], json!([]));

    admin.delete(path(&id)).send().expect(204);
    set(admin, &id, "*", of(&[(&first, "")])).refused(404, "not_found");
    set(admin, "01a2007c-6187-7336-9dc4-99524dcc726d", "*", of(&[])).refused(404, "not_found");
    shop.server.stop();
}

fn what_no_visitor_can_see_is_no_picture(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada) = (&shop.admin, shop.user("ada"));
    // An editor changes products, and does not see the private files of others.
    let editor = shop.user("edith");
    let account = editor.get(crate::shop::PROFILE).send().ok().text("/id");
    let roles = json!({ "roles": ["user", "editor"] });
    admin.put(format!("/api/v1/users/{account}/roles")).if_match("*").json(roles).send().expect(200);
    let id = shop.product("HONEY", 1999, 10);
    let fine = image(&ada, 0);
    let refuse = |body: Value, pointer: &str, code: &str| {
        set(&editor, &id, "*", body).refused(422, "validation_failed").at(pointer, code);
    };

    let images: Vec<_> = (1..=12).map(|number| image(&ada, number)).collect();
    let mut pictures: Vec<_> = images.iter().map(|image| (image.as_str(), "")).collect();
    pictures.push((&fine, "one too many"));
    refuse(of(&pictures), "/pictures", "too_many");
    let full = set(&editor, &id, "\"1\"", of(&pictures[..12])).expect(200);
    assert_eq!(full.json()["pictures"], shown(&pictures[..12]));

    let private = put(&ada, "purpose=image", PNG).expect(201).text("/id");
    let own = put(&editor, "purpose=image", PNG).expect(201).text("/id");
    let text = put(&ada, "visibility=public", "honey").expect(201).text("/id");
    let missing = "01a2007c-6187-7336-9dc4-99524dcc726d";
    for (file, code) in [
        (private.as_str(), "unknown_file"),
        (missing, "unknown_file"),
        ("nope", "unknown_file"),
        (&own, "file_not_public"),
        (&text, "file_not_image"),
    ] {
        refuse(of(&[(&fine, ""), (file, "")]), "/pictures/1/file_id", code);
    }
    let hidden = set(&editor, &id, "*", of(&[(&private, "")])).refused(422, "validation_failed").json();
    let absent = set(&editor, &id, "*", of(&[(missing, "")])).refused(422, "validation_failed").json();
    assert_eq!(hidden["errors"], absent["errors"], "a hidden file is like one that does not exist");
    refuse(of(&[(&fine, "a"), (&fine, "b")]), "/pictures/1/file_id", "repeated_file");
    refuse(of(&[(&fine, &"a".repeat(251))]), "/pictures/0/alt", "invalid_text");
    refuse(of(&[(&fine, "a\nb")]), "/pictures/0/alt", "invalid_text");
    set(&editor, &id, "*", json!({})).refused(422, "validation_failed").at("/pictures", "missing_field");
    let after = admin.get(path(&id)).send().ok();
    assert_eq!((after.etag(), after.body), (full.etag(), full.body), "nothing has changed");
    shop.server.stop();
}

fn a_product_keeps_a_picture_whose_file_is_deleted(store: &Store) {
    let shop = Shop::open(store);
    let (admin, visitor) = (&shop.admin, shop.server.visitor());
    let (kept, gone) = (image(admin, 1), image(admin, 2));
    let id = shop.product("HONEY", 1999, 10);
    let body = of(&[(&gone, "Gone"), (&kept, "Kept")]);
    set(admin, &id, "\"1\"", body.clone()).expect(200);
    admin.delete(at(&gone)).send().expect(204);
    let seen = visitor.get(path(&id)).send().ok();
    assert_eq!(seen.json()["pictures"], shown(&[(&gone, "Gone"), (&kept, "Kept")]));
    visitor.get(content_of(&gone)).send().refused(404, "not_found");
    assert_eq!(set(admin, &id, "*", body).expect(200).etag(), seen.etag(), "the same list is not judged again");
    let swapped = of(&[(&kept, "Kept"), (&gone, "Gone")]);
    let refused = set(admin, &id, "*", swapped).refused(422, "validation_failed");
    refused.at("/pictures/1/file_id", "unknown_file");
    let left = set(admin, &id, "*", of(&[(&kept, "Kept")])).expect(200);
    assert_eq!(left.json()["pictures"], shown(&[(&kept, "Kept")]));
    shop.server.stop();
}

fn what_visitors_see_comes_from_the_address_of_contents(store: &Store) {
    const CDN: &str = "https://cdn.example.com/shop";
    let settings = [("SKEP_FILES_URL", CDN), ("SKEP_FILES_SHARED_CACHE_SECONDS", "600")];
    let (shop, _folder) = shop_with(store, &settings);
    let (admin, visitor) = (&shop.admin, shop.server.visitor());
    let upload = |query: &str| put(admin, query, PICTURE).expect(201);
    let (public, private) = (upload("purpose=image&visibility=public"), upload("purpose=image"));
    let (file, hidden) = (public.text("/id"), private.text("/id"));
    let url = format!("{CDN}{}", content_of(&file));
    assert_eq!(public.text("/url"), url);
    assert_eq!(visitor.get(at(&file)).send().ok().text("/url"), url);
    assert_eq!(private.json().get("url"), None, "no cache gets a private file");
    let listed = all(admin, FILES);
    assert_eq!(listed.iter().filter_map(|file| file["url"].as_str()).collect::<Vec<_>>(), [url.as_str()]);
    let link = admin.post(format!("{}/links", at(&hidden))).json(json!({})).send().expect(200);
    assert!(link.text("/url").starts_with("/api/v1/"), "a secret link stays away from the cache");

    let id = shop.product("HONEY", 1999, 10);
    let shown = set(admin, &id, "\"1\"", of(&[(&file, "A jar")])).expect(200);
    assert_eq!(shown.json()["pictures"], shown_at(CDN, &[(&file, "A jar")]));
    // The cache asks for the path below its own address.
    let pictures = shown.json()["pictures"][0].clone();
    let sizes = pictures["sizes"].as_array().expect("sizes").iter().map(|size| &size["url"]);
    for url in sizes.chain([&pictures["url"]]) {
        let path = url.as_str().and_then(|url| url.strip_prefix(CDN)).expect("a path");
        let content = visitor.get(path).send().expect(200);
        let cached = "public, max-age=31536000, immutable, s-maxage=600";
        assert_eq!(content.header("cache-control"), Some(cached), "{path}");
        assert_eq!(visitor.get(path).header("If-None-Match", content.etag()).send().expect(304).body.len(), 0);
        let own = admin.get(path.replace(&file, &hidden)).send().expect(200);
        assert_eq!(own.header("cache-control"), Some("private, no-cache"), "{path}");
    }
    let sized = |query: &str| visitor.get(format!("{}?{query}", content_of(&file))).send();
    for query in ["size=small", "size=small&side=481"] {
        let cached = sized(query).expect(200);
        assert_eq!(cached.header("cache-control"), Some("public, max-age=86400, s-maxage=600"), "{query}");
    }
    for query in ["side=480", "size=small&side=", "size=small&side=-1", "size=small&side=99999999999"] {
        sized(query).refused(400, "invalid_parameter");
    }
    admin.delete(at(&file)).send().expect(204);
    let gone = sized("size=small&side=480").refused(404, "not_found");
    assert_eq!(gone.header("cache-control"), Some("no-store"), "a cache that asks again gives it no more");
    shop.server.stop();
}
