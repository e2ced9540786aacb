//! Bytes that are written over while they pass.

/// Bytes that replace those behind each mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrittenOver {
    pub(crate) mark: &'static [u8],
    pub(crate) with: &'static [u8],
}

impl WrittenOver {
    /// Writes over what has arrived, and returns how many of the first bytes can pass. A mark may begin at the rest.
    pub(crate) fn apply(self, arrived: &mut [u8]) -> usize {
        let Self { mark, with } = self;
        let whole = mark.len() + with.len();
        for at in 0..arrived.len() {
            let rest = &mut arrived[at..];
            if rest.len() >= whole && rest.starts_with(mark) {
                rest[mark.len()..whole].copy_from_slice(with);
            }
            let seen = &rest[..rest.len().min(mark.len())];
            if rest.len() < whole && mark.starts_with(seen) {
                return at;
            }
        }
        arrived.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_mark_is_written_over_however_the_bytes_arrive() {
        let over = WrittenOver { mark: b"<Year>", with: b"2020" };
        let sent = b"<Year>2026</Year><Ye><Year>2031</Year> <Year";
        for length in 1..=sent.len() {
            let (mut passed, mut waiting) = (vec![], vec![]);
            for piece in sent.chunks(length) {
                waiting.extend_from_slice(piece);
                let free = over.apply(&mut waiting);
                passed.extend(waiting.drain(..free));
            }
            assert_eq!(passed, b"<Year>2020</Year><Ye><Year>2020</Year> ", "in pieces of {length}");
            assert_eq!(waiting, b"<Year");
        }
    }
}
