//! The parts of two wire protocols that are needed to recognize a commit.

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The protocol of PostgreSQL, version 3.
    Postgres,
    /// The protocol of MongoDB, with OP_MSG.
    Mongo,
}

/// A message of a client.
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    /// Whether the client waits for an answer to it.
    pub(crate) is_request: bool,
    /// Whether it asks for a commit.
    pub(crate) is_commit: bool,
}

/// Splits the bytes of a client into messages.
pub(crate) struct Frames {
    wire: Wire,
    buffer: Vec<u8>,
    /// Whether messages have a type byte. The first messages of a PostgreSQL client have none.
    started: bool,
}

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const OP_MSG: u32 = 2013;
/// The offset of the first element's name in an OP_MSG: after the header, the flags, the kind of the section, the
/// length of the document and the type of the element.
const FIRST_NAME: usize = 16 + 4 + 1 + 4 + 1;

impl Frames {
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, buffer: vec![], started: wire == Wire::Mongo }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub(crate) fn next(&mut self) -> Option<Frame> {
        match self.wire {
            Wire::Mongo => self.next_of_mongo(),
            Wire::Postgres => self.next_of_postgres(),
        }
    }

    fn word(&self, at: usize) -> Option<[u8; 4]> {
        self.buffer.get(at..at + 4)?.try_into().ok()
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        (self.buffer.len() >= length).then(|| self.buffer.drain(..length).collect())
    }

    fn next_of_mongo(&mut self) -> Option<Frame> {
        let length = u32::from_le_bytes(self.word(0)?);
        let bytes = self.take(length as usize)?;
        let opcode = bytes.get(12..16).and_then(|code| code.try_into().ok()).map(u32::from_le_bytes);
        let name = (opcode == Some(OP_MSG)).then(|| command(&bytes)).flatten().unwrap_or_default();
        let is_request = opcode == Some(OP_MSG) && !name.eq_ignore_ascii_case("hello") && name != "isMaster";
        Some(Frame { is_request, is_commit: name == "commitTransaction", bytes })
    }

    fn next_of_postgres(&mut self) -> Option<Frame> {
        if !self.started {
            let length = u32::from_be_bytes(self.word(0)?);
            let code = u32::from_be_bytes(self.word(4)?);
            let bytes = self.take(length as usize)?;
            self.started = !matches!(code, SSL_REQUEST | GSS_REQUEST);
            return Some(Frame { bytes, is_request: false, is_commit: false });
        }
        let length = u32::from_be_bytes(self.word(1)?);
        let bytes = self.take(1 + length as usize)?;
        // The text of a simple query, or of an extended one, which follows the name of the statement.
        let text = match bytes[0] {
            b'Q' => &bytes[5..],
            b'P' => bytes[5..].splitn(2, |byte| *byte == 0).nth(1).unwrap_or_default(),
            _ => &[],
        };
        let is_commit = text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"commit"));
        Some(Frame { is_request: matches!(bytes[0], b'Q' | b'S'), is_commit, bytes })
    }
}

fn command(bytes: &[u8]) -> Option<String> {
    let name = bytes.get(FIRST_NAME..)?.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(name).ok().map(str::to_owned)
}

/// The document in the body of an OP_MSG.
pub(crate) fn document(bytes: &[u8]) -> Option<bson::Document> {
    bson::Document::from_reader(bytes.get(FIRST_NAME - 5..)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    fn message(document: &bson::Document) -> Vec<u8> {
        let body = document.to_vec().unwrap();
        let length = u32::try_from(16 + 4 + 1 + body.len()).unwrap();
        [&length.to_le_bytes()[..], &[0; 8], &OP_MSG.to_le_bytes(), &[0; 4], &[0], &body].concat()
    }

    #[test]
    fn a_commit_of_postgresql_is_seen_however_it_is_sent_and_cut() {
        let startup = [&8_u32.to_be_bytes()[..], &SSL_REQUEST.to_be_bytes()].concat();
        let hello = [&9_u32.to_be_bytes()[..], &196_608_u32.to_be_bytes(), &[0]].concat();
        let sent = [
            startup,
            hello,
            typed(b'Q', b"BEGIN\0"),
            typed(b'P', b"s1\0INSERT INTO commits VALUES ($1)\0\0\0"),
            typed(b'S', b""),
            typed(b'Q', b"COMMIT\0"),
            typed(b'P', b"\0commit\0\0\0"),
        ]
        .concat();
        for size in [1, 3, sent.len()] {
            let mut frames = Frames::new(Wire::Postgres);
            let mut seen = Vec::new();
            let mut passed = Vec::new();
            for part in sent.chunks(size) {
                frames.push(part);
                while let Some(frame) = frames.next() {
                    seen.push((frame.is_request, frame.is_commit));
                    passed.extend(frame.bytes);
                }
            }
            let (no, request) = ((false, false), (true, false));
            assert_eq!(seen, [no, no, request, no, request, (true, true), (false, true)]);
            assert_eq!(passed, sent);
        }
    }

    #[test]
    fn a_commit_of_mongodb_is_seen_with_its_session() {
        let commit = message(&bson::doc! { "commitTransaction": 1, "lsid": { "id": 7 } });
        let mut frames = Frames::new(Wire::Mongo);
        frames.push(&message(&bson::doc! { "hello": 1 }));
        frames.push(&message(&bson::doc! { "insert": "commitTransaction" }));
        frames.push(&commit);
        let seen: Vec<_> = std::iter::from_fn(|| frames.next()).collect();
        let kinds: Vec<_> = seen.iter().map(|frame| (frame.is_request, frame.is_commit)).collect();
        assert_eq!(kinds, [(false, false), (true, false), (true, true)]);
        assert_eq!(document(&commit).unwrap().get_document("lsid").unwrap().get_i32("id").unwrap(), 7);
    }
}
