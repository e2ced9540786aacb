//! The statements that a store runs, counted by the spans that its adapter opens around them.

use std::{cell::RefCell, collections::BTreeMap, fmt};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::layer::{Context, Layer};

thread_local! {
    /// One list per thread, because tests run in parallel, each on its own thread.
    static ASKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Records the name of every statement, including those that begin and end units of work.
pub struct Statements;

struct Name(Option<String>);

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "otel.name" {
            self.0 = Some(value.to_owned());
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "otel.name" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

impl<S: Subscriber> Layer<S> for Statements {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let span = attributes.metadata();
        if span.target() == "skep::spans" && span.name() == "operation" {
            let mut name = Name(None);
            attributes.record(&mut name);
            ASKED.with_borrow_mut(|asked| asked.extend(name.0));
        }
    }
}

/// The statements of this thread since the last call.
#[must_use]
pub fn taken() -> Vec<String> {
    ASKED.take()
}

/// The names of the statements in the order of their first use, with a count if there were several.
#[must_use]
pub fn summary(asked: &[String]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names: Vec<&str> = vec![];
    for name in asked {
        let count = counts.entry(name).or_default();
        *count += 1;
        if *count == 1 {
            names.push(name);
        }
    }
    let names = names.into_iter().map(|name| match counts.get(name) {
        Some(count) if *count > 1 => format!("{name} ×{count}"),
        _ => name.to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn only_operations_of_stores_count() {
        let subscriber = tracing_subscriber::registry().with(Statements);
        tracing::subscriber::with_default(subscriber, || {
            drop(tracing::info_span!(target: "skep::spans", "operation", otel.name = "begin"));
            drop(tracing::info_span!(target: "skep::spans", "unit of work", otel.name = "no"));
            drop(tracing::info_span!("operation", otel.name = "no"));
            drop(tracing::info_span!(target: "skep::spans", "operation", otel.name = "find"));
            drop(tracing::info_span!(target: "skep::spans", "operation", otel.name = "find"));
        });
        let asked = taken();
        assert_eq!(summary(&asked), "begin, find ×2");
        assert_eq!((asked.len(), taken().len()), (3, 0));
    }
}
