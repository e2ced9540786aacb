//! The limits of request bodies: those that hold for the whole process, and those that an operation declares.

use std::time::Duration;

const KIB: u64 = 1 << 10;

/// A piece of a body below this size, in bytes, is a small one.
pub(crate) const SMALL_PIECE: usize = 256;

/// The limit of the bodies of one operation. The operation declares it, and the limits of the server hold as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit {
    /// The greatest size in bytes. A larger body is answered 413.
    pub bytes: u64,
    /// The time for the whole body, from its first read. After it, the request is answered 408.
    pub time: Duration,
    /// The least rate of a body that is passed on while it arrives, in bytes per second. Each byte gives its sender so
    /// much more time, and only a part of the body counts as memory. The size of such a body is not limited by that of
    /// the server. `None` for a body that is kept in memory as a whole.
    pub least_rate: Option<u64>,
}

impl BodyLimit {
    /// A limit in KiB and in seconds.
    #[must_use]
    pub const fn new(kib: u64, seconds: u64) -> Self {
        Self { bytes: kib * KIB, time: Duration::from_secs(seconds), least_rate: None }
    }

    /// The limit of a body that is passed on while it arrives: in KiB, in seconds, and in KiB per second.
    #[must_use]
    pub const fn streamed(kib: u64, seconds: u64, least_kib: u64) -> Self {
        Self { least_rate: Some(least_kib * KIB), ..Self::new(kib, seconds) }
    }

    /// The smaller values of two limits.
    pub(crate) fn min(self, other: Self) -> Self {
        let bytes = if self.least_rate.is_some() { self.bytes } else { self.bytes.min(other.bytes) };
        Self { bytes, time: self.time.min(other.time), least_rate: self.least_rate }
    }

    /// The time that a body takes longer than a request may take, because it is passed on while it arrives.
    pub(crate) fn longest(self) -> Duration {
        match self.least_rate {
            None => Duration::ZERO,
            Some(_) => self.time + earned(self.least_rate, self.bytes),
        }
    }
}

/// The time that so many bytes give their sender at this least rate.
pub(super) fn earned(least_rate: Option<u64>, bytes: u64) -> Duration {
    let micros = |rate: u64| u64::try_from(u128::from(bytes) * 1_000_000 / u128::from(rate.max(1))).unwrap_or(u64::MAX);
    least_rate.map_or(Duration::ZERO, |rate| Duration::from_micros(micros(rate)))
}

/// The limits of request bodies that hold for the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The number of received bytes that unanswered requests may hold together. The requests of one network may hold a
    /// quarter of it: those of one IPv4 address, or of one IPv6 /48. A request above a limit is answered 503. The
    /// memory in use is a small multiple, because a body is also parsed. Default: 64 MiB.
    pub memory_bytes: u64,
    /// The number of pieces below 256 bytes that a body may have more than it has larger ones. A piece is a chunk, an
    /// HTTP/2 frame, or a part of one. Each costs time, however small it is. A body above the limit is answered 400.
    /// Default: 4,096.
    pub small_pieces: u32,
    /// The greatest rest of a body, in bytes, that is read and discarded so that the connection can be used again. It
    /// is for answers that need no body, such as 401. If more is left, the answer says `Connection: close`. Default:
    /// 64 KiB.
    pub unread_bytes: u64,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, small_pieces: 4_096, unread_bytes: 64 << 10 }
    }
}
