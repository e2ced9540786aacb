//! The report: tables for people, JSON for programs.

use super::measure::{Cost, Figures};
use serde::Serialize;
use std::fmt::Write as _;

/// The results of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) rows: Vec<Row>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) targets: Vec<Target>,
    pub(crate) faults: Vec<Fault>,
}

/// A condition of the measurement, for example the machine.
#[derive(Debug, Serialize)]
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// The results of a stream of requests.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) store: &'static str,
    pub(crate) what: String,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

/// A result in comparison with a limit.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) store: &'static str,
    pub(crate) what: String,
    pub(crate) per_second: f64,
    pub(crate) limit: String,
    pub(crate) limit_per_second: f64,
    pub(crate) ratio: f64,
    /// CPU time of the limit in seconds per 1,000 rounds, if it is known.
    pub(crate) limit_cpu_per_1000: Option<f64>,
}

/// A target and the measured value.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) store: &'static str,
    pub(crate) what: String,
    pub(crate) target: String,
    pub(crate) measured: String,
    /// `None` if the value has no target and is only for information.
    pub(crate) met: Option<bool>,
}

/// A scenario that could not be measured, or answers that were wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) store: &'static str,
    pub(crate) what: String,
    pub(crate) fault: String,
}

impl Report {
    /// The tables in Markdown.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        table(&mut text, &["condition", ""], &self.conditions, |condition| {
            vec![condition.name.to_owned(), condition.value.clone()]
        });
        let heads = [
            "store",
            "what",
            "requests/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "CPU s per 1,000",
            "server cores",
            "client cores",
            "memory MB",
        ];
        table(&mut text, &heads, &self.rows, Row::cells);
        let heads = ["store", "what", "per second", "beside", "per second", "ratio"];
        table(&mut text, &heads, &self.ratios, |ratio| {
            let cpu = ratio.limit_cpu_per_1000.map(|cpu| format!(" ({cpu:.3} CPU s per 1,000)")).unwrap_or_default();
            vec![
                ratio.store.to_owned(),
                ratio.what.clone(),
                whole(ratio.per_second),
                ratio.limit.clone(),
                format!("{}{cpu}", whole(ratio.limit_per_second)),
                format!("{:.2}", ratio.ratio),
            ]
        });
        table(&mut text, &["store", "what", "target", "measured", "met"], &self.targets, |target| {
            let met = match target.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            let of = |text: &str| text.to_owned();
            vec![of(target.store), target.what.clone(), target.target.clone(), target.measured.clone(), of(met)]
        });
        table(&mut text, &["store", "what", "went wrong"], &self.faults, |fault| {
            vec![fault.store.to_owned(), fault.what.clone(), fault.fault.replace(['|', '\n'], " ")]
        });
        text
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let Self { store, what, figures, cost } = self;
        let millis = |value: f64| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
        vec![
            (*store).to_owned(),
            what.clone(),
            whole(figures.per_second),
            millis(figures.latency.p50),
            millis(figures.latency.p95),
            millis(figures.latency.p99),
            millis(figures.latency.max),
            format!("{:.3}", cost.server_cpu_per_1000),
            format!("{:.2}", cost.server_cores),
            format!("{:.2}", cost.client_cores),
            format!("{:.0}", cost.server_memory as f64 / 1e6),
        ]
    }
}

/// A whole number with commas between thousands.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Appends a table in Markdown, or nothing if it has no rows.
pub(crate) fn table<T>(text: &mut String, heads: &[&str], rows: &[T], cells: impl Fn(&T) -> Vec<String>) {
    if rows.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].len(), 3]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut line = |cells: &[String]| {
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
    };
    line(&heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>());
    line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0.4, 999.6, 12_345.0, 1_234_567.0].map(whole), ["0", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn tables_are_markdown() {
        let target = Target {
            store: "sqlite",
            what: "an order".to_owned(),
            target: "10,000/s".to_owned(),
            measured: "9,000/s".to_owned(),
            met: Some(false),
        };
        let report = Report { targets: vec![target], ..Report::default() };
        let text = report.tables();
        let expected = "| store  | what     | target   | measured | met    |\n\
                        | ------ | -------- | -------- | -------- | ------ |\n\
                        | sqlite | an order | 10,000/s | 9,000/s  | **no** |\n\n";
        assert_eq!(text, expected);
    }
}
