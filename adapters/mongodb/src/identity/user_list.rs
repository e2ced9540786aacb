//! The list of accounts.

use super::{
    account_states::{CREATED, NAMED},
    users::UserDoc,
};
use crate::{
    ops::{List, SortField},
    record::date,
    store::MongoStore,
};
use bson::{Bson, Document, doc};
use skep_application::{
    identity::{UserFilter, UserSort, UserSortKey, UserView},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::identity::AccountState;

/// The field that accounts are sorted by, and its index.
const fn field(key: UserSortKey) -> SortField {
    match key {
        UserSortKey::CreatedAt => SortField::time(CREATED.name, "created_at"),
        UserSortKey::DisplayName => SortField::text(NAMED.name, "display_name"),
    }
}

/// A condition on the start of a field, compared by characters.
fn starts(field: &str, prefix: &str) -> Document {
    let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
    doc! { "$expr": { "$eq": [{ "$substrCP": [format!("${field}"), 0, length] }, { "$literal": prefix }] } }
}

/// The condition of a filter, which has no field twice.
fn admitted(filter: &UserFilter) -> Document {
    let UserFilter { role, state, email, name, created_from, created_until } = filter;
    let mut parts = vec![];
    parts.extend(role.as_ref().map(|role| doc! { "roles": role.name() }));
    parts.extend(state.map(|state| match state {
        AccountState::Active => doc! { "erase_at": Bson::Null, "disabled_at": Bson::Null, "invited_at": Bson::Null },
        AccountState::Invited => {
            doc! { "erase_at": Bson::Null, "disabled_at": Bson::Null, "invited_at": { "$ne": Bson::Null } }
        }
        AccountState::Disabled => doc! { "erase_at": Bson::Null, "disabled_at": { "$ne": Bson::Null } },
        AccountState::Deleting => doc! { "erase_at": { "$ne": Bson::Null } },
    }));
    parts.extend(email.as_ref().map(|email| starts("email", email.as_str())));
    parts.extend(name.as_ref().map(|name| starts("display_name", name.as_str())));
    parts.extend(created_from.map(|from| doc! { "created_at": { "$gte": date(from) } }));
    parts.extend(created_until.map(|until| doc! { "created_at": { "$lte": date(until) } }));
    if parts.is_empty() {
        doc! {}
    } else {
        doc! { "$and": parts }
    }
}

pub(super) async fn page(
    store: &MongoStore,
    filter: &UserFilter,
    sort: UserSort,
    page: &PageRequest,
) -> Result<Page<UserView>, StoreError> {
    let list = List::of(field(sort.key), sort.direction).only(admitted(filter));
    let place = |user: &_| sort.key.position(&UserView::from(user));
    let Page { items, next, total } = store.read().await?.page::<UserDoc>(&list, page, place).await?;
    Ok(Page { items: items.iter().map(UserView::from).collect(), next, total })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record as _;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in UserSortKey::ALL {
            let SortField { index: name, field, .. } = field(*key);
            assert!(crate::schema::has_index(UserDoc::COLLECTION, name, &[field, "_id"]), "{name}");
        }
    }
}
