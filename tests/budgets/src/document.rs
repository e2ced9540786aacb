//! The document with the budgets. The test that measures a section compares it, or rewrites it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A table of the document.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The name in the marks around the table.
    pub name: &'static str,
    /// The command that rewrites the table.
    pub bless: &'static str,
}

/// A table of text. The first cell of a row is the row's name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The heads of the columns.
    pub heads: Vec<String>,
    /// The cells of each row.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn with(heads: &[&str]) -> Self {
        Self { heads: heads.iter().map(|head| (*head).to_owned()).collect(), rows: vec![] }
    }

    /// The row with this name.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&[String]> {
        self.rows.iter().find(|row| row.first().is_some_and(|first| first == name)).map(Vec::as_slice)
    }

    /// Formats the table as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let numbers = |column: usize| self.rows.iter().all(|row| row.get(column).is_none_or(|cell| is_number(cell)));
        let rule: Vec<String> =
            (0..self.heads.len()).map(|column| if numbers(column) { "---:" } else { "---" }.to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}", line(&self.heads), line(&rule))
    }

    /// Reads a table from Markdown.
    #[must_use]
    pub fn parse(markdown: &str) -> Self {
        let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let mut lines = markdown.lines().filter(|line| line.starts_with('|')).map(cells);
        let heads = lines.next().unwrap_or_default();
        Self { heads, rows: lines.skip(1).collect() }
    }
}

fn is_number(cell: &str) -> bool {
    !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit())
}

impl Section {
    fn path() -> PathBuf {
        Path::new(env!("SKEP_ROOT")).join("docs/budgets.md")
    }

    fn marks(self) -> [String; 2] {
        [format!("<!-- {} -->\n", self.name), format!("<!-- end of {} -->", self.name)]
    }

    /// The start and the end of the text between the marks of this section.
    fn place(self, document: &str) -> Option<(usize, usize)> {
        let [start, end] = self.marks();
        let start = document.find(&start)? + start.len();
        Some((start, start + document[start..].find(&end)?))
    }

    /// The table as committed.
    ///
    /// # Panics
    /// If the document does not have this section.
    #[must_use]
    pub fn committed(self) -> Table {
        let document = fs::read_to_string(Self::path()).expect("docs/budgets.md can be read");
        let (start, end) = self.place(&document).expect("docs/budgets.md has the marks of this section");
        Table::parse(&document[start..end])
    }

    /// Whether `SKEP_BLESS` asks for the table to be rewritten.
    #[must_use]
    pub fn is_blessed() -> bool {
        std::env::var_os("SKEP_BLESS").is_some()
    }

    /// Replaces the table in the document.
    ///
    /// # Panics
    /// If the document cannot be read or written, or does not have this section.
    pub fn rewrite(self, table: &Table) {
        let document = fs::read_to_string(Self::path()).expect("docs/budgets.md can be read");
        let (start, end) = self.place(&document).expect("docs/budgets.md has the marks of this section");
        let text = format!("{}\n{}\n{}", &document[..start], table.markdown(), &document[end..]);
        fs::write(Self::path(), text).expect("docs/budgets.md can be written");
    }

    /// Compares a measured table with the committed one, cell by cell. `fits` gets the column, the measured cell and
    /// the committed one, and returns whether they agree. With `SKEP_BLESS` the table is rewritten instead.
    ///
    /// # Panics
    /// If a cell does not fit, or if a row is missing in one of the tables.
    pub fn check(self, measured: &Table, fits: impl Fn(usize, &str, &str) -> bool) {
        if Self::is_blessed() {
            return self.rewrite(measured);
        }
        let committed = self.committed();
        let mut faults = vec![];
        if committed.heads != measured.heads {
            faults.push(format!("the columns are {:?}, committed are {:?}", measured.heads, committed.heads));
        }
        for row in &measured.rows {
            let name = row.first().map_or("", String::as_str);
            let Some(budget) = committed.row(name) else {
                faults.push(format!("{name} has no line"));
                continue;
            };
            for (column, (found, budget)) in row.iter().zip(budget).enumerate() {
                if !fits(column, found, budget) {
                    let head = measured.heads.get(column).map_or("", String::as_str);
                    faults.push(format!("{name}, {head}: {found}, the budget is {budget}"));
                }
            }
        }
        let gone = committed.rows.iter().filter(|row| row.first().is_some_and(|name| measured.row(name).is_none()));
        faults.extend(gone.map(|row| format!("not measured: {}", row.join(" "))));
        assert!(
            faults.is_empty(),
            "docs/budgets.md:\n{}\nIf this is intended, run {}, and check the diff",
            faults.join("\n"),
            self.bless
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_markdown() {
        let mut table = Table::with(&["what", "count"]);
        table.rows.push(vec!["one request".to_owned(), "12".to_owned()]);
        table.rows.push(vec!["another".to_owned(), "7".to_owned()]);
        assert!(table.markdown().contains("| --- | ---: |"));
        assert_eq!(Table::parse(&table.markdown()), table);
        assert_eq!(table.row("another"), Some(&["another".to_owned(), "7".to_owned()][..]));
    }
}
