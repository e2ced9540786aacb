//! Answers that are compressed with gzip.

use crate::shop::{LOGIN, PRODUCTS, Shop, credentials, path};
use flate2::read::GzDecoder;
use skep_journeys::{Answer, Client, Store};
use std::io::Read as _;

pub(super) fn large_answers_are_compressed_on_request(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let products: Vec<String> = (0..20).map(|n| shop.product(&format!("HONEY-{n}"), 1999, 10)).collect();
    for target in ["/openapi.json", "/api-docs", PRODUCTS, "/metrics"] {
        let plain = visitor.get(target).send().ok();
        assert_eq!(
            (plain.header("content-encoding"), plain.header("vary")),
            (None, Some("accept-encoding")),
            "{target}"
        );
        for accept in ["gzip", "br, *;q=0.5", "gzip;q=1.0, identity; q=0.5, *;q=0"] {
            let packed = connection_get(&visitor, target, accept);
            assert_eq!(packed.header("content-encoding"), Some("gzip"), "{target} {accept}");
            assert!(packed.body.len() * 2 < plain.body.len(), "{target}: {} bytes", packed.body.len());
            let unpacked = unpacked(&packed);
            assert!(target == "/metrics" || unpacked == plain.body, "{target}");
            let head = visitor.call("HEAD", target).header("Accept-Encoding", accept).send().ok();
            for name in ["content-encoding", "content-type", "etag", "vary"] {
                assert_eq!(head.header(name), packed.header(name), "{name} of HEAD {target}");
            }
            let length = head.header("content-length").and_then(|length| length.parse::<usize>().ok());
            assert!(target == "/metrics" || length == Some(packed.body.len()), "{target}: {length:?}");
        }
        for accept in ["br", "gzip;q=0", "identity", "identity, gzip;q=0.5"] {
            let answer = visitor.get(target).header("Accept-Encoding", accept).send().ok();
            assert_eq!(answer.header("content-encoding"), None, "{target} {accept}");
        }
    }
    // A small answer, an error, and an answer with a secret.
    for answer in [
        visitor.get("/health").header("Accept-Encoding", "gzip").send().ok(),
        visitor.get("/no/such/path").header("Accept-Encoding", "gzip").send().expect(404),
        visitor.post(LOGIN).header("Accept-Encoding", "gzip, identity;q=0").json(credentials("grace")).send().ok(),
    ] {
        assert_eq!(answer.header("content-encoding"), None, "{answer:?}");
    }
    // A client that refuses plain answers gets even a small one compressed. Its entity tag is a separate one, and
    // `If-Match` accepts it.
    let one = path(&products[0]);
    let plain = visitor.get(&one).send().ok();
    let packed = connection_get(&visitor, &one, "gzip, identity;q=0");
    assert_eq!(unpacked(&packed), plain.body);
    assert_eq!(packed.etag(), format!("{}-gzip\"", plain.etag().trim_end_matches('"')));
    let change =
        |tag: &str| shop.admin.patch(&one).if_match(tag).json(serde_json::json!({ "name": "Comb honey" })).send();
    change(&packed.etag()).expect(200);
    change(&packed.etag()).refused(412, "precondition_failed");

    let body = b"\x1f\x8b\x08 not even gzip".as_slice();
    let sent = shop.admin.post(PRODUCTS).header("Content-Encoding", "gzip").text("application/json", body).send();
    let sent = sent.refused(415, "unsupported_media_type");
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
    shop.server.stop();
}

/// Sends a request without checking the contract, which knows only plain bodies.
#[track_caller]
fn connection_get(client: &Client, target: &str, accept: &str) -> Answer {
    let request = client.get(target).header("Accept-Encoding", accept).bytes();
    let answer = client.connect().and_then(|mut connection| connection.exchange(&request));
    answer.expect("an answer").ok()
}

#[track_caller]
fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut plain = vec![];
    GzDecoder::new(&*answer.body).read_to_end(&mut plain).expect("gzip");
    plain
}
