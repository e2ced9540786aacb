//! Servers that are away, refuse us, stop in the middle, or ignore the conditions of writes.

use super::{Checked, LARGE, Server, bytes, id, must, write};
use crate::{Outcome, in_runtime};
use libtest_mimic::Trial;
use skep_application::{files::BlobStore as _, kernel::StoreError};
use skep_blobs::{S3Blobs, S3Options};
use skep_contract::Failure;
use skep_local::system_runtime;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The trials whose server is a listener of their own.
pub(crate) fn without_server() -> [Trial; 4] {
    let of = |name: &str, work: fn() -> Pin<Box<dyn Future<Output = Checked>>>| {
        Trial::test(format!("s3::{name}"), move || -> Outcome { in_runtime(work()) })
    };
    [
        of("a_server_that_is_away_is_unavailable", || Box::pin(away())),
        of("a_server_that_does_not_answer_is_unavailable", || Box::pin(silent())),
        of("a_server_that_stops_in_the_middle_of_a_content_is_unavailable", || Box::pin(stalled())),
        of("a_server_that_ignores_conditions_is_found", || Box::pin(careless())),
    ]
}

pub(super) async fn refusals(server: Server) -> Checked {
    let mut options = server.options();
    options.secret_access_key = "wrong".to_owned();
    let blobs = S3Blobs::new(&options, system_runtime()).expect("a client");
    let defects = blobs.inspect().await?;
    must(defects.len() == 1 && defects[0].text.contains("SignatureDoesNotMatch"), &format!("{defects:?}"))?;
    must(defects[0].is_fatal && !format!("{defects:?}").contains("wrong"), "the secret is not shown")?;
    unavailable(&blobs).await?;
    let mut options = server.options();
    // No request here may write, because the server would make the bucket.
    options.bucket = format!("none-{}", system_runtime().ids.next());
    let blobs = S3Blobs::new(&options, system_runtime()).expect("a client");
    let defects = blobs.inspect().await?;
    must(defects.len() == 1 && defects[0].text.contains("NoSuchBucket"), &format!("{defects:?}"))?;
    unreadable(&blobs).await
}

fn is(error: Option<StoreError>, what: &str) -> Checked {
    must(matches!(error, Some(StoreError::Unavailable(_))), &format!("{what}: {error:?}"))
}

/// Every operation says that the store is unavailable.
async fn unavailable(blobs: &S3Blobs) -> Checked {
    unreadable(blobs).await?;
    is(blobs.claim("mark").await.err(), "claim")?;
    is(blobs.lock(id()).await.err(), "lock")?;
    let (staged, _) = write(blobs, id(), b"honey").await?;
    is(staged.publish().await.err(), "publish")?;
    let mut staged = blobs.stage(id()).await?;
    is(staged.write(&bytes(LARGE)).await.err(), "write")
}

/// What is not known to be absent is not taken for absent.
async fn unreadable(blobs: &S3Blobs) -> Checked {
    is(blobs.open(id(), None).await.err(), "open")?;
    is(blobs.open(id(), Some(3..9)).await.err(), "open a range")?;
    is(blobs.open(id(), Some(3..3)).await.err(), "open no bytes")?;
    is(blobs.list(None, 9).await.err(), "list")?;
    is(blobs.delete(id()).await.err(), "delete")
}

/// A server of the trial, with short limits of time.
fn options_of(address: std::net::SocketAddr) -> S3Options {
    let mut options = S3Options::new("bucket", "us-east-1", "key", "secret");
    options.endpoint = Some(format!("http://{address}"));
    options.path_style = true;
    (options.connect, options.answer) = (Duration::from_millis(200), Duration::from_millis(300));
    options.transfer = Duration::from_millis(300);
    options
}

async fn away() -> Checked {
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let blobs = S3Blobs::new(&options_of(address), system_runtime()).expect("a client");
    unavailable(&blobs).await?;
    must(matches!(blobs.inspect().await, Err(StoreError::Unavailable(_))), "the check says so, too")
}

async fn silent() -> Checked {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let accepting = tokio::spawn(async move {
        let mut open = vec![];
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    let blobs = S3Blobs::new(&options_of(address), system_runtime()).expect("a client");
    unavailable(&blobs).await?;
    must(matches!(blobs.inspect().await, Err(StoreError::Unavailable(_))), "the check says so, too")?;
    accepting.abort();
    Ok(())
}

/// Answers each request with this text.
async fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Checked<S3Blobs> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&answer)));
        }
    });
    Ok(S3Blobs::new(&options_of(address), system_runtime()).expect("a client"))
}

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(&str) -> String>) -> std::io::Result<()> {
    let mut request = String::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        request.push_str(&String::from_utf8_lossy(&piece[..read]));
        if request.contains("\r\n\r\n") {
            stream.write_all(answer(&request).as_bytes()).await?;
            request.clear();
        }
    }
}

async fn stalled() -> Checked {
    let head = "HTTP/1.1 200 OK\r\netag: \"1\"\r\nlast-modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n";
    let blobs = answering(move |_| format!("{head}content-length: 100\r\n\r\nhoney")).await?;
    let mut reader = blobs.open(id(), None).await?.ok_or_else(|| Failure::new("it exists"))?;
    must(reader.read().await? == Some(b"honey".to_vec()), "what has arrived")?;
    must(matches!(reader.read().await, Err(StoreError::Unavailable(_))), "the rest does not arrive")?;
    must(reader.read().await?.is_none(), "nothing follows an error")
}

async fn careless() -> Checked {
    let list = "<?xml version=\"1.0\"?><ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>\
                </ListBucketResult>";
    let blobs = answering(move |request| {
        let body = if request.starts_with("GET") { list } else { "" };
        format!("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    });
    let defects = blobs.await?.inspect().await?;
    must(defects.len() == 1 && defects[0].text.contains("If-None-Match"), &format!("{defects:?}"))
}
