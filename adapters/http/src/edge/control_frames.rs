//! The HTTP/2 frames that carry no request, such as SETTINGS, PRIORITY and WINDOW_UPDATE, and those that carry next to
//! nothing of a body. They take no units of any limit, and h2 works on as many as arrive. It also keeps an entry for
//! each frame of a body, even an empty one, until a handler reads it. So a connection that sends too many of them is read
//! more slowly.

use super::body_limits::SMALL_PIECE;
use std::time::Duration;
use tokio::time::Instant;

/// The number of such frames that a connection may send in each [`PERIOD`], beside those that its requests and their
/// answers need.
const FREE: u32 = 1_000;
const PERIOD: Duration = Duration::from_secs(1);

/// The number of such frames that a connection may send for each request.
const PER_REQUEST: u32 = 8;

/// The bytes of answers for which a connection may send one such frame. A client that reads opens its windows again.
const BYTES_PER_FRAME: usize = 4 << 10;

/// The greatest number of frames that requests and answers can add up to.
const MOST: u32 = 100 * FREE;

/// What a client sends first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The length of the head of a frame (RFC 9113, 4.1).
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

#[derive(Debug)]
enum State {
    /// As many bytes of the preface have arrived.
    Preface(usize),
    /// As many bytes of a frame's head have arrived. The first four are kept: the length and the type.
    Head([u8; 4], usize),
    /// As many bytes of a frame are left.
    Payload(usize),
    /// The connection does not use HTTP/2.
    Off,
}

/// Counts the frames of one connection.
#[derive(Debug)]
pub(crate) struct ControlFrames {
    state: State,
    /// The number of frames that may follow.
    left: u32,
    /// The bytes that were written and have not added a frame yet.
    written: usize,
    since: Instant,
}

impl ControlFrames {
    pub(crate) fn new() -> Self {
        Self { state: State::Preface(0), left: FREE, written: 0, since: Instant::now() }
    }

    /// Reads the next bytes of the connection. Returns the time until which nothing more should be read.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Option<Instant> {
        let mut frames = 0;
        while let Some((first, rest)) = bytes.split_first() {
            bytes = match &mut self.state {
                State::Off => break,
                State::Preface(had) => {
                    let matches = PREFACE.get(*had) == Some(first);
                    let is_whole = *had + 1 == PREFACE.len();
                    self.state = match (matches, is_whole) {
                        (false, _) => State::Off,
                        (true, true) => State::Head([0; 4], 0),
                        (true, false) => State::Preface(*had + 1),
                    };
                    rest
                }
                State::Head(kept, had) => {
                    if let Some(place) = kept.get_mut(*had) {
                        *place = *first;
                    }
                    *had += 1;
                    if *had == HEAD {
                        let [high, middle, low, kind] = *kept;
                        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).unwrap_or(usize::MAX);
                        frames += self.count(kind, length);
                        self.state = match length {
                            0 => State::Head([0; 4], 0),
                            length => State::Payload(length),
                        };
                    }
                    rest
                }
                State::Payload(left) => {
                    let step = bytes.len().min(*left);
                    *left -= step;
                    if *left == 0 {
                        self.state = State::Head([0; 4], 0);
                    }
                    &bytes[step..]
                }
            };
        }
        if frames == 0 { None } else { self.take(frames) }
    }

    /// Notes that bytes of answers were written.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        if !matches!(self.state, State::Off) {
            self.written += bytes;
            self.add(u32::try_from(self.written / BYTES_PER_FRAME).unwrap_or(MOST));
            self.written %= BYTES_PER_FRAME;
        }
    }

    /// The number of frames that a frame of this type and length counts: none if it carries a part of a request.
    fn count(&mut self, kind: u8, length: usize) -> u32 {
        match kind {
            HEADERS => {
                self.add(PER_REQUEST);
                0
            }
            DATA if length < SMALL_PIECE => 1,
            DATA | CONTINUATION => 0,
            _ => 1,
        }
    }

    fn add(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(MOST);
    }

    fn take(&mut self, frames: u32) -> Option<Instant> {
        let now = Instant::now();
        if now.duration_since(self.since) >= PERIOD {
            self.since = now;
            self.left = self.left.max(FREE);
        }
        self.left = self.left.saturating_sub(frames);
        (self.left == 0).then(|| self.since + PERIOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: u8 = 4;

    /// Frames of this type and length.
    fn frames(kind: u8, length: u8, count: usize) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
        frame.resize(HEAD + usize::from(length), 0xff);
        frame.repeat(count)
    }

    /// Frames of a body that are not small.
    fn large_data(count: usize) -> Vec<u8> {
        let mut frame = vec![0, 1, 0, DATA, 0, 0, 0, 0, 0];
        frame.resize(HEAD + SMALL_PIECE, 0xff);
        frame.repeat(count)
    }

    fn begun() -> ControlFrames {
        let mut counted = ControlFrames::new();
        assert_eq!(counted.feed(PREFACE), None);
        counted
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_too_many_frames_waits_for_the_next_period() {
        let (mut counted, start) = (begun(), Instant::now());
        assert_eq!(counted.feed(&frames(SETTINGS, 6, 999)), None);
        assert_eq!(counted.feed(&frames(SETTINGS, 0, 1)), Some(start + PERIOD));
        tokio::time::advance(PERIOD).await;
        assert_eq!(counted.feed(&frames(SETTINGS, 0, 999)), None);
        assert_eq!(counted.feed(&frames(SETTINGS, 0, 5_000)), Some(start + 2 * PERIOD));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_and_answers_allow_further_frames() {
        let mut counted = begun();
        assert_eq!(counted.feed(&frames(HEADERS, 40, 500)), None);
        assert_eq!(counted.feed(&large_data(5_000)), None);
        counted.wrote(BYTES_PER_FRAME - 1);
        counted.wrote(1 + 100 * BYTES_PER_FRAME);
        assert_eq!(counted.feed(&frames(8, 4, 1_000 + 500 * 8 + 100)), None);
        assert!(counted.feed(&frames(8, 4, 1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_found_wherever_the_bytes_are_cut() {
        for size in [1, 2, 5, 9, 13, 4_000] {
            let (mut counted, mut paused) = (ControlFrames::new(), 0);
            let bytes = [&PREFACE[..], &frames(SETTINGS, 18, 500), &large_data(3), &frames(6, 8, 500)].concat();
            for part in bytes.chunks(size) {
                paused += usize::from(counted.feed(part).is_some());
            }
            assert_eq!((paused, counted.left), (1, 0), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_with_next_to_nothing_of_a_body_count() {
        for length in [0, 1, 255] {
            let mut counted = begun();
            assert_eq!(counted.feed(&frames(DATA, length, 999)), None);
            assert!(counted.feed(&frames(DATA, length, 1)).is_some(), "{length}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_protocols_are_not_counted() {
        let mut counted = ControlFrames::new();
        assert_eq!(counted.feed(b"PRI * HTTP/1.1\r\n"), None);
        assert_eq!(counted.feed(&frames(SETTINGS, 0, 5_000)), None);
        assert!(matches!(counted.state, State::Off));
    }
}
