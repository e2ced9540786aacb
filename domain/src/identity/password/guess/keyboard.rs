//! Walks over the keyboard: each key is next to the one before.

/// The rows of the American, German and French keyboards, without and with Shift. Passwords come in lower case.
const LAYOUTS: [[[&str; 4]; 2]; 3] = [
    [["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"], ["!@#$%^&*()_+", "", "", ""]],
    [["1234567890ß´", "qwertzuiopü+", "asdfghjklöä", "yxcvbnm,.-"], ["!\"§$%&/()=?`", "", "", ""]],
    [["&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù", "wxcvbn,;:!"], ["1234567890°+", "", "", ""]],
];

/// The length of the longest walk at the start of the text.
pub(super) fn walk(text: &[char]) -> usize {
    LAYOUTS.iter().map(|layout| walk_on(layout, text)).max().unwrap_or(0)
}

fn walk_on(layout: &[[&str; 4]; 2], text: &[char]) -> usize {
    let mut last: Option<(usize, usize)> = None;
    let mut length = 0;
    for c in text {
        let Some(key) = place(layout, *c) else { break };
        if last.is_some_and(|last| !are_neighbors(last, key)) {
            break;
        }
        (last, length) = (Some(key), length + 1);
    }
    length
}

fn place(layout: &[[&str; 4]; 2], c: char) -> Option<(usize, usize)> {
    let in_row = |row: &str| row.chars().position(|key| key == c);
    layout.iter().find_map(|shift| shift.iter().enumerate().find_map(|(y, row)| in_row(row).map(|x| (y, x))))
}

/// Each row is half a key further to the right than the one above.
fn are_neighbors((y, x): (usize, usize), (next_y, next_x): (usize, usize)) -> bool {
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
            ("qaa", 2),
            ("horse", 1),
            ("🐝", 0),
        ] {
            assert_eq!(walk(&text.chars().collect::<Vec<_>>()), length, "{text}");
        }
    }
}
