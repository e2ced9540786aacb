//! Walks over the keyboard and over its number pad: each key is next to the one before.

/// The rows of the American, German and French keyboards, without and with Shift. Passwords come in lower case.
const LAYOUTS: [[[&str; 4]; 2]; 3] = [
    [["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"], ["!@#$%^&*()_+", "", "", ""]],
    [["1234567890ß´", "qwertzuiopü+", "asdfghjklöä", "yxcvbnm,.-"], ["!\"§$%&/()=?`", "", "", ""]],
    [["&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù", "wxcvbn,;:!"], ["1234567890°+", "", "", ""]],
];

/// The rows of the number pad. Its 0 is as wide as two keys.
const PAD: [&str; 4] = ["789", "456", "123", "00"];

/// The row and the column of a key.
type Place = (usize, usize);

/// The length of the longest walk at the start of the text.
pub(super) fn walk(text: &[char]) -> usize {
    let on_keys = LAYOUTS.iter().map(|layout| {
        let place = |c| layout.iter().find_map(|shift| place(shift, c));
        walk_on(text, place, are_neighbors)
    });
    let on_pad = [straight, diagonal].map(|are_neighbors| walk_on(text, |c| place(&PAD, c), are_neighbors));
    on_keys.chain(on_pad).max().unwrap_or(0)
}

fn walk_on(text: &[char], place: impl Fn(char) -> Option<Place>, are_neighbors: fn(Place, Place) -> bool) -> usize {
    let mut last: Option<Place> = None;
    let mut length = 0;
    for c in text {
        let Some(key) = place(*c) else { break };
        if last.is_some_and(|last| !are_neighbors(last, key)) {
            break;
        }
        (last, length) = (Some(key), length + 1);
    }
    length
}

fn place(rows: &[&str; 4], c: char) -> Option<Place> {
    let in_row = |row: &str| row.chars().position(|key| key == c);
    rows.iter().enumerate().find_map(|(y, row)| in_row(row).map(|x| (y, x)))
}

/// Whether the keys of the number pad are one above or beside the other.
fn straight((y, x): Place, (next_y, next_x): Place) -> bool {
    y.abs_diff(next_y) + x.abs_diff(next_x) == 1
}

/// Whether the keys of the number pad touch at a corner.
fn diagonal((y, x): Place, (next_y, next_x): Place) -> bool {
    y.abs_diff(next_y) == 1 && x.abs_diff(next_x) == 1
}

/// Each row is half a key further to the right than the one above.
fn are_neighbors((y, x): Place, (next_y, next_x): Place) -> bool {
    if y == next_y {
        x.abs_diff(next_x) == 1
    } else {
        let (upper, lower) = if y < next_y { (x, next_x) } else { (next_x, x) };
        y.abs_diff(next_y) == 1 && (upper == lower || upper == lower + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_from_key_to_key() {
        for (text, length) in [
            ("qwerty", 6),
            ("1qaz2wsx", 4),
            ("zaq12wsx", 8),
            ("!qaz@wsx", 4),
            ("qwertz", 6),
            ("yxcvbnm", 7),
            ("azerty", 6),
            ("lkjhg", 5),
            ("147258", 3),
            ("789632", 6),
            ("159753", 3),
            ("0147", 4),
            ("0369", 1),
            ("qaa", 2),
            ("horse", 1),
            ("🐝", 0),
        ] {
            assert_eq!(walk(&text.chars().collect::<Vec<_>>()), length, "{text}");
        }
    }
}
