//! Tests of the dialer with real sockets.

use super::*;
use crate::InvalidRoots;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivateKeyDer;
use std::sync::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
    time::{Instant, sleep},
};

/// Answers with the next list of addresses each time.
struct Scripted(Mutex<Vec<Vec<IpAddr>>>);

#[async_trait]
impl Resolver for Scripted {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.lock().unwrap().remove(0))
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn loopback() -> AddressFilter {
    AddressFilter::allowing(["127.0.0.0/8".parse().unwrap()])
}

fn dialer(filter: AddressFilter, answers: &[&[&str]], roots: Roots) -> Dialer {
    let answers = answers.iter().map(|answer| answer.iter().map(|address| ip(address)).collect()).collect();
    Dialer::new(filter, Arc::new(Scripted(Mutex::new(answers))), Phases::default(), roots).unwrap()
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_name_in_a_private_network_is_not_reached() {
    let (listener, port) = listen().await;
    for answer in ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"] {
        let error =
            dialer(AddressFilter::default(), &[&[answer]], Roots::default()).connect("mail.example", port).await;
        assert!(matches!(&error, Err(DialError::Forbidden { host }) if host == "mail.example"), "{error:?}");
    }
    for literal in ["127.0.0.1", "[::1]", "::ffff:127.0.0.1"] {
        let error = dialer(AddressFilter::default(), &[], Roots::default()).connect(literal, port).await;
        assert!(matches!(error, Err(DialError::Forbidden { .. })), "{literal}: {error:?}");
    }
    drop(listener);
}

#[tokio::test]
async fn the_name_is_resolved_once_and_only_a_judged_address_is_connected() {
    let (listener, port) = listen().await;
    // The second answer would be refused; a dialer that asks twice fails here.
    let dialer = dialer(loopback(), &[&["10.0.0.1", "127.0.0.1"], &["10.0.0.1"]], Roots::default());
    let connection = dialer.connect("mail.example", port).await.unwrap();
    assert_eq!(connection.peer_addr().unwrap().ip(), ip("127.0.0.1"));
    assert!(matches!(dialer.connect("mail.example", port).await, Err(DialError::Forbidden { .. })));
    drop(listener);
}

#[tokio::test]
async fn an_address_that_refuses_is_followed_by_the_next_one() {
    let (listener, port) = listen().await;
    let connected =
        dialer(loopback(), &[&["127.0.0.2", "127.0.0.1"]], Roots::default()).connect("mail.example", port).await;
    assert_eq!(connected.unwrap().peer_addr().unwrap().ip(), ip("127.0.0.1"));
    drop(listener);
    let error = dialer(loopback(), &[&["127.0.0.1"]], Roots::default()).connect("mail.example", port).await;
    assert!(matches!(error, Err(DialError::Unreachable { .. })), "{error:?}");
    let error = dialer(loopback(), &[&[]], Roots::default()).connect("mail.example", port).await;
    assert!(matches!(error, Err(DialError::Unknown { .. })), "{error:?}");
}

/// A listener whose queue is full, so that the system answers no further connection. Returns the connections, which hold
/// their places.
async fn silent(address: SocketAddr) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut held = vec![];
    while let Ok(connected) = timeout(HEAD_START, TcpStream::connect(address)).await {
        held.push(connected.unwrap());
        assert!(held.len() < 100, "the queue takes more than it should");
    }
    (listener, held)
}

#[tokio::test]
async fn an_address_that_does_not_answer_does_not_hide_the_next_one() {
    let (listener, port) = listen().await;
    let silent = silent(SocketAddr::new(ip("127.0.0.2"), port)).await;
    let answers: &[&[&str]] = &[&["127.0.0.2", "127.0.0.1"]];
    let connected = dialer(loopback(), answers, Roots::default()).connect("mail.example", port).await;
    assert_eq!(connected.unwrap().peer_addr().unwrap().ip(), ip("127.0.0.1"));
    drop((listener, silent));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_goes_on_when_the_next_one_begins() {
    let begun = Instant::now();
    // Milliseconds, and whether it succeeds.
    let attempt = async |(millis, succeeds): (u64, bool)| {
        sleep(Duration::from_millis(millis)).await;
        if succeeds { Ok((millis, begun.elapsed().as_millis())) } else { Err(io::Error::other(millis.to_string())) }
    };
    for (attempts, expected) in [
        (vec![(300, true), (9_000, true)], Ok((300, 300))),
        (vec![(9_000, true), (10, true)], Ok((10, 260))),
        (vec![(10, false), (20, true)], Ok((20, 30))),
        (vec![(600, false), (700, false), (20, true)], Ok((20, 520))),
        (vec![(10, false), (20, false)], Err("20".to_owned())),
        (vec![(800, false), (20, false)], Err("800".to_owned())),
    ] {
        let begun_here = begun.elapsed().as_millis();
        let done = first_of(attempts.into_iter().map(attempt)).await;
        let done = done.map(|(millis, at)| (millis, at - begun_here)).map_err(|error| error.to_string());
        assert_eq!(done, expected);
    }
}

/// A server with a certificate for this name, which sends one byte. Returns its certificate.
async fn tls_server(name: &str, listener: TcpListener) -> String {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"a").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    cert.pem()
}

#[tokio::test]
async fn a_certificate_must_be_for_the_name_and_from_a_known_root() {
    let (listener, port) = listen().await;
    let pem = tls_server("mail.example", listener).await;
    let known = || Roots::default().with_pem(pem.as_bytes()).unwrap();
    let call = async |roots, host: &str| {
        let dialer = dialer(loopback(), &[&["127.0.0.1"]], roots);
        let stream = dialer.connect(host, port).await.unwrap();
        dialer.encrypt(stream, host).await
    };
    assert_eq!(call(known(), "mail.example").await.unwrap().read_u8().await.unwrap(), b'a');
    assert!(matches!(call(known(), "other.example").await, Err(DialError::Tls(_))));
    assert!(matches!(call(Roots::default(), "mail.example").await, Err(DialError::Tls(_))));
}

#[test]
fn roots_need_a_certificate() {
    assert!(matches!(Roots::default().with_pem(b"nothing"), Err(InvalidRoots::Empty)));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Roots::default().with_pem(broken), Err(InvalidRoots::Certificate(_))));
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_is_left() {
    let (listener, port) = listen().await;
    let phases = Phases { tls: Duration::from_millis(20), ..Phases::default() };
    let dialer = Dialer::new(loopback(), Arc::new(SystemResolver), phases, Roots::default()).unwrap();
    let stream = dialer.connect("127.0.0.1", port).await.unwrap();
    let error = dialer.encrypt(stream, "mail.example").await.unwrap_err();
    assert!(matches!(error, DialError::Late("the handshake of TLS")), "{error:?}");
    drop(listener);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_resolved_in_time_is_given_up() {
    struct Silent;
    #[async_trait]
    impl Resolver for Silent {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            std::future::pending().await
        }
    }
    let dialer = Dialer::new(loopback(), Arc::new(Silent), Phases::default(), Roots::default()).unwrap();
    assert!(matches!(dialer.connect("mail.example", 25).await, Err(DialError::Late("connecting"))));
}
