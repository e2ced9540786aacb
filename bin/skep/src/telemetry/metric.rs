//! What a metric is.

/// What kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values in buckets.
    Histogram,
}

impl Kind {
    /// The name, as Prometheus has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// When a metric is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// From the start.
    Always,
    /// When there is something to tell.
    Told,
    /// From the first read or write of the store.
    Used,
    /// With the SQLite store, from the first write.
    Sqlite,
    /// With the SQLite and the PostgreSQL store.
    Sql,
    /// With `OTEL_EXPORTER_OTLP_ENDPOINT`.
    Traced,
    /// Where the system tells it.
    System,
}

impl When {
    /// For the document.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Always => "",
            Self::Told => "once it happens",
            Self::Used => "once the store is used",
            Self::Sqlite => "SQLite, once something is written",
            Self::Sql => "SQLite and PostgreSQL",
            Self::Traced => "with traces",
            Self::System => "where the system tells",
        }
    }
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The unit; empty if things are counted.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// When it is printed.
    pub when: When,
    /// What it says.
    pub help: &'static str,
}

impl Metric {
    pub(super) const fn new(name: &'static str, kind: Kind, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, unit, labels: &[], when: When::Always, help }
    }

    pub(super) const fn labels(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    pub(super) const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}

pub(super) const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Counter, "", help)
}

pub(super) const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Gauge, "", help)
}

pub(super) const fn seconds(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Histogram, "seconds", help)
}
