//! Keyset pagination: the statements of a list, and the choice of the one that reads a page.

use super::{Kind, Row, SqlStore, Statement, Value, shape::Shape, stored::Stored};
use skep_application::kernel::{Page, PageRequest, Position, SortValue, StoreError, Total};
use skep_domain::shared::Direction;

/// A list that can be read in pages, in several orders and both directions, and counted. Its statements are called
/// `context.entity.list…_up_first`, and so on.
pub struct Pages {
    lists: Vec<List>,
    count: Statement,
}

/// The declaration of a list.
pub struct Listed<'a> {
    /// The condition on every row, as in [`Shape::query`], or an empty text. An `OR` is in parentheses.
    pub condition: &'a str,
    /// The kinds of the parameters in the condition.
    pub params: &'a [Kind],
    /// The verbs of the lists, each with the column that sorts it. Equal rows are sorted by `id`.
    pub sorts: &'a [(String, &'static str)],
    /// The verb of the statement that counts the rows.
    pub count: &'a str,
}

/// A list in one order.
struct List {
    column: &'static str,
    direction: Direction,
    key: Kind,
    first: Statement,
    next: Statement,
}

impl Pages {
    /// Builds the statements, once, in a static: their names and kinds live as long as the program. The table has a
    /// column `id`.
    ///
    /// # Panics
    /// If a column that sorts does not exist.
    #[must_use]
    pub fn new(table: &Shape, listed: &Listed<'_>) -> Self {
        let directions = [Direction::Ascending, Direction::Descending];
        let sorts = listed.sorts.iter().flat_map(|sort| directions.map(|direction| (sort, direction)));
        let lists =
            sorts.map(|((verb, column), direction)| List::new(table, listed, verb, column, direction)).collect();
        Self { lists, count: count(table, listed) }
    }

    /// The same list, whose pages can read thousands of rows, because the condition is compared with each row.
    #[must_use]
    pub fn long(mut self) -> Self {
        for list in &mut self.lists {
            (list.first.is_long, list.next.is_long) = (true, true);
        }
        self
    }

    /// Every statement of the list, for [`Declared::statements`](crate::Declared::statements).
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.lists.iter().flat_map(|list| [&list.first, &list.next]).chain([&self.count])
    }

    /// Reads a page of the list that is sorted by a column, and the total if the request asks for it. `args` are those
    /// of the condition, and `place` returns the position of a row in the list. A position of another list is an
    /// empty page.
    ///
    /// # Errors
    /// Those of a driver. `Corrupt` if a row cannot be read.
    pub async fn page<T: Stored>(
        &'static self,
        store: &SqlStore,
        by: (&'static str, Direction),
        args: Vec<Value>,
        request: &PageRequest,
        place: impl Fn(&T) -> Position + Send,
    ) -> Result<Page<T>, StoreError> {
        let Some(rows) = self.rows(store, by, args.clone(), request, T::read).await? else {
            return Ok(Page::empty(request));
        };
        let total = self.total(store, args, request).await?;
        Ok(Page::of(rows, request, total, place))
    }

    /// Reads the rows of a page of the list that is sorted by a column, and one more to see whether others follow.
    /// `None` if the position belongs to another list.
    pub(crate) async fn rows<T>(
        &'static self,
        store: &SqlStore,
        (column, direction): (&'static str, Direction),
        args: Vec<Value>,
        request: &PageRequest,
        read: fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Option<Vec<T>>, StoreError> {
        let list = self.lists.iter().find(|list| (list.column, list.direction) == (column, direction));
        match list.and_then(|list| list.page(args, request)) {
            Some((statement, args)) => Ok(Some(store.rows(statement, args, read).await?)),
            None => Ok(None),
        }
    }

    /// Counts the rows of all pages up to the bound of the request, if it has one.
    pub(crate) async fn total(
        &'static self,
        store: &SqlStore,
        mut args: Vec<Value>,
        request: &PageRequest,
    ) -> Result<Option<Total>, StoreError> {
        let Some(bound) = request.count_up_to else { return Ok(None) };
        args.push(Value::Int(Total::most_rows(bound)));
        Ok(request.total(store.count(&self.count, args).await?))
    }
}

fn filter(conditions: &[&str]) -> String {
    let conditions: Vec<_> = conditions.iter().copied().filter(|condition| !condition.is_empty()).collect();
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

/// Builds the statement that counts rows up to a limit, which is its last parameter. The order makes both engines read
/// along an index; otherwise they may read the rows themselves.
fn count(table: &Shape, listed: &Listed<'_>) -> Statement {
    let (params, filter) = ([listed.params, &[Kind::Int]].concat(), filter(&[listed.condition]));
    let order = listed.sorts.first().map(|(_, column)| format!(" ORDER BY {column}, id")).unwrap_or_default();
    let rows = format!("SELECT 1 FROM {}{filter}{order} LIMIT ${}", table.name, params.len());
    let text = format!("SELECT count(*) FROM ({rows}) AS counted");
    table.command(listed.count, &text, &params, &[Kind::Int]).long()
}

impl List {
    /// Builds both statements: for the first page, and for a page after a row.
    fn new(table: &Shape, listed: &Listed<'_>, verb: &str, column: &'static str, direction: Direction) -> Self {
        let (way, order, after) = match direction {
            Direction::Ascending => ("up", "ASC", ">"),
            Direction::Descending => ("down", "DESC", "<"),
        };
        let key = table.kind(column);
        let statement = |page: &str, conditions: &[&str], more: &[Kind]| {
            let params = [listed.params, more, &[Kind::Int]].concat();
            let (filter, limit) = (filter(conditions), params.len());
            let name = table.name;
            let text = format!("SELECT {{*}} FROM {name}{filter} ORDER BY {column} {order}, id {order} LIMIT ${limit}");
            table.query(&format!("{verb}_{way}_{page}"), &text, &params, &[])
        };
        let n = listed.params.len();
        let after = format!("({column}, id) {after} (${}, ${})", n + 1, n + 2);
        Self {
            column,
            direction,
            key,
            first: statement("first", &[listed.condition], &[]),
            next: statement("next", &[listed.condition, &after], &[key, Kind::Uuid]),
        }
    }

    /// The statement and the arguments that read a page, and one more row to see whether others follow. `None` if the
    /// position belongs to another list.
    fn page(&self, mut args: Vec<Value>, request: &PageRequest) -> Option<(&Statement, Vec<Value>)> {
        let mut statement = &self.first;
        if let Some(Position { key, id }) = &request.after {
            let key = match key {
                SortValue::Time(time) => Value::from(*time),
                SortValue::Text(text) => Value::from(text.as_str()),
                SortValue::Int(number) => Value::from(*number),
            };
            if !key.is(self.key) {
                return None;
            }
            args.extend([key, Value::from(*id)]);
            statement = &self.next;
        }
        args.push(Value::Int(i64::try_from(request.limit.get()).ok()? + 1));
        Some((statement, args))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, table::Table};
    use skep_application::kernel::Constraint;
    use skep_domain::shared::{PageLimit, Timestamp};
    use uuid::Uuid;

    fn rows() -> Table<()> {
        Table::<()>::new("rows", "test.row", Constraint::new("rows_pkey"))
            .key("id", Kind::Uuid, |()| Value::Null)
            .fixed("name", Kind::Text, |()| Value::Null)
    }

    fn list(condition: &'static str, params: &'static [Kind], direction: Direction) -> List {
        List::new(&rows(), &Listed { condition, params, sorts: &[], count: "count" }, "list", "name", direction)
    }
    fn request(after: Option<SortValue>) -> PageRequest {
        let after = after.map(|key| Position { key, id: Uuid::from_u128(7) });
        PageRequest { limit: PageLimit::new(5).unwrap(), after, count_up_to: None }
    }

    #[test]
    fn the_first_page_has_no_position_and_reads_one_extra_row() {
        let list = list("", &[], Direction::Ascending);
        let (statement, args) = list.page(vec![], &request(None)).unwrap();
        let text = "SELECT id, name FROM rows ORDER BY name ASC, id ASC LIMIT $1";
        assert_eq!((statement.name, statement.text(Engine::Sqlite)), ("test.row.list_up_first", text));
        assert_eq!(args, [Value::Int(6)]);
        assert!(statement.check(&args).is_ok());
    }

    #[test]
    fn the_next_page_starts_after_the_row_in_the_order_of_the_list() {
        let list = list("owner = $1", &[Kind::Uuid], Direction::Descending);
        let owner = Value::from(Uuid::from_u128(3));
        let after = request(Some(SortValue::Text("m".to_owned())));
        let (statement, args) = list.page(vec![owner.clone()], &after).unwrap();
        let text = "SELECT id, name FROM rows WHERE owner = $1 AND (name, id) < ($2, $3) \
                    ORDER BY name DESC, id DESC LIMIT $4";
        assert_eq!((statement.name, statement.text(Engine::Postgres)), ("test.row.list_down_next", text));
        assert_eq!(args, [owner, Value::from("m"), Value::from(Uuid::from_u128(7)), Value::Int(6)]);
        assert!(statement.check(&args).is_ok());
    }

    #[test]
    fn rows_are_counted_along_the_index_of_the_first_sort_key_and_up_to_a_limit() {
        let sorts = [("list".to_owned(), "name")];
        let listed = Listed { condition: "owner = $1", params: &[Kind::Uuid], sorts: &sorts, count: "count" };
        let counted = count(&rows(), &listed);
        let text = "SELECT count(*) FROM (SELECT 1 FROM rows WHERE owner = $1 ORDER BY name, id LIMIT $2) AS counted";
        assert_eq!((counted.name, counted.text(Engine::Postgres)), ("test.row.count", text));
        assert!(counted.is_long && counted.check(&[Value::from(Uuid::nil()), Value::Int(1)]).is_ok());
    }

    #[test]
    fn a_position_of_another_list_reads_no_page() {
        let list = list("", &[], Direction::Ascending);
        assert!(list.page(vec![], &request(Some(SortValue::Int(1)))).is_none());
        assert!(list.page(vec![], &request(Some(SortValue::Time(Timestamp::MIN)))).is_none());
    }
}
