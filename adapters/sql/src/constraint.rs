//! Which rule a duplicate met, on the engine that tells only the columns.

use skep_application::kernel::Constraint;

/// The columns of every uniqueness rule, as SQLite lists them in its message.
fn columns(constraint: Constraint) -> &'static str {
    match constraint {
        skep_application::identity::constraints::USER_ID => "users.id",
        skep_application::identity::constraints::USER_EMAIL => "users.email",
        skep_application::identity::constraints::SESSION_ID => "sessions.id",
        skep_application::identity::constraints::SETUP_TOKEN => "setup_tokens.id",
        skep_application::catalog::constraints::PRODUCT_ID => "products.id",
        skep_application::catalog::constraints::PRODUCT_SKU => "products.sku",
        skep_application::catalog::constraints::STOCK_LEVEL_PRODUCT => "stock_levels.product_id",
        skep_application::catalog::constraints::MOVEMENT_ID => "stock_movements.id",
        skep_application::catalog::constraints::RESERVATION_ID => "reservations.id",
        skep_application::ordering::constraints::ORDER_ID => "orders.id",
        skep_application::ordering::constraints::ORDER_NUMBER => "orders.number",
        skep_application::ordering::constraints::ORDER_LINE => "order_lines.order_id, order_lines.product_id",
        skep_application::kernel::constraints::EVENT_ID => "outbox.id",
        skep_application::kernel::constraints::IDEMPOTENCY_KEY => {
            "idempotency_keys.principal, idempotency_keys.use_case, idempotency_keys.key"
        }
        skep_application::operations::constraints::INSTANCE_KEY_ID => "instance_keys.id",
        skep_application::operations::constraints::INSTANCE_KEY_PURPOSE => "instance_keys.purpose",
        _ => "",
    }
}

/// The rule that SQLite's message `UNIQUE constraint failed: table.column, …` speaks of, with or without its prefix.
#[must_use]
pub fn constraint_by_columns(message: &str) -> Option<Constraint> {
    let listed = message.rsplit_once(": ").map_or(message, |(_, listed)| listed).trim();
    skep_application::constraints().find(|constraint| columns(*constraint) == listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_is_found_by_its_columns() {
        for constraint in skep_application::constraints() {
            let listed = columns(constraint);
            assert_eq!(constraint_by_columns(listed), Some(constraint));
            assert_eq!(constraint_by_columns(&format!("UNIQUE constraint failed: {listed}")), Some(constraint));
        }
        let different: BTreeSet<_> = skep_application::constraints().map(columns).collect();
        assert_eq!(different.len(), skep_application::constraints().count());
        assert_eq!(constraint_by_columns("UNIQUE constraint failed: user_roles.user_id, user_roles.role"), None);
    }

    /// The list above, the names of the rules and both schemas say the same.
    #[test]
    fn both_schemas_have_every_rule_under_its_name() {
        for schema in [
            include_str!("../migrations/foundation/0001_foundation.sqlite.up.sql"),
            include_str!("../migrations/foundation/0001_foundation.postgres.up.sql"),
        ] {
            for constraint in skep_application::constraints() {
                let listed = columns(constraint);
                let table = listed.split('.').next().unwrap();
                let plain = listed.replace(&format!("{table}."), "");
                let key = format!("CONSTRAINT {} PRIMARY KEY ({plain})", constraint.name());
                let unique = format!("CONSTRAINT {} UNIQUE ({plain})", constraint.name());
                assert!(schema.contains(&key) || schema.contains(&unique), "{}", constraint.name());
            }
        }
    }
}
