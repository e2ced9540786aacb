//! The form in which the answer of a command is kept with its idempotency key.

use super::StoreError;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// An answer longer than this is compressed, in bytes. A shorter one gains less than the work costs.
const PLAIN: usize = 4 * 1024;

/// The level of compression. On an order of 200 lines, level 1 leaves about a quarter of the bytes. Level 6 leaves a
/// fifth and takes six times as long, while the unit of work holds its locks.
const LEVEL: u32 = 1;

/// The bytes before the compressed stream: the length of the answer.
const LENGTH: usize = size_of::<u32>();

/// An answer in the form in which a store keeps it. A store keeps the text or the bytes as they are, and returns the
/// same form.
///
/// An answer of more than 4 KiB is compressed, unless that makes it longer. So the kept form never has more bytes than
/// the answer. The bytes are the length of the answer (32 bits, big endian), and then the answer as a zlib stream
/// (RFC 1950), which ends with a checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptAnswer {
    /// The answer.
    Plain(String),
    /// The compressed answer.
    Compressed(Vec<u8>),
}

impl KeptAnswer {
    /// The greatest length of an answer that can be kept, in bytes: 2 MiB. The longest answer of Skep, an order of
    /// 1,000 lines with the longest names, has about half of it.
    pub const MOST: usize = 2 * 1024 * 1024;

    /// Makes the form to keep.
    ///
    /// # Errors
    /// `Corrupt` if the answer is longer than [`KeptAnswer::MOST`]. No answer of Skep is.
    pub fn of(answer: String) -> Result<Self, StoreError> {
        let bytes = answer.len();
        if bytes > Self::MOST {
            let most = Self::MOST;
            let text = format!("an answer of {bytes} bytes cannot be kept with an idempotency key: at most {most} can");
            return Err(StoreError::Corrupt(text.into()));
        }
        if bytes <= PLAIN {
            return Ok(Self::Plain(answer));
        }
        Ok(compress(&answer).map_or(Self::Plain(answer), Self::Compressed))
    }

    /// Reads the two columns of a store that keeps text and bytes apart. `None` if both are missing. If both are there,
    /// the text counts: a program that does not know the bytes has kept its own answer with the key again.
    #[must_use]
    pub fn stored(plain: Option<String>, compressed: Option<Vec<u8>>) -> Option<Self> {
        plain.map(Self::Plain).or_else(|| compressed.map(Self::Compressed))
    }

    /// The two columns of a store that keeps text and bytes apart. One of them is missing.
    #[must_use]
    pub fn columns(&self) -> (Option<&str>, Option<&[u8]>) {
        match self {
            Self::Plain(answer) => (Some(answer), None),
            Self::Compressed(bytes) => (None, Some(bytes)),
        }
    }

    /// Returns the answer, byte for byte. The result never has more than [`KeptAnswer::MOST`] bytes, also if the stored
    /// bytes are invalid.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are not those that [`KeptAnswer::of`] made.
    pub fn read(self) -> Result<String, StoreError> {
        match self {
            Self::Plain(answer) => Ok(answer),
            Self::Compressed(bytes) => decompress(&bytes),
        }
    }
}

/// The compressed answer; `None` if it does not have fewer bytes than the answer.
fn compress(answer: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(answer.len());
    bytes.extend_from_slice(&u32::try_from(answer.len()).ok()?.to_be_bytes());
    // Writes no more than the capacity, so the stream ends only if it fits.
    let mut stream = Compress::new(Compression::new(LEVEL), true);
    let status = stream.compress_vec(answer.as_bytes(), &mut bytes, FlushCompress::Finish).ok()?;
    (status == Status::StreamEnd && bytes.len() < answer.len()).then_some(bytes)
}

fn decompress(bytes: &[u8]) -> Result<String, StoreError> {
    let corrupt = |what: &'static str| StoreError::Corrupt(format!("a compressed answer {what}").into());
    let (length, stream) = bytes.split_first_chunk::<LENGTH>().ok_or_else(|| corrupt("has no length"))?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > KeptAnswer::MOST {
        return Err(corrupt("claims to be longer than any answer"));
    }
    let mut answer = vec![0; length];
    let mut inflate = Decompress::new(true);
    let status = inflate.decompress(stream, &mut answer, FlushDecompress::Finish).map_err(StoreError::unreadable)?;
    let is_whole = usize::try_from(inflate.total_out()) == Ok(length);
    if status != Status::StreamEnd || !is_whole || usize::try_from(inflate.total_in()) != Ok(stream.len()) {
        return Err(corrupt("does not have the length that it claims"));
    }
    String::from_utf8(answer).map_err(StoreError::unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_corrupt(bytes: Vec<u8>) -> bool {
        matches!(KeptAnswer::Compressed(bytes).read(), Err(StoreError::Corrupt(_)))
    }

    /// A compressed stream after this length.
    fn bytes_of(length: usize, content: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        bytes.reserve(content.len() + 1_000);
        let mut stream = Compress::new(Compression::new(LEVEL), true);
        assert_eq!(stream.compress_vec(content, &mut bytes, FlushCompress::Finish).unwrap(), Status::StreamEnd);
        bytes
    }

    /// Text of any length around the bounds: it repeats itself, or it is random and so hard to compress.
    fn answers() -> impl Strategy<Value = String> {
        let repeated = ("\\PC{1,40}", 0_usize..3_000).prop_map(|(text, times)| text.repeat(times));
        let random = prop::collection::vec(any::<char>(), 0..3_000).prop_map(String::from_iter);
        prop_oneof![repeated, random]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn an_answer_is_read_as_it_was_and_never_takes_more_bytes(answer in answers()) {
            let kept = KeptAnswer::of(answer.clone()).unwrap();
            let (plain, compressed) = kept.columns();
            let bytes = plain.map_or(0, str::len) + compressed.map_or(0, <[u8]>::len);
            prop_assert!(bytes <= answer.len() && plain.is_some() != compressed.is_some());
            prop_assert!(plain.is_some() || answer.len() > PLAIN);
            let stored = KeptAnswer::stored(plain.map(str::to_owned), compressed.map(<[u8]>::to_vec));
            prop_assert_eq!(stored.as_ref(), Some(&kept));
            prop_assert_eq!(kept.read().unwrap(), answer);
        }

        #[test]
        fn bytes_that_are_cut_or_changed_never_give_another_answer(place in any::<prop::sample::Index>(), flip in 1_u8..) {
            let answer = "honey ".repeat(1_000);
            let KeptAnswer::Compressed(bytes) = KeptAnswer::of(answer.clone()).unwrap() else {
                return Err(TestCaseError::fail("a long answer is compressed"));
            };
            let place = place.index(bytes.len());
            prop_assert!(is_corrupt(bytes[..place].to_vec()), "cut at {}", place);
            let mut changed = bytes;
            changed[place] ^= flip;
            // Some changes of the header have no meaning.
            let read = KeptAnswer::Compressed(changed).read();
            prop_assert!(read.is_err() || read.unwrap() == answer, "{} changed at {}", flip, place);
        }
    }

    #[test]
    fn only_an_answer_above_four_kibibytes_is_compressed() {
        let at_most = "a".repeat(PLAIN);
        assert_eq!(KeptAnswer::of(at_most.clone()).unwrap(), KeptAnswer::Plain(at_most));
        let KeptAnswer::Compressed(bytes) = KeptAnswer::of("a".repeat(PLAIN + 1)).unwrap() else { panic!("plain") };
        assert!(bytes.len() < 100, "{} bytes", bytes.len());
    }

    #[test]
    fn an_answer_that_is_too_long_is_refused_with_its_length() {
        assert!(KeptAnswer::of("a".repeat(KeptAnswer::MOST)).is_ok());
        let Err(StoreError::Corrupt(cause)) = KeptAnswer::of("a".repeat(KeptAnswer::MOST + 1)) else { panic!("kept") };
        let text = "an answer of 2097153 bytes cannot be kept with an idempotency key: at most 2097152 can";
        assert_eq!(cause.to_string(), text);
    }

    #[test]
    fn a_stream_that_is_longer_than_it_claims_is_corrupt() {
        let bomb = vec![b'a'; KeptAnswer::MOST + 1];
        assert!(bytes_of(bomb.len(), &bomb).len() < 20_000, "the bytes are few");
        assert!(is_corrupt(bytes_of(bomb.len(), &bomb)));
        assert!(is_corrupt(bytes_of(KeptAnswer::MOST, &bomb)));
        assert!(is_corrupt(bytes_of(0, &bomb)));
        assert!(is_corrupt(u32::MAX.to_be_bytes().to_vec()));
        assert!(!is_corrupt(bytes_of(KeptAnswer::MOST, &bomb[1..])));
    }

    #[test]
    fn bytes_after_the_stream_and_bytes_that_are_no_text_are_corrupt() {
        assert!(is_corrupt([bytes_of(5, b"honey"), vec![0]].concat()));
        assert!(is_corrupt(bytes_of(1, b"\xff")));
        assert!(!is_corrupt(bytes_of(5, b"honey")));
    }

    #[test]
    fn of_both_columns_the_text_counts() {
        let both = KeptAnswer::stored(Some("new".to_owned()), Some(vec![1]));
        assert_eq!(both, Some(KeptAnswer::Plain("new".to_owned())));
        assert_eq!(KeptAnswer::stored(None, None), None);
    }
}
