//! The steps of the schema that this program knows.

use skep_sql::Migration;

/// In order; numbers start at 1.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "foundation",
    up: include_str!("../migrations/0001_foundation.up.sql"),
    down: include_str!("../migrations/0001_foundation.down.sql"),
}];
