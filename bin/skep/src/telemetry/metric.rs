//! The declaration of a metric.

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows while the process runs.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Counts of values in buckets.
    Histogram,
}

impl Kind {
    /// The name of the kind in Prometheus.
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
    /// From the first event that it counts.
    Counted,
    /// From the first read or write of the store.
    Used,
    /// With the SQLite store, from the first write.
    Sqlite,
    /// With the SQLite and the PostgreSQL store.
    Sql,
    /// With `OTEL_EXPORTER_OTLP_ENDPOINT`.
    Traced,
    /// On systems that report it.
    System,
}

impl When {
    /// The text for the documentation.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Always => "",
            Self::Counted => "once it happens",
            Self::Used => "once the store is used",
            Self::Sqlite => "SQLite, once something is written",
            Self::Sql => "SQLite and PostgreSQL",
            Self::Traced => "with traces",
            Self::System => "on systems that report it",
        }
    }
}

/// A number that `/metrics` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name in Prometheus.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// The unit; empty for a count.
    pub unit: &'static str,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// When it is printed.
    pub when: When,
    /// What it measures.
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
