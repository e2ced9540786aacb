//! The tables of both engines after all migrations, read from the engines' catalogs, against the declarations of the
//! repositories.

use crate::{Postgres, sqlite};
use rusqlite::Connection as Sqlite;
use skep_sql::{Kind, Shape, tables};
use sqlx::{Executor as _, PgConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// A table, as an engine has it or as it is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    /// The type of each column, and whether it may be NULL, by name.
    columns: BTreeMap<String, (String, bool)>,
    /// The uniqueness rules by name, with `primary` or `unique` and their columns.
    rules: BTreeSet<(String, &'static str, String)>,
    /// The foreign keys by name, with `column -> table.column`.
    references: BTreeSet<(String, String)>,
}

type Catalog = BTreeMap<String, Facts>;

/// The differences between the two, one text each.
fn differences(declared: &Catalog, found: &Catalog) -> Vec<String> {
    fn lines(catalog: &Catalog) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for (table, facts) in catalog {
            lines.insert(format!("table {table}"));
            lines.extend(
                facts.columns.iter().map(|(name, (kind, null))| format!("{table}.{name}: {kind}, null: {null}")),
            );
            lines.extend(facts.rules.iter().map(|(name, kind, columns)| format!("{table}: {kind} {name} ({columns})")));
            lines.extend(facts.references.iter().map(|(name, what)| format!("{table}: foreign key {name} ({what})")));
        }
        lines
    }
    let (declared, found) = (lines(declared), lines(found));
    let missing = declared.difference(&found).map(|line| format!("declared, but not there: {line}"));
    let surplus = found.difference(&declared).map(|line| format!("there, but not declared: {line}"));
    missing.chain(surplus).collect()
}

fn declared(type_of: fn(Kind) -> &'static str) -> Catalog {
    let facts = |table: &&'static Shape| {
        let column =
            |column: &skep_sql::Column| (column.name.to_owned(), (type_of(column.kind).to_owned(), column.nullable));
        let rule = |(at, rule): (usize, skep_sql::Rule)| {
            (rule.constraint.name().to_owned(), if at == 0 { "primary" } else { "unique" }, rule.columns.join(", "))
        };
        let reference = |reference: &skep_sql::Reference| {
            (reference.constraint.name().to_owned(), format!("{} -> {}.id", reference.column, reference.table))
        };
        let columns = table.columns.iter().map(column).collect();
        let (rules, references) =
            (table.rules().enumerate().map(rule).collect(), table.references.iter().map(reference).collect());
        (table.name.to_owned(), Facts { columns, rules, references })
    };
    tables().iter().map(facts).collect()
}

/// The table that records migrations. Their runner creates it, so no repository declares it.
const RUNNERS: &str = "schema_migrations";

/// The name of a constraint in the statement that created a table. SQLite keeps the statement, and its pragmas do not
/// have the names.
fn name_in(text: &str, what: &str) -> String {
    let named = text.split("CONSTRAINT ").skip(1).find_map(|rest| {
        let (name, rule) = rest.split_once(' ')?;
        rule.starts_with(what).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("no name for {what}"))
}

/// The rows of a statement without parameters, each value as text.
fn rows<const N: usize>(connection: &Sqlite, text: &str) -> Vec<[String; N]> {
    let mut statement = connection.prepare(text).unwrap();
    let rows = statement.query_map([], |row| Ok(std::array::from_fn(|at| row.get::<_, String>(at).unwrap())));
    rows.unwrap().map(Result::unwrap).collect()
}

fn sqlite_catalog(connection: &Sqlite) -> Catalog {
    let tables = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut catalog = Catalog::new();
    for [table, text] in rows(connection, tables).into_iter().filter(|[table, _]| table != RUNNERS) {
        let mut facts = Facts::default();
        let columns =
            format!("SELECT name, type, \"notnull\" || '', pk || '' FROM pragma_table_xinfo('{table}') ORDER BY pk");
        let mut key = vec![];
        for [name, kind, not_null, pk] in rows(connection, &columns) {
            facts.columns.insert(name.clone(), (kind, not_null == "0"));
            if pk != "0" {
                key.push(name);
            }
        }
        let key = key.join(", ");
        facts.rules.insert((name_in(&text, &format!("PRIMARY KEY ({key})")), "primary", key));
        let unique = format!(
            "SELECT list.name, list.origin, (SELECT group_concat(name, ', ') FROM \
             (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno)) \
             FROM pragma_index_list('{table}') list WHERE list.\"unique\" AND list.origin <> 'pk'"
        );
        for [index, origin, columns] in rows(connection, &unique) {
            let name = if origin == "c" { index } else { name_in(&text, &format!("UNIQUE ({columns})")) };
            facts.rules.insert((name, "unique", columns));
        }
        let keys =
            format!("SELECT \"from\", \"table\", coalesce(\"to\", 'id') FROM pragma_foreign_key_list('{table}')");
        for [from, to, column] in rows(connection, &keys) {
            let name = name_in(&text, &format!("FOREIGN KEY ({from}) REFERENCES {to} ({column})"));
            facts.references.insert((name, format!("{from} -> {to}.{column}")));
        }
        catalog.insert(table, facts);
    }
    catalog
}

async fn postgres_catalog(connection: &mut PgConnection) -> Catalog {
    let mut catalog = Catalog::new();
    let columns = "SELECT table_name::text, column_name::text, is_nullable = 'YES', \
        data_type::text || coalesce(' ' || collation_name::text, '') \
        FROM information_schema.columns WHERE table_schema = 'public'";
    for row in connection.fetch_all(columns).await.unwrap() {
        let facts = catalog.entry(row.get(0)).or_default();
        facts.columns.insert(row.get(1), (row.get(3), row.get(2)));
    }
    let rules = "SELECT owner.relname::text, class.relname::text, index.indisprimary, \
        (SELECT string_agg(attribute.attname::text, ', ' ORDER BY attribute.attnum) \
        FROM pg_attribute attribute WHERE attribute.attrelid = class.oid) \
        FROM pg_index index \
        JOIN pg_class class ON class.oid = index.indexrelid JOIN pg_class owner ON owner.oid = index.indrelid \
        WHERE class.relnamespace = 'public'::regnamespace AND index.indisunique";
    for row in connection.fetch_all(rules).await.unwrap() {
        let kind = if row.get(2) { "primary" } else { "unique" };
        catalog.entry(row.get(0)).or_default().rules.insert((row.get(1), kind, row.get(3)));
    }
    let references = "SELECT owner.relname::text, rule.conname::text, \
        (SELECT string_agg(attname::text, ', ') FROM pg_attribute \
        WHERE attrelid = rule.conrelid AND attnum = ANY(rule.conkey)) || ' -> ' || target.relname || '.' || \
        (SELECT string_agg(attname::text, ', ') FROM pg_attribute \
        WHERE attrelid = rule.confrelid AND attnum = ANY(rule.confkey)) \
        FROM pg_constraint rule JOIN pg_class owner ON owner.oid = rule.conrelid \
        JOIN pg_class target ON target.oid = rule.confrelid \
        WHERE rule.contype = 'f' AND rule.connamespace = 'public'::regnamespace";
    for row in connection.fetch_all(references).await.unwrap() {
        catalog.entry(row.get(0)).or_default().references.insert((row.get(1), row.get(2)));
    }
    catalog.remove(RUNNERS);
    catalog
}

fn postgres_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Time => "timestamp with time zone",
        // The collation that compares byte by byte, as SQLite does.
        Kind::Text => "text C",
        other => other.postgres(),
    }
}

#[tokio::test]
async fn sqlite_has_the_declared_tables() {
    let (_folder, connection) = sqlite().await;
    let found = differences(&declared(Kind::sqlite), &sqlite_catalog(&connection));
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn postgresql_has_the_declared_tables() {
    let Some(mut postgres) = Postgres::start("catalog").await else { return };
    let found = postgres_catalog(&mut postgres.connection).await;
    postgres.remove().await;
    let found = differences(&declared(postgres_type), &found);
    assert!(found.is_empty(), "{found:#?}");
}

/// Scripts that both engines understand. Each makes one difference from the declaration, which follows it.
const DEVIATIONS: [(&str, &str); 7] = [
    (
        "CREATE TABLE surplus (id BIGINT NOT NULL, CONSTRAINT surplus_pkey PRIMARY KEY (id))",
        "there, but not declared: table surplus",
    ),
    ("DROP TABLE instance_keys", "declared, but not there: table instance_keys"),
    ("ALTER TABLE products ADD COLUMN surplus TEXT", "there, but not declared: products.surplus"),
    (
        "DROP INDEX IF EXISTS orders_unpaid_idx; DROP INDEX IF EXISTS orders_of_customer_unpaid_idx; \
         ALTER TABLE orders DROP COLUMN line_count",
        "declared, but not there: orders.line_count",
    ),
    (
        "CREATE UNIQUE INDEX surplus_key ON orders (customer_id)",
        "there, but not declared: orders: unique surplus_key (customer_id)",
    ),
    (
        "CREATE TABLE surplus (id BIGINT NOT NULL, user_id BIGINT, CONSTRAINT surplus_pkey PRIMARY KEY (id), \
         CONSTRAINT surplus_fkey FOREIGN KEY (id) REFERENCES surplus (id))",
        "there, but not declared: surplus: foreign key surplus_fkey (id -> surplus.id)",
    ),
    (
        "DROP TABLE user_roles; CREATE TABLE user_roles (user_id BIGINT, role TEXT)",
        "declared, but not there: user_roles: primary user_roles_pkey (user_id, role)",
    ),
];

fn is_noticed(found: &[String], expected: &str) -> bool {
    found.iter().any(|line| line.starts_with(expected))
}

#[tokio::test]
async fn a_table_that_differs_from_its_declaration_is_noticed_on_sqlite() {
    for (script, expected) in DEVIATIONS {
        let (_folder, connection) = sqlite().await;
        connection.execute_batch(script).unwrap();
        let found = differences(&declared(Kind::sqlite), &sqlite_catalog(&connection));
        assert!(is_noticed(&found, expected), "{script}: {found:#?}");
    }
}

#[tokio::test]
async fn a_table_that_differs_from_its_declaration_is_noticed_on_postgresql() {
    let Some(mut postgres) = Postgres::start("deviations").await else { return };
    let mut unnoticed = vec![];
    for (script, expected) in DEVIATIONS {
        postgres.connection.execute("BEGIN").await.unwrap();
        postgres.connection.execute(script).await.unwrap();
        let found = differences(&declared(postgres_type), &postgres_catalog(&mut postgres.connection).await);
        if !is_noticed(&found, expected) {
            unnoticed.push((script, found));
        }
        postgres.connection.execute("ROLLBACK").await.unwrap();
    }
    postgres.remove().await;
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// The reverse: every omission or mistake in a declaration is noticed.
#[tokio::test]
async fn a_wrong_declaration_is_noticed() {
    let (_folder, connection) = sqlite().await;
    let (declared, found) = (declared(Kind::sqlite), sqlite_catalog(&connection));
    let mut wrong: Vec<Catalog> = vec![];
    for (name, facts) in &declared {
        let mut planted = |facts: Option<Facts>| {
            let mut catalog = declared.clone();
            match facts {
                Some(facts) => catalog.insert(name.clone(), facts),
                None => catalog.remove(name),
            };
            wrong.push(catalog);
        };
        planted(None);
        for (column, (kind, nullable)) in &facts.columns {
            let mut without = facts.clone();
            without.columns.remove(column);
            planted(Some(without));
            for (kind, nullable) in [(kind.clone(), !nullable), ("REAL".to_owned(), *nullable)] {
                let mut other = facts.clone();
                other.columns.insert(column.clone(), (kind, nullable));
                planted(Some(other));
            }
        }
        for rule in &facts.rules {
            let mut without = facts.clone();
            without.rules.remove(rule);
            planted(Some(without.clone()));
            without.rules.insert((format!("{}2", rule.0), rule.1, rule.2.clone()));
            planted(Some(without));
        }
        for reference in &facts.references {
            let mut without = facts.clone();
            without.references.remove(reference);
            planted(Some(without));
        }
    }
    assert!(wrong.len() > 200, "{}", wrong.len());
    assert!(wrong.iter().all(|wrong| !differences(wrong, &found).is_empty()));
}
