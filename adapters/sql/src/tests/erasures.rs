//! Every table says what the erasure of an account does with it.

use crate::tables;
use skep_application::{erasures, kernel::UserData};
use std::collections::BTreeMap;

/// The ends of the names of columns that have the id or the address of a user.
const OF_USERS: &[&str] = &["user_id", "owner_id", "customer_id", "actor_id", "impersonator_id", "principal", "email"];

#[test]
fn every_table_says_what_an_erasure_does_with_it() {
    let declared: BTreeMap<_, _> = erasures().collect();
    let stored: Vec<_> = tables().iter().map(|table| table.name).collect();
    let missing: Vec<_> = stored.iter().filter(|name| !declared.contains_key(**name)).collect();
    assert!(missing.is_empty(), "add them to `erasures.rs` of their context: {missing:?}");
    let surplus: Vec<_> = declared.keys().filter(|name| !stored.contains(*name)).collect();
    assert!(surplus.is_empty(), "no such tables: {surplus:?}");
}

#[test]
fn a_table_with_the_id_or_the_address_of_a_user_has_data_of_users() {
    let declared: BTreeMap<_, _> = erasures().collect();
    for table in tables().iter().filter(|table| declared.get(table.name) == Some(&UserData::None)) {
        let of_user = table.columns.iter().find(|column| OF_USERS.iter().any(|end| column.name.ends_with(end)));
        assert!(of_user.is_none(), "{}.{} says who a user is", table.name, of_user.map_or("", |column| column.name));
    }
}
