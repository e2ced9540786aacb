//! A conversation with a scanner about one content.

use crate::{
    answer::{LONGEST, judge},
    fault::ClamdFault,
};
use skep_application::files::BlobReader;
use skep_domain::files::Verdict;
use std::{io, pin::pin, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    time::timeout,
};

/// A connection to a scanner.
pub(crate) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Line for S {}

/// How long a scanner that takes no more bytes may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Sends a content, and returns the verdict. Each wait of the scanner for bytes has the time `patience`.
///
/// A scanner answers early, and closes the connection, when it has got more bytes than it takes. So its answer is waited
/// for while the content is sent. An early answer never says that the content is clean.
pub(crate) async fn scan(
    line: impl Line,
    content: &mut dyn BlobReader,
    patience: Duration,
) -> Result<Verdict, ClamdFault> {
    let (mut from, mut to) = split(line);
    let mut answer = pin!(read_answer(&mut from));
    let sent = tokio::select! {
        biased;
        early = &mut answer => return judge_early(&early?),
        sent = send(&mut to, content, patience) => sent,
    };
    match sent {
        Ok(()) => judge(&answer.await?),
        Err(left @ ClamdFault::Left(_)) => match timeout(LAST_WORDS, answer).await {
            Ok(Ok(words)) => judge_early(&words),
            _ => Err(left),
        },
        Err(fault) => Err(fault),
    }
}

/// Asks a scanner whether it is there.
pub(crate) async fn ping(mut line: impl Line, patience: Duration) -> Result<(), ClamdFault> {
    write(&mut line, b"zPING\0", patience).await?;
    match read_answer(&mut line).await?.as_slice() {
        b"PONG" => Ok(()),
        _ => Err(ClamdFault::Unusable("it is not PONG")),
    }
}

fn judge_early(answer: &[u8]) -> Result<Verdict, ClamdFault> {
    match judge(answer)? {
        Verdict::Clean => Err(ClamdFault::Unusable("it came before the end of the content")),
        infected => Ok(infected),
    }
}

async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    content: &mut dyn BlobReader,
    patience: Duration,
) -> Result<(), ClamdFault> {
    write(to, b"zINSTREAM\0", patience).await?;
    let mut chunk = Vec::new();
    while let Some(piece) = content.read().await? {
        // A chunk without bytes is the end.
        if piece.is_empty() {
            continue;
        }
        let length = u32::try_from(piece.len()).map_err(|_| ClamdFault::TooLarge)?;
        chunk.clear();
        chunk.extend_from_slice(&length.to_be_bytes());
        chunk.extend_from_slice(&piece);
        write(to, &chunk, patience).await?;
    }
    write(to, &[0; 4], patience).await
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], patience: Duration) -> Result<(), ClamdFault> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "it takes no bytes");
    timeout(patience, to.write_all(bytes)).await.unwrap_or_else(|_| Err(late())).map_err(ClamdFault::Left)
}

/// Reads to the byte that ends an answer. What follows it is not read.
async fn read_answer(from: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ClamdFault> {
    let (mut answer, mut piece) = (Vec::new(), [0; 512]);
    loop {
        let read = from.read(&mut piece).await.map_err(ClamdFault::Left)?;
        let read = &piece[..read];
        if read.is_empty() {
            return Err(ClamdFault::Left(io::ErrorKind::UnexpectedEof.into()));
        }
        let end = read.iter().position(|byte| *byte == 0);
        answer.extend_from_slice(&read[..end.unwrap_or(read.len())]);
        if answer.len() > LONGEST {
            return Err(ClamdFault::Unusable("it is too long"));
        }
        if end.is_some() {
            return Ok(answer);
        }
    }
}
