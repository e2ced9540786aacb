//! The scanner against a server with a script: what it sends, and what each kind of answer means.
//!
//! `cargo test -p skep-scanner --test clamd`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod server;

use async_trait::async_trait;
use server::{Script, Server};
use skep_application::{
    files::{BlobReader, ScanError, Scanner},
    kernel::StoreError,
};
use skep_domain::files::{ThreatName, Verdict};
use skep_local::system_runtime;
use skep_outbound::{AddressFilter, BreakerPolicy, SystemResolver};
use skep_scanner::{Clamd, ScanTimes, ScannerAddress};
use std::{sync::Arc, time::Duration};

/// A content of these pieces. The last one may be an error.
struct Pieces(Vec<Result<Vec<u8>, StoreError>>);

#[async_trait]
impl BlobReader for Pieces {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        if self.0.is_empty() { Ok(None) } else { self.0.remove(0).map(Some) }
    }
}

fn content(pieces: &[&[u8]]) -> Box<dyn BlobReader> {
    Box::new(Pieces(pieces.iter().map(|piece| Ok(piece.to_vec())).collect()))
}

/// A content of so many pieces with 64 KiB each.
fn long(pieces: usize) -> Box<dyn BlobReader> {
    Box::new(Pieces((0..pieces).map(|_| Ok(vec![b'a'; 64 << 10])).collect()))
}

/// Long enough for every answer that comes.
const PATIENT: Duration = Duration::from_secs(60);
/// For answers that never come.
const SHORT: Duration = Duration::from_millis(300);

fn times(total: Duration) -> ScanTimes {
    ScanTimes { connect: total, write: total, total }
}

fn scanner_at(address: ScannerAddress, networks: &[&str], total: Duration, policy: BreakerPolicy) -> Clamd {
    let filter = AddressFilter::allowing(networks.iter().map(|network| network.parse().unwrap()));
    Clamd::new(address, (filter, Arc::new(SystemResolver)), times(total), policy, system_runtime()).unwrap()
}

fn scanner(server: &Server, total: Duration) -> Clamd {
    scanner_at(server.address(), &["127.0.0.1"], total, BreakerPolicy::default())
}

async fn scan(script: Script, content: Box<dyn BlobReader>, total: Duration) -> Result<Verdict, ScanError> {
    let server = Server::start(script).await;
    scanner(&server, total).scan(content).await
}

/// The message of an error with its causes.
fn words(error: &ScanError) -> String {
    let (mut words, mut cause) = (error.to_string(), std::error::Error::source(error));
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

fn has_no_answer(result: &Result<Verdict, ScanError>) -> bool {
    matches!(result, Err(ScanError::NoAnswer(_)))
}

fn is_away(result: &Result<Verdict, ScanError>) -> bool {
    matches!(result, Err(ScanError::Away { .. }))
}

#[tokio::test]
async fn a_content_is_sent_in_chunks_and_judged() {
    for (answer, verdict) in [
        (&b"stream: OK\0"[..], Verdict::Clean),
        (b"stream: Eicar-Test-Signature FOUND\0", Verdict::Infected(ThreatName::of("Eicar-Test-Signature"))),
        (b"stream: OK\0stream: Eicar FOUND\0", Verdict::Clean),
    ] {
        let server = Server::start(Script::Answer(answer.to_vec())).await;
        let judged = scanner(&server, PATIENT).scan(content(&[b"hon", b"", b"ey"])).await.unwrap();
        assert_eq!(judged, verdict);
        assert_eq!(server.received().await, [b"hon".to_vec(), b"ey".to_vec()]);
    }
    let server = Server::start(Script::Answer(b"stream: OK\0".to_vec())).await;
    assert_eq!(scanner(&server, PATIENT).scan(content(&[])).await.unwrap(), Verdict::Clean);
    assert_eq!(server.received().await, Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn an_answer_in_pieces_is_read_to_its_end() {
    let judged = scan(Script::Split(b"stream: Eicar FOUND\0".to_vec()), long(3), PATIENT).await.unwrap();
    assert_eq!(judged, Verdict::Infected(ThreatName::of("Eicar")));
    // The end is missing.
    for cut in [&b""[..], b"stream: O", b"stream: OK", b"stream: Eicar FOUND"] {
        let judged = scan(Script::Answer(cut.to_vec()), long(1), PATIENT).await;
        assert!(has_no_answer(&judged), "{judged:?}");
    }
}

#[tokio::test]
async fn a_content_that_is_too_long_is_a_clear_error_also_while_it_is_sent() {
    let limit = b"INSTREAM size limit exceeded. ERROR\0";
    for script in [Script::Answer(limit.to_vec()), Script::AnswerAfter(1 << 20, limit.to_vec())] {
        let judged = scan(script, long(200), PATIENT).await;
        assert!(matches!(judged, Err(ScanError::TooLarge)), "{judged:?}");
    }
}

#[tokio::test]
async fn a_scanner_that_fails_says_why() {
    let judged = scan(Script::Answer(b"stream: no memory ERROR\0".to_vec()), long(1), PATIENT).await;
    assert!(matches!(&judged, Err(ScanError::Failed(words)) if words == "stream: no memory"), "{judged:?}");
}

#[tokio::test]
async fn a_clean_answer_before_the_end_of_the_content_is_no_verdict() {
    let judged = scan(Script::AnswerAfter(1 << 20, b"stream: OK\0".to_vec()), long(200), PATIENT).await;
    assert!(has_no_answer(&judged), "{judged:?}");
    let judged = scan(Script::AnswerAfter(1 << 20, b"stream: Eicar FOUND\0".to_vec()), long(200), PATIENT).await;
    assert_eq!(judged.unwrap(), Verdict::Infected(ThreatName::of("Eicar")));
}

#[tokio::test]
async fn a_scanner_that_breaks_off_gives_no_verdict() {
    for after in [0, 1, 1 << 20] {
        let judged = scan(Script::DropAfter(after), long(200), PATIENT).await;
        assert!(has_no_answer(&judged), "{after}: {judged:?}");
    }
}

#[tokio::test]
async fn a_silent_scanner_ends_the_scan_at_its_limit() {
    // It reads everything and says nothing.
    let judged = scan(Script::Silence, long(1), SHORT).await;
    assert!(has_no_answer(&judged), "{judged:?}");
    // It does not even read.
    let judged = scan(Script::Deaf, long(200), SHORT).await;
    assert!(has_no_answer(&judged), "{judged:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_one_gives_no_verdict() {
    for answer in [&b"\0"[..], b"HTTP/1.1 200 OK\r\n\r\nstream: OK\0", b"OK\0", b"\xFF\xFE\0", b"stream: OK\n\0"] {
        let judged = scan(Script::Answer(answer.to_vec()), long(1), PATIENT).await;
        assert!(has_no_answer(&judged), "{answer:?}: {judged:?}");
    }
}

#[tokio::test]
async fn megabytes_of_answer_are_not_read() {
    for start in ["stream: ", "stream: OK"] {
        let server = Server::start(Script::Flood(start.as_bytes().to_vec())).await;
        let judged = scanner(&server, PATIENT).scan(long(1)).await.unwrap_err();
        assert!(words(&judged).contains("it is too long"), "{}", words(&judged));
    }
}

#[tokio::test]
async fn a_content_that_cannot_be_read_gives_no_verdict_and_says_nothing_about_the_scanner() {
    let server = Server::start(Script::Answer(b"stream: OK\0".to_vec())).await;
    let policy = BreakerPolicy { failures: 1, ..BreakerPolicy::default() };
    let scanner = scanner_at(server.address(), &["127.0.0.1"], PATIENT, policy);
    let damaged = || StoreError::corrupt("files", "1", "is damaged");
    let judged = scanner.scan(Box::new(Pieces(vec![Ok(b"hon".to_vec()), Err(damaged())]))).await;
    assert!(matches!(judged, Err(ScanError::Store(StoreError::Corrupt(_)))), "{judged:?}");
    let judged = scanner.scan(content(&[b"honey"])).await;
    assert_eq!(judged.unwrap(), Verdict::Clean, "the breaker is closed");
}

#[tokio::test]
async fn a_scanner_that_is_away_is_not_asked_for_a_while() {
    let policy = BreakerPolicy { failures: 2, ..BreakerPolicy::default() };
    let folder = tempfile::tempdir().unwrap();
    let scanner = scanner_at(ScannerAddress::Unix(folder.path().join("none")), &[], PATIENT, policy);
    for _ in 0..2 {
        let judged = scanner.scan(long(1)).await;
        assert!(matches!(judged, Err(ScanError::Away { retry_after: None, .. })), "{judged:?}");
    }
    let judged = scanner.scan(long(1)).await;
    assert!(matches!(judged, Err(ScanError::Away { retry_after: Some(_), .. })), "{judged:?}");
}

#[tokio::test]
async fn contents_that_a_scanner_does_not_stand_delay_no_others() {
    let server = Server::start(Script::DropAfter(0)).await;
    let policy = BreakerPolicy { failures: 1, ..BreakerPolicy::default() };
    let scanner = scanner_at(server.address(), &["127.0.0.1"], PATIENT, policy);
    for _ in 0..3 {
        let judged = scanner.scan(long(1)).await;
        assert!(has_no_answer(&judged), "{judged:?}");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_scanner_in_a_network_that_is_not_allowed_is_not_asked() {
    let server = Server::start(Script::Answer(b"stream: OK\0".to_vec())).await;
    let scanner = scanner_at(server.address(), &["10.0.0.0/8"], PATIENT, BreakerPolicy::default());
    let judged = scanner.scan(long(1)).await.unwrap_err();
    assert!(words(&judged).contains("must not be reached"), "{}", words(&judged));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_check_asks_whether_the_scanner_is_there() {
    let server = Server::start(Script::Answer(b"PONG\0".to_vec())).await;
    scanner(&server, PATIENT).check().await.unwrap();
    for script in [Script::Answer(b"PANG\0".to_vec()), Script::Answer(vec![]), Script::DropAfter(0)] {
        let server = Server::start(script).await;
        assert!(matches!(scanner(&server, PATIENT).check().await, Err(ScanError::NoAnswer(_))));
    }
    let server = Server::start(Script::Silence).await;
    assert!(matches!(scanner(&server, SHORT).check().await, Err(ScanError::NoAnswer(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_on_this_machine_works_as_a_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.ctl");
    let away = scanner_at(ScannerAddress::Unix(path.clone()), &[], PATIENT, BreakerPolicy::default());
    let judged = away.scan(content(&[b"honey"])).await;
    assert!(is_away(&judged), "{judged:?}");
    let server = Server::start_at(&path, Script::Answer(b"stream: Eicar FOUND\0".to_vec()));
    let judged = scanner_at(server.address(), &[], PATIENT, BreakerPolicy::default()).scan(long(40)).await;
    assert_eq!(judged.unwrap(), Verdict::Infected(ThreatName::of("Eicar")));
    assert_eq!(server.received().await.concat().len(), 40 * (64 << 10));
}
