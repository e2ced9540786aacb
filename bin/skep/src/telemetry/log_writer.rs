//! The writer of log lines.

use std::{
    io::{self, BufWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How long lines are collected after a write. Under load this saves a system call and a wake-up for almost every line.
/// The first line after a pause is written at once.
const GATHER: Duration = Duration::from_millis(1);
/// The most bytes of one write.
const BATCH: usize = 64 * 1024;

/// Writes all lines since the last flush together, and then collects lines for a while. It needs a writer thread of its
/// own, which flushes when it has nothing more to write. Lines that cannot be written, because the disk is full, are kept
/// for later as far as they fit into one write. Lines beyond that are lost and counted.
pub(crate) struct LogWriter<W: Write> {
    lines: BufWriter<W>,
    lost: Arc<AtomicU64>,
}

impl<W: Write> LogWriter<W> {
    /// A writer to this output.
    pub(crate) fn new(to: W) -> Self {
        Self { lines: BufWriter::with_capacity(BATCH, to), lost: Arc::default() }
    }

    /// The number of lines that could not be written.
    pub(crate) fn lost(&self) -> Arc<AtomicU64> {
        self.lost.clone()
    }
}

impl<W: Write> Write for LogWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.lines.write(bytes);
        // The caller passes whole lines, and repeats a call only after an interruption.
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

    /// Keeps each write.
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

    /// A disk that is full until the flag is cleared.
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
