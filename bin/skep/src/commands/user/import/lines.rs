//! The lines of a file, one at a time.

use std::io::{self, BufRead, Read as _};

/// The longest line. No account needs as much.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// Some programs begin a file in UTF-8 with it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line that is not empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Vec<u8>),
    /// Its bytes were read and dropped.
    TooLong,
}

/// Reads lines, and holds one of them at most. Empty lines are counted and skipped.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line, or `None` at the end.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = vec![];
        let longest = MAX_BYTES as u64 + 2;
        let read = (&mut self.reader).take(longest).read_until(b'\n', &mut line)?;
        if line.pop_if(|last| *last == b'\n').is_none() && read as u64 == longest {
            self.reader.skip_until(b'\n')?;
        }
        Ok((read > 0).then_some(line))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<(u64, Line)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut line = match self.read() {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            self.number += 1;
            if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            if line.len() > MAX_BYTES {
                return Some(Ok((self.number, Line::TooLong)));
            }
            if !line.trim_ascii().is_empty() {
                return Some(Ok((self.number, Line::Whole(line))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Line)> {
        // A small buffer, so that lines are longer than it.
        Lines::new(io::BufReader::with_capacity(7, text)).collect::<io::Result<_>>().unwrap()
    }

    fn whole(number: u64, text: &str) -> (u64, Line) {
        (number, Line::Whole(text.into()))
    }

    #[test]
    fn lines_are_counted_and_empty_ones_skipped() {
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n\n"), []);
        assert_eq!(read(b"one\n\n \r\ntwo\r\nlast"), [whole(1, "one"), whole(4, "two\r"), whole(5, "last")]);
        assert_eq!(read("\u{feff}one\n\u{feff}two\n".as_bytes()), [whole(1, "one"), whole(2, "\u{feff}two")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_dropped_and_the_next_one_read() {
        let longest = "x".repeat(MAX_BYTES);
        for more in ["y", "yy", "yyy", &"y".repeat(100_000)] {
            let text = format!("{longest}\n{longest}{more}\nnext\n{longest}{more}");
            let lines = [whole(1, &longest), (2, Line::TooLong), whole(3, "next"), (4, Line::TooLong)];
            assert_eq!(read(text.as_bytes()), lines, "{}", more.len());
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_not_held() {
        let mut lines = Lines::new(io::BufReader::new(io::repeat(b'x').take(1 << 26)));
        let line = lines.read().unwrap().unwrap();
        assert!(line.capacity() <= 4 * MAX_BYTES, "{}", line.capacity());
    }
}
