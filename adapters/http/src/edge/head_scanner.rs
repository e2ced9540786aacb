//! Reads the heads of HTTP/1 requests beside hyper, for what a service cannot see.
//!
//! A head may have both `Transfer-Encoding` and `Content-Length`. Servers read such a request in different ways, so it
//! can smuggle another one past a proxy (RFC 9112 §6.1). hyper drops `Content-Length` before the request reaches a
//! service. A request target may have a fragment, which the library cuts off. And hyper says nothing about a head that
//! it refuses.

/// The number of bytes that are kept of a line: enough for `content-length: ` and the longest number, and for `origin: `
/// and the longest origin.
const LINE_START: usize = 300;

/// What a head must not have, and what its parts do not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadFaults {
    /// Both length fields.
    pub(crate) conflict: bool,
    /// A fragment in the request target (RFC 9112, 3.2).
    pub(crate) fragment: bool,
}

/// The state of the scanner after some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Whether a head has begun and not ended.
    pub(crate) mid_head: bool,
    /// The faults of all heads so far.
    pub(crate) faults: HeadFaults,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Head,
    /// A body of which this many bytes are left.
    Body(u64),
    /// No other head can follow: HTTP/2, or a chunked body, after which the service closes the connection.
    Off,
}

/// Splits a byte stream into heads and bodies without copying it. Only the start of a line that is not complete yet is
/// kept.
#[derive(Debug)]
pub(crate) struct HeadScanner {
    state: State,
    carry: Vec<u8>,
    /// The number of lines of the current head so far, with the request line.
    lines: u32,
    transfer_encoding: bool,
    content_length: Option<u64>,
    has_length: bool,
    /// Whether the request target of the current head has begun.
    in_target: bool,
    /// Whether the method of the head that began last is HEAD.
    is_head: bool,
    /// The origin of the head that began last.
    origin: Option<Vec<u8>>,
    faults: HeadFaults,
}

impl HeadScanner {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Head,
            carry: Vec::new(),
            lines: 0,
            transfer_encoding: false,
            content_length: None,
            has_length: false,
            in_target: false,
            is_head: false,
            origin: None,
            faults: HeadFaults::default(),
        }
    }

    /// Whether the head that began last is one of a HEAD request. If hyper refuses a head, it is this one, unless the
    /// client has sent more requests behind it.
    pub(crate) fn is_head(&self) -> bool {
        if self.lines == 0 && !self.carry.is_empty() { is_head(&self.carry) } else { self.is_head }
    }

    /// The value of `Origin` in the head that began last, as far as it was received. `None` also if it is repeated.
    pub(crate) fn origin(&self) -> Option<&[u8]> {
        self.origin.as_deref().filter(|origin| !origin.is_empty())
    }

    /// Reads the next bytes of the connection.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Scan {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Head => self.head(bytes),
                State::Body(left) => {
                    let step = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left - step as u64;
                    self.state = if left == 0 { State::Head } else { State::Body(left) };
                    &bytes[step..]
                }
                State::Off => break,
            };
        }
        Scan { mid_head: self.state == State::Head && (self.lines > 0 || !self.carry.is_empty()), faults: self.faults }
    }

    /// Reads one line, or all bytes if they have no end of line, and returns the rest.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        if self.lines == 0 {
            self.request_line(&bytes[..end.unwrap_or(bytes.len())]);
        }
        let Some(end) = end else {
            self.keep(bytes);
            return &[];
        };
        if self.carry.is_empty() {
            self.line(&bytes[..end]);
        } else {
            self.keep(&bytes[..end]);
            let carry = std::mem::take(&mut self.carry);
            self.line(&carry);
            self.carry = carry;
            self.carry.clear();
        }
        &bytes[end + 1..]
    }

    /// Reads a part of the request line, of which only the start is kept.
    fn request_line(&mut self, part: &[u8]) {
        let method = if self.in_target { Some(0) } else { part.iter().position(|byte| *byte == b' ') };
        if let Some(method) = method {
            self.in_target = true;
            self.faults.fragment |= part[method..].contains(&b'#');
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_START.saturating_sub(self.carry.len());
        self.carry.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            // Empty lines before a request line are allowed.
            if self.lines > 0 {
                self.end_of_head();
            }
            return;
        }
        self.lines += 1;
        if self.lines == 1 {
            (self.in_target, self.is_head, self.origin) = (false, is_head(line), None);
            if line == b"PRI * HTTP/2.0" {
                self.state = State::Off;
            }
            return;
        }
        match line[0] {
            b't' | b'T' if field(line, b"transfer-encoding").is_some() => {
                self.transfer_encoding = true;
            }
            b'c' | b'C' => {
                if let Some(value) = field(line, b"content-length") {
                    self.has_length = true;
                    self.content_length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
                }
            }
            b'o' | b'O' if line.len() < LINE_START => {
                if let Some(value) = field(line, b"origin") {
                    // An empty value stands for a repeated one.
                    let is_first = self.origin.is_none();
                    self.origin = Some(if is_first { value.trim_ascii().to_owned() } else { vec![] });
                }
            }
            _ => {}
        }
    }

    fn end_of_head(&mut self) {
        self.state = match (self.transfer_encoding, self.has_length, self.content_length) {
            (true, has_length, _) => {
                self.faults.conflict |= has_length;
                State::Off
            }
            (false, false, _) | (_, _, Some(0)) => State::Head,
            (false, true, Some(length)) => State::Body(length),
            // The length is not a number, and hyper refuses the message. Or the line is longer than what is kept, and
            // the end of the body is unknown. In both cases nothing later on this connection can be trusted.
            (false, true, None) => {
                self.faults.conflict = true;
                State::Off
            }
        };
        self.lines = 0;
        self.transfer_encoding = false;
        self.content_length = None;
        self.has_length = false;
    }
}

fn is_head(request_line: &[u8]) -> bool {
    request_line.starts_with(b"HEAD ")
}

/// The value of a header line, if the header has this name. `name` is in lower case.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans the text as a whole and byte by byte. Both must give the same result.
    fn scan(text: &str) -> Scan {
        let whole = HeadScanner::new().feed(text.as_bytes());
        let mut scanner = HeadScanner::new();
        let mut last = Scan::default();
        for byte in text.as_bytes() {
            last = scanner.feed(std::slice::from_ref(byte));
        }
        assert_eq!(whole, last);
        whole
    }

    #[test]
    fn both_length_fields_conflict_in_either_order_and_case() {
        for head in [
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length:5\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
            "POST / HTTP/1.1\nContent-Length: 5\nTransfer-Encoding: chunked\n\n",
        ] {
            assert!(scan(head).faults.conflict, "{head}");
        }
    }

    #[test]
    fn one_length_field_is_not_a_conflict() {
        for head in [
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nX: Transfer-Encoding: a\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert!(!scan(head).faults.conflict, "{head}");
        }
    }

    #[test]
    fn a_conflict_in_a_pipelined_request_is_found() {
        let first = "\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        let second = "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(scan(&format!("{first}{second}")).faults.conflict);
        assert!(scan(&format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{second}")).faults.conflict);
    }

    #[test]
    fn a_fragment_in_a_request_target_is_found() {
        let long = format!("GET /{}#x HTTP/1.1\r\n\r\n", "a".repeat(2 * LINE_START));
        for head in ["GET /metrics#x HTTP/1.1\r\n\r\n", "\r\nGET http://a.test/?q#", "OPTIONS *# HTTP/1.1\n", &long] {
            assert!(scan(head).faults.fragment, "{head}");
        }
        for head in [
            "GET /%23 HTTP/1.1\r\nX: #\r\n\r\n",
            "A#B / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na #b",
            "GET / HTTP/1.1\r\n\r\nA#B / HTTP/1.1\r\n\r\n",
        ] {
            assert!(!scan(head).faults.fragment, "{head}");
        }
    }

    #[test]
    fn the_method_and_the_origin_of_the_last_head_are_known() {
        let long = format!("HEAD /{}", "a".repeat(2 * LINE_START));
        for (text, is_head, origin) in [
            ("HEAD / HTTP/1.1\r\nOrigin: https://a.test \r\nX", true, Some(&b"https://a.test"[..])),
            ("HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\norigin:null\r\n\r\n", false, Some(b"null")),
            ("GET / HTTP/1.1\r\nOrigin: a\r\n\r\nHEAD / HTTP/1.1\r\n\r\n", true, None),
            ("GET / HTTP/1.1\r\nOrigin: a\r\nOrigin: b\r\n\r\n", false, None),
            ("GET / HTTP/1.1\r\nOrigin: a", false, None),
            ("HEADS / HTTP/1.1\r\n", false, None),
            (&long, true, None),
        ] {
            for step in [1, text.len()] {
                let mut scanner = HeadScanner::new();
                for bytes in text.as_bytes().chunks(step) {
                    scanner.feed(bytes);
                }
                assert_eq!((scanner.is_head(), scanner.origin()), (is_head, origin), "{text}");
            }
        }
    }

    #[test]
    fn mid_head_is_true_only_within_a_head() {
        assert!(scan("G").mid_head);
        assert!(scan("GET / HTTP/1.1\r\nHost").mid_head);
        assert!(!scan("GET / HTTP/1.1\r\nHost: a\r\n\r\n").mid_head);
        assert!(!scan("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na").mid_head);
        assert!(scan("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\naP").mid_head);
    }

    #[test]
    fn http2_switches_the_scanner_off() {
        let text = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n";
        assert_eq!(scan(text), Scan::default());
    }

    #[test]
    fn only_the_start_of_a_long_line_is_kept() {
        let mut scanner = HeadScanner::new();
        scanner.feed(b"GET / HTTP/1.1\r\nX: ");
        for _ in 0..1000 {
            scanner.feed(&[b'a'; 1000]);
        }
        assert!(scanner.carry.len() <= LINE_START);
    }
}
