//! The frames of a WebP content, before they are read.

/// The chunks before the pixels of a frame in an animation.
const FRAME_HEADER: usize = 16;

/// The number of pixels of the largest lossy frame. The decoder makes room for such a frame before it compares its size with
/// that of the whole picture, so a small picture could hide a large frame.
pub(crate) fn largest_frame(content: &[u8]) -> Option<u64> {
    largest(content.get(12..)?, true)
}

/// Only a picture has frames of an animation. A frame has no frames, or a content could nest so many
/// that the stack overflows.
fn largest(mut chunks: &[u8], is_picture: bool) -> Option<u64> {
    let mut most = None;
    while let (Some(name), Some(size)) = (chunks.get(..4), chunks.get(4..8)) {
        let size = usize::try_from(u32::from_le_bytes(size.try_into().ok()?)).ok()?;
        let rest = chunks.get(8..)?;
        let data = rest.get(..size).unwrap_or(rest);
        let found = match name {
            b"VP8 " => lossy(data),
            b"ANMF" if is_picture => data.get(FRAME_HEADER..).and_then(|frame| largest(frame, false)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_in_frames_are_not_followed() {
        let mut content = b"RIFF\0\0\0\0WEBP".to_vec();
        for _ in 0..400_000 {
            content.extend(b"ANMF\xff\xff\xff\xff");
            content.extend([0; FRAME_HEADER]);
        }
        content.extend(b"VP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f");
        assert_eq!(largest_frame(&content), None);
    }
}
