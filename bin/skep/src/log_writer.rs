//! Where log lines go.

use std::{
    io::{self, BufWriter, Write},
    thread,
    time::Duration,
};

/// How long lines are gathered after a write. Under load it saves a system call and a wake-up for almost every line; the
/// first line after a pause is written at once.
const GATHER: Duration = Duration::from_millis(1);
/// How much is written at once, bytes.
const BATCH: usize = 64 * 1024;

/// Writes what was handed over since the last flush at once, and then lets lines gather. For a writer thread of its own,
/// which flushes when it has nothing more to write.
pub(crate) struct LogWriter<W: Write> {
    lines: BufWriter<W>,
}

impl<W: Write> LogWriter<W> {
    /// Writes to this.
    pub(crate) fn new(to: W) -> Self {
        Self { lines: BufWriter::with_capacity(BATCH, to) }
    }
}

impl<W: Write> Write for LogWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.lines.flush();
        thread::sleep(GATHER);
        flushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Remembers each write.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_between_two_flushes_are_one_write() {
        let writes = Writes::default();
        let mut writer = LogWriter::new(writes.clone());
        for line in ["one\n", "two\n"] {
            writer.write_all(line.as_bytes()).unwrap();
        }
        writer.flush().unwrap();
        writer.write_all(b"three\n").unwrap();
        writer.flush().unwrap();
        assert_eq!(*writes.0.lock().unwrap(), ["one\ntwo\n", "three\n"]);
    }
}
