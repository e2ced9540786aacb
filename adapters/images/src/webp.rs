//! The frames of a WebP content, before they are read.

/// The chunks before the pixels of a frame in an animation.
const FRAME_HEADER: usize = 16;

/// The number of pixels of the largest lossy frame. The decoder makes room for such a frame before it compares its size with
/// that of the whole picture, so a small picture could hide a large frame.
pub(crate) fn largest_frame(content: &[u8]) -> Option<u64> {
    largest(content.get(12..)?)
}

fn largest(mut chunks: &[u8]) -> Option<u64> {
    let mut most = None;
    while let (Some(name), Some(size)) = (chunks.get(..4), chunks.get(4..8)) {
        let size = usize::try_from(u32::from_le_bytes(size.try_into().ok()?)).ok()?;
        let rest = chunks.get(8..)?;
        let data = rest.get(..size).unwrap_or(rest);
        let found = match name {
            b"VP8 " => lossy(data),
            b"ANMF" => data.get(FRAME_HEADER..).and_then(largest),
            _ => None,
        };
        most = most.max(found);
        // Chunks have an even number of bytes.
        match rest.get(size.saturating_add(size % 2)..) {
            Some(next) => chunks = next,
            None => break,
        }
    }
    most
}

/// The number of pixels of a frame of VP8 (RFC 6386, 9.1).
fn lossy(data: &[u8]) -> Option<u64> {
    let side = |at: usize| {
        let bytes = data.get(at..at + 2)?;
        Some(u64::from(u16::from_le_bytes(bytes.try_into().ok()?) & 0x3FFF))
    };
    Some(side(6)? * side(8)?)
}
