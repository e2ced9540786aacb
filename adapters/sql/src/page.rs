//! Pages by keyset: the statements of a list, and which of them reads a page.

use super::{Kind, Sql, Statement, Value};
use skep_application::kernel::{PageRequest, Position, SortValue};
use skep_domain::shared::Direction;
use std::borrow::Cow;

/// A list that can be read in pages, in one order.
pub(crate) struct List {
    first: Statement,
    next: Statement,
    key: Kind,
}

/// What the statements of a [`List`] are made of. It is sorted by `key` and, among equals, by `id`.
pub(crate) struct ListSpec {
    /// `context.entity.list…`.
    pub(crate) name: String,
    /// The columns, as they stand behind `SELECT`.
    pub(crate) columns: &'static str,
    /// Their kinds.
    pub(crate) kinds: &'static [Kind],
    /// The table.
    pub(crate) table: &'static str,
    /// What every row must meet; empty for nothing.
    pub(crate) condition: &'static str,
    /// The kinds of the parameters in the condition.
    pub(crate) params: &'static [Kind],
    /// The sort key's column and its kind.
    pub(crate) key: (&'static str, Kind),
    /// Which way.
    pub(crate) direction: Direction,
}

impl List {
    /// Builds both statements: of the first page, and of a page after some row. Only for lists that live as long as the
    /// program, because names and parameters do.
    pub(crate) fn new(spec: &ListSpec) -> Self {
        let (key, kind) = spec.key;
        let after = match spec.direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        };
        let n = spec.params.len();
        let after = format!("({key}, id) {after} (${}, ${})", n + 1, n + 2);
        Self {
            first: spec.statement("first", &[spec.condition], &[]),
            next: spec.statement("next", &[spec.condition, &after], &[kind, Kind::Uuid]),
            key: kind,
        }
    }

    pub(crate) fn statements(&self) -> [&Statement; 2] {
        [&self.first, &self.next]
    }

    /// The statement and the arguments that read a page, and one row more to see whether others follow; `None` if the
    /// position is one of another list.
    pub(crate) fn page(&self, mut args: Vec<Value>, request: &PageRequest) -> Option<(&Statement, Vec<Value>)> {
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

impl ListSpec {
    fn statement(&self, page: &str, conditions: &[&str], more: &[Kind]) -> Statement {
        let Self { columns, table, key: (key, _), .. } = self;
        let conditions: Vec<&str> = conditions.iter().copied().filter(|condition| !condition.is_empty()).collect();
        let filter = if conditions.is_empty() { "" } else { " WHERE " };
        let filter = format!("{filter}{}", conditions.join(" AND "));
        let order = match self.direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        };
        let params = [self.params, more, &[Kind::Int]].concat();
        let limit = params.len();
        let text = format!("SELECT {columns} FROM {table}{filter} ORDER BY {key} {order}, id {order} LIMIT ${limit}");
        Statement {
            name: format!("{}_{page}", self.name).leak(),
            sql: Sql::Both(Cow::Owned(text)),
            params: params.leak(),
            columns: self.kinds,
            batch: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;
    use skep_domain::shared::{PageLimit, Timestamp};
    use uuid::Uuid;

    fn list(condition: &'static str, params: &'static [Kind], direction: Direction) -> List {
        List::new(&ListSpec {
            name: "test.row.list".to_owned(),
            columns: "id, name",
            kinds: &[Kind::Uuid, Kind::Text],
            table: "rows",
            condition,
            params,
            key: ("name", Kind::Text),
            direction,
        })
    }
    fn request(after: Option<SortValue>) -> PageRequest {
        let after = after.map(|key| Position { key, id: Uuid::from_u128(7) });
        PageRequest { limit: PageLimit::new(5).unwrap(), after, count: false }
    }

    #[test]
    fn the_first_page_starts_nowhere_and_reads_one_row_more() {
        let list = list("", &[], Direction::Ascending);
        let (statement, args) = list.page(vec![], &request(None)).unwrap();
        let text = "SELECT id, name FROM rows ORDER BY name ASC, id ASC LIMIT $1";
        assert_eq!((statement.name, statement.text(Engine::Sqlite)), ("test.row.list_first", text));
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
        assert_eq!((statement.name, statement.text(Engine::Postgres)), ("test.row.list_next", text));
        assert_eq!(args, [owner, Value::from("m"), Value::from(Uuid::from_u128(7)), Value::Int(6)]);
        assert!(statement.check(&args).is_ok());
    }

    #[test]
    fn a_position_of_another_list_is_no_page() {
        let list = list("", &[], Direction::Ascending);
        assert!(list.page(vec![], &request(Some(SortValue::Int(1)))).is_none());
        assert!(list.page(vec![], &request(Some(SortValue::Time(Timestamp::MIN)))).is_none());
    }
}
