//! Where log lines go.

use std::{
    io::{self, BufWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How long lines are gathered after a write. Under load it saves a system call and a wake-up for almost every line; the
/// first line after a pause is written at once.
const GATHER: Duration = Duration::from_millis(1);
/// How much is written at once, bytes.
const BATCH: usize = 64 * 1024;

/// Writes what was handed over since the last flush at once, and then lets lines gather. For a writer thread of its own,
/// which flushes when it has nothing more to write. What cannot be written, because the disk is full, is kept for later
/// as far as it fits into one write; lines beyond that are lost and counted.
pub(crate) struct LogWriter<W: Write> {
    lines: BufWriter<W>,
    lost: Arc<AtomicU64>,
}

impl<W: Write> LogWriter<W> {
    /// Writes to this.
    pub(crate) fn new(to: W) -> Self {
        Self { lines: BufWriter::with_capacity(BATCH, to), lost: Arc::default() }
    }

    /// Counts the lines that could not be written.
    pub(crate) fn lost(&self) -> Arc<AtomicU64> {
        self.lost.clone()
    }
}

impl<W: Write> Write for LogWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.lines.write(bytes);
        // A line comes as a whole, and is tried again only after an interruption.
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        written
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

    /// A disk that is full, until it is not.
    #[derive(Clone, Default)]
    struct Disk {
        is_full: Arc<std::sync::atomic::AtomicBool>,
        text: Writes,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_full.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.text.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_kept_or_counted() {
        let disk = Disk::default();
        disk.is_full.store(true, Ordering::SeqCst);
        let mut writer = LogWriter::new(disk.clone());
        let lost = writer.lost();
        writer.write_all(b"kept\n").unwrap();
        assert!(writer.flush().is_err());
        let long = vec![b'x'; BATCH - 4];
        for _ in 0..3 {
            assert!(writer.write_all(&long).is_err());
        }
        assert_eq!(lost.load(Ordering::Relaxed), 3);
        disk.is_full.store(false, Ordering::SeqCst);
        writer.write_all(b"later\n").unwrap();
        writer.flush().unwrap();
        assert_eq!(disk.text.0.lock().unwrap().concat(), "kept\nlater\n");
    }
}
