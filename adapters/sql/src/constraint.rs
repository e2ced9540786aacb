//! Which rule a duplicate met, on the engine that tells only the columns.

use skep_application::kernel::Constraint;

/// The columns of every uniqueness rule, as SQLite lists them in its message.
const fn columns(constraint: Constraint) -> &'static str {
    match constraint {
        Constraint::UserId => "users.id",
        Constraint::UserEmail => "users.email",
        Constraint::SessionId => "sessions.id",
        Constraint::SetupToken => "setup_tokens.id",
        Constraint::ProductId => "products.id",
        Constraint::ProductSku => "products.sku",
        Constraint::StockLevelProduct => "stock_levels.product_id",
        Constraint::MovementId => "stock_movements.id",
        Constraint::ReservationId => "reservations.id",
        Constraint::OrderId => "orders.id",
        Constraint::OrderNumber => "orders.number",
        Constraint::OrderLine => "order_lines.order_id, order_lines.product_id",
        Constraint::EventId => "outbox.id",
        Constraint::IdempotencyKey => "idempotency_keys.principal, idempotency_keys.use_case, idempotency_keys.key",
        Constraint::InstanceKeyId => "instance_keys.id",
        Constraint::InstanceKeyPurpose => "instance_keys.purpose",
    }
}

/// The rule that SQLite's message `UNIQUE constraint failed: table.column, …` speaks of, with or without its prefix.
#[must_use]
pub fn constraint_by_columns(message: &str) -> Option<Constraint> {
    let listed = message.rsplit_once(": ").map_or(message, |(_, listed)| listed).trim();
    Constraint::ALL.iter().copied().find(|constraint| columns(*constraint) == listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_is_found_by_its_columns() {
        for constraint in Constraint::ALL {
            let listed = columns(*constraint);
            assert_eq!(constraint_by_columns(listed), Some(*constraint));
            assert_eq!(constraint_by_columns(&format!("UNIQUE constraint failed: {listed}")), Some(*constraint));
        }
        let different: BTreeSet<_> = Constraint::ALL.iter().map(|rule| columns(*rule)).collect();
        assert_eq!(different.len(), Constraint::ALL.len());
        assert_eq!(constraint_by_columns("UNIQUE constraint failed: user_roles.user_id, user_roles.role"), None);
    }

    /// The list above, the names of the rules and both schemas say the same.
    #[test]
    fn both_schemas_have_every_rule_under_its_name() {
        for schema in [
            include_str!("../../sqlite/migrations/0001_foundation.up.sql"),
            include_str!("../../postgres/migrations/0001_foundation.up.sql"),
        ] {
            for constraint in Constraint::ALL {
                let listed = columns(*constraint);
                let table = listed.split('.').next().unwrap();
                let plain = listed.replace(&format!("{table}."), "");
                let key = format!("CONSTRAINT {} PRIMARY KEY ({plain})", constraint.name());
                let unique = format!("CONSTRAINT {} UNIQUE ({plain})", constraint.name());
                assert!(schema.contains(&key) || schema.contains(&unique), "{}", constraint.name());
            }
        }
    }
}
