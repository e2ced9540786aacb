//! How much a request takes from the limits of requests.

use super::list::PageQuery;
use http::header::CONTENT_LENGTH;
use poem::Request;
use skep_domain::search::Facet;

/// The cost of a request to an operation, in units of the limits per address and per user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// One unit.
    One,
    /// Grows with the items that the page may have.
    Items,
    /// Grows with the items that the page may have, and with a total.
    Page,
    /// As [`Self::Page`], and more if the list is of what a query `q` finds.
    Search,
    /// Grows with the lines of the body. The first unit is taken before the body is read, and the others afterwards.
    Lines {
        /// The bytes of the shortest valid line. They say how many lines a body can have.
        shortest: usize,
        /// The greatest number of lines that are read.
        most: usize,
    },
}

/// The items of a page for which a request takes a unit.
pub const ITEMS_PER_UNIT: usize = 50;
/// The lines of a body for which a request takes a unit.
pub const LINES_PER_UNIT: usize = 10;
/// The units for the total of a list.
pub const UNITS_OF_TOTAL: u32 = 4;
/// The units for a query, which reads thousands of rows of the index for each word.
pub const UNITS_OF_QUERY: u32 = 4;
/// The units for each facet by which the results of a query are counted.
pub const UNITS_OF_FACET: u32 = 2;

impl Cost {
    /// The units that are known before the body is read. A query that cannot be read costs one unit; the operation
    /// refuses it.
    pub(super) fn of_head(self, request: &Request) -> u32 {
        match self {
            Self::One | Self::Lines { .. } => 1,
            Self::Items | Self::Page => of_list(request),
            Self::Search => of_list(request) + of_query(request),
        }
    }

    /// The units that the whole request takes at most, as far as its head says. A body of unknown length counts as one
    /// unit.
    pub(super) fn at_most(self, request: &Request) -> u32 {
        match self {
            Self::Lines { shortest, most } => {
                let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
                let length = length.and_then(|length| length.parse::<usize>().ok());
                length.map_or(1, |length| of_lines((length / shortest).min(most)))
            }
            Self::One | Self::Items | Self::Page | Self::Search => self.of_head(request),
        }
    }

    /// The sentence about the cost in the description of the operation. `None` for one unit.
    pub(crate) fn described(self) -> Option<String> {
        match self {
            Self::One => None,
            Self::Items => Some(format!("{}.", of_items())),
            Self::Page => Some(format!("{}, and {UNITS_OF_TOTAL} more with `count=exact`.", of_items())),
            Self::Search => Some(format!(
                "{}, {UNITS_OF_TOTAL} more with `count=exact`, {UNITS_OF_QUERY} more with `q`, and {UNITS_OF_FACET} more \
                 for each of the `facets`.",
                of_items()
            )),
            Self::Lines { .. } => {
                Some(format!("A request takes one unit of the limits for each {LINES_PER_UNIT} lines."))
            }
        }
    }
}

/// The units of a list. A query that cannot be read costs one.
fn of_list(request: &Request) -> u32 {
    PageQuery::read(request).map_or(1, |page| of_page(page.limit.get(), page.has_total))
}

/// The units of a query and its facets.
fn of_query(request: &Request) -> u32 {
    let query = request.uri().query().unwrap_or_default();
    let value = |wanted: &str| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
    if value("q").is_none_or(|(_, text)| text.is_empty()) {
        return 0;
    }
    // A request with more names is refused, because each can be named once.
    let facets = value("facets").map_or(0, |(_, names)| names.split(',').take(Facet::VALUES_MAX).count());
    UNITS_OF_QUERY + UNITS_OF_FACET * u32::try_from(facets).unwrap_or(u32::MAX)
}

fn of_items() -> String {
    format!("A request takes one unit of the limits for each {ITEMS_PER_UNIT} items of `limit`")
}

fn of_page(items: usize, has_total: bool) -> u32 {
    units(items, ITEMS_PER_UNIT) + if has_total { UNITS_OF_TOTAL } else { 0 }
}

/// The units of a body with so many lines.
pub(super) fn of_lines(lines: usize) -> u32 {
    units(lines, LINES_PER_UNIT)
}

/// One unit for each part, also for one that is not full, and at least one.
fn units(things: usize, per_unit: usize) -> u32 {
    u32::try_from(things.div_ceil(per_unit)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_costs_its_items_and_its_total() {
        for (query, cost) in [
            ("", 1),
            ("?limit=50", 1),
            ("?limit=51", 2),
            ("?limit=100", 2),
            ("?count=exact", 5),
            ("?sort=name&limit=100&count=exact", 6),
        ] {
            let request = Request::builder().uri(format!("/x{query}").parse().unwrap()).finish();
            assert_eq!(Cost::Page.of_head(&request), cost, "{query}");
            assert_eq!(
                (Cost::One.of_head(&request), Cost::Lines { shortest: 50, most: 1_001 }.of_head(&request)),
                (1, 1)
            );
        }
    }

    #[test]
    fn a_search_costs_more_than_a_list() {
        for (query, cost) in [
            ("", 1),
            ("?q=", 1),
            ("?q=a", 5),
            ("?%71=a&limit=51", 6),
            ("?q=a&count=exact", 9),
            ("?q=a&facets=b,c", 9),
            ("?facets=b", 1),
        ] {
            let request = Request::builder().uri(format!("/x{query}").parse().unwrap()).finish();
            assert_eq!(Cost::Search.of_head(&request), cost, "{query}");
        }
    }

    #[test]
    fn a_query_that_is_refused_costs_one_unit() {
        for query in ["?limit=101&count=exact", "?limit=100&limit=100", "?limit=100&count=maybe", "?limit=%FF"] {
            let request = Request::builder().uri(format!("/x{query}").parse().unwrap()).finish();
            assert_eq!(Cost::Page.of_head(&request), 1, "{query}");
        }
    }

    #[test]
    fn the_length_of_a_body_bounds_its_cost() {
        let cost = Cost::Lines { shortest: 50, most: 1_001 };
        for (length, units) in [(Some("60"), 1), (Some("1000"), 2), (Some("262144"), 101), (Some("x"), 1), (None, 1)] {
            let request = Request::builder();
            let request = length.into_iter().fold(request, |request, length| request.header(CONTENT_LENGTH, length));
            assert_eq!(cost.at_most(&request.finish()), units, "{length:?}");
        }
    }

    #[test]
    fn lines_cost_one_unit_for_each_ten() {
        assert_eq!([0, 1, 10, 11, 20, 21, 1_000].map(of_lines), [1, 1, 1, 2, 2, 3, 100]);
        assert_eq!(of_lines(usize::MAX), u32::MAX);
    }
}
