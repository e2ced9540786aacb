//! A way to the server that counts, holds answers back and refuses.

use super::{Checked, Server};
use skep_application::kernel::Runtime;
use skep_blobs::{S3Blobs, S3Options};
use skep_local::system_runtime;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the way does.
#[derive(Default)]
pub(super) struct Rules {
    /// The number of bytes of pieces that were sent.
    pub(super) sent: AtomicU64,
    /// Whether an upload in parts cannot be given up.
    pub(super) keeps_uploads: AtomicBool,
    /// Whether the answer to the end of an upload in parts waits for `go_on`.
    pub(super) holds_ends: AtomicBool,
    /// Whether the answer to a change of the head waits for `go_on`.
    pub(super) holds_heads: AtomicBool,
    /// Whether a delete of the head waits for `go_on` before it is sent.
    pub(super) holds_deletes: AtomicBool,
    pub(super) holds: Notify,
    pub(super) go_on: Notify,
}

/// The bucket behind the way.
pub(super) async fn behind(server: &Server, options: &S3Options) -> Checked<(S3Blobs, Arc<Rules>)> {
    behind_in(server, options, system_runtime()).await
}

/// The bucket behind the way, with this clock.
pub(super) async fn behind_in(
    server: &Server,
    options: &S3Options,
    runtime: Runtime,
) -> Checked<(S3Blobs, Arc<Rules>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, rules) = (listener.local_addr()?, Arc::new(Rules::default()));
    let to = server.endpoint().trim_start_matches("http://").to_owned();
    let known = Arc::clone(&rules);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&to).await else { return };
            tokio::spawn(pass(stream, server, Arc::clone(&known)));
        }
    });
    let options = S3Options { endpoint: Some(format!("http://{address}")), ..options.clone() };
    Ok((S3Blobs::new(&options, runtime).expect("a client"), rules))
}

/// Passes requests and answers on. A client sends no request before the answer to the one before.
async fn pass(client: TcpStream, server: TcpStream, rules: Arc<Rules>) -> std::io::Result<()> {
    let ((mut requests, mut answers), (mut from, mut to)) = (client.into_split(), server.into_split());
    let is_end = Arc::new(AtomicBool::new(false));
    let (held, known) = (Arc::clone(&is_end), Arc::clone(&rules));
    let (refuse, mut refused) = tokio::sync::mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let mut piece = vec![0; 64 << 10];
        loop {
            tokio::select! {
                Some(()) = refused.recv() => {
                    answers.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await?;
                }
                read = from.read(&mut piece) => {
                    let read = read?;
                    if read == 0 {
                        return answers.shutdown().await;
                    }
                    if held.swap(false, SeqCst) {
                        known.holds.notify_one();
                        known.go_on.notified().await;
                    }
                    answers.write_all(&piece[..read]).await?;
                }
            }
        }
    });
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = requests.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let text = String::from_utf8_lossy(&piece[..read]);
        let line = text.lines().next().unwrap_or_default();
        if line.starts_with("PUT ") && line.contains(".piece.") {
            let lower = text.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<u64>().ok());
            rules.sent.fetch_add(length.unwrap_or(0), SeqCst);
        }
        if line.starts_with("POST ") && line.contains("uploadId=") && rules.holds_ends.load(SeqCst) {
            is_end.store(true, SeqCst);
        }
        if line.starts_with("PUT ") && line.contains(".head") && rules.holds_heads.load(SeqCst) {
            is_end.store(true, SeqCst);
        }
        if line.starts_with("DELETE ") && line.contains("uploadId=") && rules.keeps_uploads.load(SeqCst) {
            let _ = refuse.send(()).await;
            continue;
        }
        if line.starts_with("DELETE ") && line.contains(".head") && rules.holds_deletes.load(SeqCst) {
            rules.holds.notify_one();
            rules.go_on.notified().await;
        }
        to.write_all(&piece[..read]).await?;
    }
}
