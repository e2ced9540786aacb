//! HTTP/2 with prior knowledge: through a real client, and frame by frame.

use super::in_a_hurry;
use crate::shop::{ORDERS, PRODUCTS, Shop, basket};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use skep_journeys::{Connection, PATIENCE, Store};
use std::{io, net::SocketAddr, thread};
use tokio::{net::TcpStream, time::timeout};

/// The first bytes that an HTTP/2 client sends.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface and an empty SETTINGS frame.
pub(super) fn greeting() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// `GET http://a/`, from the static table of HPACK.
const GET: &[u8] = &[0x82, 0x84, 0x86, 0x41, 1, b'a'];
/// `POST http://a/`.
const POST: &[u8] = &[0x83, 0x84, 0x86, 0x41, 1, b'a'];

/// A complete GET request on this stream.
pub(super) fn request(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, GET)
}

fn cancelled(stream: u32) -> Vec<u8> {
    [request(stream), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
}

/// Sends the pieces as long as the server accepts them, and waits until the server hangs up.
fn flood(connection: &mut Connection, pieces: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
    connection.send(&greeting())?;
    for piece in pieces {
        if connection.send(&piece).is_err() {
            break;
        }
    }
    connection.rest().map(drop)
}

/// A client that sends without end. It returns an error if the server does not hang up.
type Flood = fn(&mut Connection) -> io::Result<()>;

const FLOODS: &[(&str, Flood)] = &[
    ("rapid reset", |connection| flood(connection, (0..20_000).map(|n| cancelled(2 * n + 1)))),
    ("too many streams", |connection| flood(connection, (0..10_000).map(|n| request(2 * n + 1)))),
    ("a head without end", |connection| {
        let literal = [&[0x40, 1, b'x', 0x7f, 0x81, 0x7e][..], &[b'a'; 16_000][..]].concat();
        let rest = (0..2_000).map(|_| frame(CONTINUATION, 0, 1, &literal));
        flood(connection, std::iter::once(frame(HEADERS, END_STREAM, 1, GET)).chain(rest))
    }),
    ("empty data without end", |connection| {
        let open = frame(HEADERS, END_HEADERS, 1, POST);
        flood(connection, std::iter::once(open).chain((0..50_000).map(|_| frame(DATA, 0, 1, &[]))))
    }),
    ("settings without end", |connection| flood(connection, (0..50_000).map(|_| frame(SETTINGS, 0, 0, &[])))),
    ("pings without end", |connection| flood(connection, (0..50_000).map(|_| frame(PING, 0, 0, &[0; 8])))),
];

pub(crate) fn floods_are_cut_and_others_are_served(store: &Store) {
    let shop = Shop::open_on(in_a_hurry(store));
    let visitor = shop.server.visitor();
    let ends = thread::scope(|scope| {
        let floods: Vec<_> = FLOODS
            .iter()
            .map(|(name, flood)| {
                let mut connection = shop.server.connect();
                (*name, scope.spawn(move || flood(&mut connection)))
            })
            .collect();
        let mut served = 0;
        while served < 100 || floods.iter().any(|(_, thread)| !thread.is_finished()) {
            visitor.get(PRODUCTS).send().expect(200);
            served += 1;
        }
        floods.into_iter().map(|(name, thread)| (name, thread.join().expect("no panic"))).collect::<Vec<_>>()
    });
    for (name, end) in ends {
        assert!(end.is_ok(), "{name}: left open: {end:?}");
    }
    shop.server.stop();
}

pub(crate) fn an_order_is_placed_with_prior_knowledge(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 100);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let sender = connect(shop.server.address()).await;
        let order = |key: &str| {
            let body = basket(&[(&honey, 1)]).to_string();
            let builder = Request::builder().method(Method::POST).uri(format!("http://a{ORDERS}"));
            let builder = builder.header(header::AUTHORIZATION, format!("Bearer {}", ada.token()));
            let builder = builder.header(header::CONTENT_TYPE, "application/json").header("idempotency-key", key);
            builder.body(Full::new(Bytes::from(body))).expect("a request")
        };
        // All at once on one connection.
        let calls: Vec<_> =
            (0..20).map(|n| tokio::spawn(exchange(sender.clone(), order(&format!("key-{n}"))))).collect();
        for call in calls {
            let (status, order) = call.await.expect("no panic");
            assert_eq!((status, &order["status"]), (StatusCode::CREATED, &Value::from("pending")), "{order}");
        }
        let get = Request::get(format!("http://a{ORDERS}")).body(Full::default()).expect("a request");
        let (status, problem) = exchange(sender, get).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &Value::from("unauthenticated")));
    });
    assert_eq!(shop.stock(&honey), (100, 20));
    shop.server.stop();
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let socket = TcpStream::connect(address).await.expect("the server listens");
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

async fn exchange(mut sender: SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> (StatusCode, Value) {
    let answer = async {
        let response = sender.send_request(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a whole answer").to_bytes();
        (status, serde_json::from_slice(&body).expect("json"))
    };
    timeout(PATIENCE, answer).await.expect("an answer in time")
}
