//! The lists of accounts: of all, and of those that a filter admits.

use super::{
    roles,
    users::{ROLES_OF_USER, USERS, read_row},
};
use crate::{
    Kind, Row, SqlStore, Statement, Value, args,
    page::{Listed, Pages},
};
use skep_application::{
    identity::{UserFilter, UserSort, UserSortKey, UserView},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    identity::{AccountState, EmailPrefix, NamePrefix, User},
    shared::{Timestamp, UserId},
};
use std::{collections::HashMap, sync::LazyLock};

/// The condition of [`FILTERED`]. An empty text admits every account.
const CONDITION: &str = "($1 = '' OR EXISTS (SELECT 1 FROM user_roles WHERE user_roles.user_id = users.id AND role = $1)) \
    AND ($2 = '' OR $2 = CASE WHEN erase_at IS NOT NULL THEN 'deleting' WHEN disabled_at IS NOT NULL THEN 'disabled' \
    WHEN invited_at IS NOT NULL THEN 'invited' ELSE 'active' END) \
    AND substr(email, 1, length($3)) = $3 AND substr(display_name, 1, length($4)) = $4 \
    AND created_at >= $5 AND created_at <= $6";

fn list(condition: &str, params: &[Kind], of: &str) -> Pages {
    // Each column has the name of its sort key.
    let sorts: Vec<_> = UserSortKey::NAMES.iter().map(|column| (format!("list_by_{column}{of}"), *column)).collect();
    Pages::new(&USERS, &Listed { condition, params, sorts: &sorts, count: &format!("count{of}") })
}

static ALL: LazyLock<Pages> = LazyLock::new(|| list("", &[], ""));
/// A filter is compared with every account in the index until the page is full.
static FILTERED: LazyLock<Pages> = LazyLock::new(|| {
    let params = [Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Time, Kind::Time];
    list(CONDITION, &params, "_filtered").long()
});
static LIST_ROLES: LazyLock<Statement> = LazyLock::new(|| {
    let text = ["SELECT users.id, ", ROLES_OF_USER, " FROM {users by id in $1}"].concat();
    USERS.command("list_roles", &text, &[Kind::Uuids], &[Kind::Uuid, Kind::Text])
});

pub(super) fn statements() -> impl Iterator<Item = &'static Statement> {
    ALL.statements().chain(FILTERED.statements()).chain([&*LIST_ROLES])
}

fn values(filter: &UserFilter) -> Vec<Value> {
    let UserFilter { role, state, email, name, created_from, created_until } = filter;
    args![
        role.as_ref().map_or("", |role| role.name()),
        state.map_or("", AccountState::name),
        email.as_ref().map_or("", EmailPrefix::as_str),
        name.as_ref().map_or("", NamePrefix::as_str),
        created_from.unwrap_or(Timestamp::MIN),
        created_until.unwrap_or(Timestamp::MAX)
    ]
}

pub(super) async fn page(
    store: &SqlStore,
    filter: &UserFilter,
    sort: UserSort,
    request: &PageRequest,
) -> Result<Page<UserView>, StoreError> {
    let (pages, args): (&'static Pages, _) =
        if *filter == UserFilter::default() { (&ALL, vec![]) } else { (&FILTERED, values(filter)) };
    let by = (sort.key.name(), sort.direction);
    let Some(rows) = pages.rows(store, by, args.clone(), request, read_row).await? else {
        return Ok(Page::empty(request));
    };
    let place = |user: &User| sort.key.position(&UserView::from(user));
    let Page { items, next, .. } = Page::of(rows, request, None, place);
    let items = with_roles(store, items).await?;
    Ok(Page { items, next, total: pages.total(store, args, request).await? })
}

async fn with_roles(store: &SqlStore, users: Vec<User>) -> Result<Vec<UserView>, StoreError> {
    let read = |row: &mut Row| {
        let id = UserId::new(row.uuid()?);
        Ok((id, roles::of_account(row.optional_text()?.as_deref())))
    };
    let ids: Vec<_> = users.iter().map(|user| user.id.uuid()).collect();
    let mut roles: HashMap<_, _> = store.rows(&LIST_ROLES, args![ids], read).await?.into_iter().collect();
    let complete = |mut user: User| {
        user.roles = roles.remove(&user.id).unwrap_or_default();
        UserView::from(&user)
    };
    Ok(users.into_iter().map(complete).collect())
}
