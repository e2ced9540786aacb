//! What an attack has shown, and whether that is allowed.

use serde::Serialize;

/// A value that an attack has measured, and its bound.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) bound: String,
    pub(crate) measured: String,
    pub(crate) held: bool,
    /// Whether the value depends on the speed of the machine. Tests do not judge such values.
    pub(crate) timed: bool,
}

impl Finding {
    /// A fact that is either true or not. `bound` says what is right, `measured` what happened.
    pub(crate) fn new(what: &str, bound: &str, measured: impl Into<String>, held: bool) -> Self {
        Self { what: what.to_owned(), bound: bound.to_owned(), measured: measured.into(), held, timed: false }
    }

    /// A count with an upper bound.
    pub(crate) fn at_most(what: &str, measured: u64, bound: u64) -> Self {
        Self::new(what, &format!("at most {bound}"), measured.to_string(), measured <= bound)
    }

    /// A count with a lower bound.
    pub(crate) fn at_least(what: &str, measured: u64, bound: u64) -> Self {
        Self::new(what, &format!("at least {bound}"), measured.to_string(), measured >= bound)
    }

    /// A number of bytes with an upper bound.
    pub(crate) fn bytes(what: &str, measured: u64, bound: u64) -> Self {
        Self::new(what, &format!("at most {}", size(bound)), size(measured), measured <= bound)
    }

    /// A time in milliseconds with an upper bound.
    pub(crate) fn millis(what: &str, measured: f64, bound: f64) -> Self {
        let bound_text = format!("at most {bound:.0} ms");
        Self::new(what, &bound_text, format!("{measured:.1} ms"), measured <= bound).timed()
    }

    /// Marks a value that depends on the speed of the machine.
    pub(crate) fn timed(self) -> Self {
        Self { timed: true, ..self }
    }

    /// Adds an explanation to the measured value.
    pub(crate) fn explained(mut self, text: Option<&str>) -> Self {
        if let Some(text) = text {
            self.measured = format!("{}: {text}", self.measured);
        }
        self
    }
}

/// A number of bytes for a person.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..1_000_000 => format!("{:.0} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_its_bound_is_held() {
        assert!(Finding::at_most("x", 3, 3).held && Finding::at_least("x", 3, 3).held);
        assert!(!Finding::at_most("x", 4, 3).held && !Finding::at_least("x", 2, 3).held);
        assert!(Finding::millis("x", 3.0, 3.0).timed && !Finding::bytes("x", 3, 3).timed);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!([9_999, 10_000, 2_650_000].map(size), ["9999 B", "10 KB", "2.6 MB"]);
    }
}
