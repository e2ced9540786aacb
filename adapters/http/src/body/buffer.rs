//! Reads a whole body into one piece of memory.

use crate::problem::{Problem, code, from_body_io};
use bytes::Bytes;
use http_body_util::{BodyExt as _, combinators::BoxBody};
use hyper::body::Body as _;
use std::io;

/// The first size of a buffer, in bytes. The body of most requests fits.
const LEAST: usize = 1 << 10;

/// Reads the body. Its pieces are copied into one buffer: each piece by itself would need far more memory than its
/// bytes, and would keep the buffer of the connection alive. A body of one piece is not copied.
///
/// # Errors
/// 413 if it has more than `limit` bytes, and the problem of a body that did not arrive.
pub(super) async fn read_whole(mut body: BoxBody<Bytes, io::Error>, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers are ignored.
        let Ok(piece) = frame.map_err(|error| from_body_io(&error))?.into_data() else { continue };
        let size = whole.len() + piece.len();
        if size > limit {
            return Err(Problem::of(code::BODY_TOO_LARGE));
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(piece);
        }
        reserve(&mut whole, size, limit);
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

/// Makes room for `size` bytes, and for more to come, but never for more than `limit`.
fn reserve(whole: &mut Vec<u8>, size: usize, limit: usize) {
    if size > whole.capacity() {
        let wanted = (whole.capacity() * 2).max(LEAST).min(limit).max(size);
        whole.reserve_exact(wanted - whole.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    fn body(pieces: Vec<Bytes>) -> BoxBody<Bytes, io::Error> {
        BoxBody::new(StreamBody::new(stream::iter(pieces.into_iter().map(|piece| Ok(Frame::data(piece))))))
    }

    #[tokio::test]
    async fn pieces_become_one_text() {
        let pieces = ["{", "", "\"a\"", ":1}"].map(Bytes::from);
        assert_eq!(read_whole(body(pieces.into()), 7).await.unwrap(), "{\"a\":1}");
        assert!(read_whole(body(vec![]), 7).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn more_bytes_than_the_limit_are_refused() {
        let pieces = vec![Bytes::from_static(b"123"); 3];
        assert_eq!(read_whole(body(pieces), 8).await.unwrap_err().code(), "body_too_large");
    }

    /// The pieces share one allocation, as they do when they come from a connection.
    #[tokio::test]
    async fn no_piece_keeps_the_buffer_of_the_connection_alive() {
        let connection = Bytes::from(vec![b'a'; 3_000]);
        let pieces = (0..3_000).map(|at| connection.slice(at..=at)).collect();
        let whole = read_whole(body(pieces), 1 << 20).await.unwrap();
        assert_eq!((whole.len(), connection.is_unique()), (3_000, true));
    }

    #[test]
    fn the_buffer_grows_to_the_limit_and_not_beyond() {
        let limit = 10_000;
        let mut whole = Vec::new();
        for _ in 0..limit {
            let size = whole.len() + 1;
            reserve(&mut whole, size, limit);
            whole.push(b'a');
        }
        assert!(whole.capacity() <= limit, "{}", whole.capacity());
    }
}
