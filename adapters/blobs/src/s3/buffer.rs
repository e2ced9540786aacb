//! The bytes that wait until they are sent.

use super::bucket::PART;

/// Adds bytes at the end. The buffer grows as any other one, but never beyond a part unless it has more bytes.
pub(super) fn extend(waiting: &mut Vec<u8>, bytes: &[u8]) {
    let needed = waiting.len() + bytes.len();
    if needed > waiting.capacity() {
        let wanted = needed.max((2 * waiting.capacity()).min(PART));
        waiting.reserve_exact(wanted - waiting.len());
    }
    waiting.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_a_part_has_room_for_no_more() {
        let (mut waiting, mut moves) = (vec![], 0);
        while waiting.len() < PART {
            let (room, before) = (PART - waiting.len(), waiting.capacity());
            extend(&mut waiting, &[7; 10_000][..room.min(10_000)]);
            moves += usize::from(waiting.capacity() != before);
            assert!(waiting.capacity() <= PART, "{} of {PART}", waiting.capacity());
        }
        assert_eq!(waiting, vec![7; PART]);
        assert!(moves <= 11, "the bytes are seldom copied: {moves}");
    }
}
