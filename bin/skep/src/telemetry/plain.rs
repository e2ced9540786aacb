//! The fields of a log line without colors.
//!
//! The formatter of `tracing-subscriber` asks for a style at each name and each `=`, also if there are no colors. A read of
//! a product executes about 3 % fewer instructions without that, and each request has a line.

use std::{
    error::Error,
    fmt::{self, Debug},
};
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitOutput as _},
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
};

/// Writes the same text as the formatter of `tracing-subscriber` without colors.
pub(super) struct PlainFields;

impl<'w> FormatFields<'w> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_empty: true, result: Ok(()) };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    is_empty: bool,
    result: fmt::Result,
}

impl Line<'_> {
    fn named(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.result.is_ok() {
            self.result = self.try_named(field.name(), value);
        }
    }

    fn try_named(&mut self, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
        if !self.is_empty {
            self.writer.write_char(' ')?;
        }
        self.is_empty = false;
        self.writer.write_str(name)?;
        self.writer.write_char('=')?;
        self.writer.write_fmt(value)
    }

    /// Leaves a field to the formatter of `tracing-subscriber`.
    fn by_default(&mut self, record: impl FnOnce(&mut DefaultVisitor<'_>)) {
        if self.result.is_ok() {
            let mut visitor = DefaultVisitor::new(self.writer.by_ref(), self.is_empty);
            record(&mut visitor);
            self.result = visitor.finish();
            self.is_empty = false;
        }
    }
}

/// Whether a field has a meaning of its own for the formatter: the text of the line, names that are keywords, and fields
/// of the `log` crate.
fn is_special(name: &str) -> bool {
    name == "message" || name.starts_with("r#") || name.starts_with("log.")
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match is_special(field.name()) {
            true => self.by_default(|visitor| visitor.record_str(field, value)),
            false => self.named(field, format_args!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.by_default(|visitor| visitor.record_error(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match is_special(field.name()) {
            true => self.by_default(|visitor| visitor.record_debug(field, value)),
            false => self.named(field, format_args!("{value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::{fmt as lines, layer::SubscriberExt as _};

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug)]
    struct Fault(Option<Box<Fault>>);

    impl fmt::Display for Fault {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the hive \u{1b}[31mis\u{1b}[0m empty")
        }
    }

    impl Error for Fault {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.as_deref().map(|cause| cause as _)
        }
    }

    fn log() {
        let none: Option<u64> = None;
        let error = Fault(Some(Box::new(Fault(None))));
        tracing::info!(text = "a \"b\" \u{1b}[31m", number = 7_u64, less = -7, half = 0.5, yes = true, none, "first");
        tracing::info!("only text \u{1b}[31m");
        tracing::info!(client = %"::1", debug = ?Some("x"), r#type = "keyword", wide = u128::MAX);
        tracing::warn!(error = &error as &(dyn Error + 'static), after = 1, "with a cause");
        tracing::warn!(message = %"a display", error = &Fault(None) as &(dyn Error + 'static));
    }

    #[test]
    fn lines_are_those_of_the_default_formatter() {
        let (ours, theirs) = (Text::default(), Text::default());
        let writer = |text: &Text| {
            let text = text.clone();
            move || text.clone()
        };
        let plain = lines::layer().without_time().with_ansi(false).with_writer(writer(&ours)).fmt_fields(PlainFields);
        let default = lines::layer().without_time().with_ansi(false).with_writer(writer(&theirs));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(plain), log);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(default), log);
        let text = |text: Text| String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
        let (ours, theirs) = (text(ours), text(theirs));
        assert!(theirs.contains("number=7") && theirs.lines().count() == 5, "{theirs}");
        assert_eq!(ours, theirs);
    }
}
