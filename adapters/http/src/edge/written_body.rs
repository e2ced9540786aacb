//! The body of an answer while it is written.
//!
//! What an answer holds is counted by its length, so its memory must not be much larger. A vector that doubles can take
//! twice the length, and leaves a block of each size behind, which the allocator keeps for each thread for a while. So a
//! long body is written in blocks of one size, and joined at the end.

use std::io::{self, Write};

/// The length of a block. A shorter body is in a vector that doubles.
const BLOCK: usize = 32 << 10;

/// The capacity with which a body begins. Most answers with one resource fit.
const USUAL: usize = 1 << 10;

/// The most memory that a body may take beside its bytes.
const SPARE: usize = 8 << 10;

/// Takes the bytes of a body.
pub(crate) struct WrittenBody {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl WrittenBody {
    pub(crate) fn new() -> Self {
        Self { full: vec![], last: Vec::with_capacity(USUAL) }
    }

    /// Writes bytes for which the last block has no room.
    #[cold]
    fn write_over(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.last.len() == BLOCK {
                self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(BLOCK)));
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(BLOCK - self.last.len()));
            self.last.extend_from_slice(taken);
            bytes = rest;
        }
    }

    /// The body, in one piece.
    pub(crate) fn finish(self) -> Vec<u8> {
        let Self { mut full, last } = self;
        // Not `shrink_to_fit`: mimalloc leaves a block as it is while half of it is in use.
        if full.is_empty() && last.capacity() - last.len() <= SPARE {
            return last;
        }
        full.push(last);
        full.concat()
    }
}

impl Write for WrittenBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    /// A serializer writes a few bytes at a time, a hundred times for one product of a list. Most of them take this short
    /// way, which is compiled into the serializer.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() <= BLOCK - self.last.len() {
            self.last.extend_from_slice(bytes);
        } else {
            self.write_over(bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_what_was_written_and_has_little_other_memory() {
        for length in [0, 1, USUAL, 16_500, BLOCK, BLOCK + 1, 530_000, 1 << 20] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            for step in [7, 5_000, 1 << 20] {
                let mut body = WrittenBody::new();
                bytes.chunks(step).for_each(|piece| body.write_all(piece).unwrap());
                let body = body.finish();
                assert!(body == bytes && body.capacity() <= length + SPARE, "{length}: {}", body.capacity());
            }
        }
    }
}
