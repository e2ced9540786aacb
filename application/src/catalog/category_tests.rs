//! Tests of the use cases of categories, with mocks only.

use super::{
    constraints::{CATEGORY_ID, CATEGORY_PARENT, CATEGORY_SLUG},
    *,
};
use crate::{
    catalog::MockCategoryQueries,
    kernel::{Command, PageRequest, Precondition, StoreError},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    catalog::{Category, CategoryId},
    shared::{Direction, Patch, Text, Version},
};
use std::sync::Arc;

/// A shelf with one category and nothing else.
fn one() -> Shelf {
    Shelf { category: Some(category(1)), ..Shelf::default() }
}

async fn run<C: Command<Unit = dyn CatalogTx>>(
    tx: MockCatalogTx,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([tx])).execute(&admin(), input).await
}

fn create() -> CreateCategoryCommand {
    let (name, slug) = ("Honey".to_owned(), "honey".to_owned());
    CreateCategoryCommand { name, slug, parent_id: Some(category_id(1)) }
}

fn rename(name: &str, slug: &str) -> RenameCategoryCommand {
    RenameCategoryCommand {
        category_id: category_id(1),
        precondition: Precondition::version(Version::FIRST),
        name: Patch::Set(name.to_owned()),
        slug: Patch::Set(slug.to_owned()),
    }
}

fn delete(precondition: Precondition) -> DeleteCategoryCommand {
    DeleteCategoryCommand { category_id: category_id(1), precondition }
}

#[tokio::test]
async fn a_new_category_is_stored_under_its_parent_with_one_event() {
    let shelf = on_level(1);
    let category = run(shelf.open(), CreateCategory, create()).await.unwrap();
    assert_eq!(category, shelf.seen.one("categories.insert"));
    assert_eq!(shelf.seen.one::<(CategoryId, CategoryId)>("categories.find_lineage"), (category_id(1), category.id));
    assert_eq!((category.slug.as_str(), category.parent_id), ("honey", Some(category_id(1))));
    assert_eq!(shelf.seen.event().name, "catalog.category_created.v1");
    assert_eq!(
        shelf.seen.payload(),
        json!({ "category_id": category.id, "slug": "honey", "parent_id": category_id(1) })
    );
}

#[tokio::test]
async fn all_invalid_fields_are_reported_at_once_before_anything_is_read() {
    let wrong = CreateCategoryCommand { name: " ".to_owned(), slug: "Honey".to_owned(), ..create() };
    let refusal = use_case(CreateCategory, &Scripted::untouched()).execute(&admin(), wrong).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/name", "invalid_text"), ("/slug", "invalid_slug")]));
}

#[tokio::test]
async fn a_conflict_in_the_store_is_reported_and_the_unit_rolled_back() {
    let unknown = ("validation_failed", vec![("/parent_id", "unknown_category")]);
    for (error, refusal, ending) in [
        (StoreError::Referenced { constraint: CATEGORY_PARENT }, unknown, Ending::RolledBack),
        (StoreError::Duplicate { constraint: CATEGORY_SLUG }, ("slug_taken", vec![]), Ending::RolledBack),
        (StoreError::Duplicate { constraint: CATEGORY_ID }, ("internal", vec![]), Ending::Dropped),
    ] {
        let shelf = on_level(1);
        let mut tx = shelf.looking();
        tx.categories.expect_insert().times(1).return_once(|_| Err(error));
        let refused = run(tx, CreateCategory, create()).await;
        assert_eq!((problem(&refused), shelf.seen.endings()), (refusal, vec![ending]));
    }
    let shelf = one();
    let mut tx = shelf.looking();
    let taken = StoreError::Duplicate { constraint: CATEGORY_SLUG };
    tx.categories.expect_save().times(1).return_once(|_| Err(taken));
    assert_eq!(code(&run(tx, RenameCategory, rename("Wax", "wax")).await), "slug_taken");
    let mut tx = shelf.looking();
    let referenced = StoreError::Referenced { constraint: CATEGORY_PARENT };
    tx.categories.expect_delete().times(1).return_once(|_| Err(referenced));
    assert_eq!(code(&run(tx, DeleteCategory, delete(Precondition::Missing)).await), "category_has_children");
    assert_eq!(shelf.seen.endings(), [Ending::RolledBack; 2]);
}

#[tokio::test]
async fn a_new_name_or_slug_raises_the_version_and_records_one_event() {
    let honey = category(1);
    for (change, expected) in [
        (rename("Wax", "wax"), ("Wax", "wax")),
        (RenameCategoryCommand { slug: Patch::Keep, ..rename("Wax", "") }, ("Wax", "honey")),
        (RenameCategoryCommand { name: Patch::Keep, ..rename("", "wax") }, ("Honey", "wax")),
    ] {
        let shelf = one();
        let category = run(shelf.open(), RenameCategory, change).await.unwrap();
        assert_eq!((category.name.as_str(), category.slug.as_str()), expected);
        let saved: Category = shelf.seen.one("categories.save");
        assert_eq!((category.version, saved.version), (honey.version.next(), honey.version));
        assert_eq!(shelf.seen.event().name, "catalog.category_renamed.v1");
        assert_eq!(shelf.seen.payload(), json!({ "category_id": honey.id, "slug": expected.1 }));
    }
    let same = run(one().looking(), RenameCategory, rename("Honey", "honey")).await;
    assert_eq!(same.unwrap(), honey, "the same name and slug change nothing");
}

/// The rules of today refuse the name. It was taken before.
#[tokio::test]
async fn a_name_that_stays_the_same_is_not_judged_again() {
    let old = || {
        let mut shelf = one();
        shelf.category.as_mut().unwrap().name = Text::stored("Hon\u{202E}ey".to_owned());
        shelf
    };
    let renamed = run(old().open(), RenameCategory, rename("Hon\u{202E}ey", "wax")).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.slug.as_str()), ("Hon\u{202E}ey", "wax"));
    let refusal = run(old().looking(), RenameCategory, rename("Wa\u{202E}x", "wax")).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/name", "invalid_text")]));
}

#[tokio::test]
async fn not_found_is_reported_before_the_precondition_and_the_precondition_before_the_values() {
    let wrong = |precondition| RenameCategoryCommand { precondition, name: Patch::Clear, ..rename("", "A") };
    let ask = async |shelf: Shelf, precondition| run(shelf.looking(), RenameCategory, wrong(precondition)).await;
    assert_eq!(code(&ask(Shelf::default(), Precondition::Missing).await), "not_found");
    assert_eq!(code(&ask(one(), Precondition::Missing).await), "precondition_required");
    let other = Precondition::version(Version::FIRST.next());
    assert_eq!(code(&ask(one(), other.clone()).await), "precondition_failed");
    let refusal = ask(one(), Precondition::Any).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/name", "required"), ("/slug", "invalid_slug")]));
    // A deletion needs no precondition.
    let ask = async |shelf: Shelf, precondition| code(&run(shelf.open(), DeleteCategory, delete(precondition)).await);
    assert_eq!(ask(Shelf::default(), other.clone()).await, "not_found");
    assert_eq!(ask(one(), other).await, "precondition_failed");
    assert_eq!(ask(one(), Precondition::version(Version::FIRST)).await, "ok");
}

#[tokio::test]
async fn a_category_is_deleted_with_one_event() {
    let shelf = one();
    run(shelf.open(), DeleteCategory, delete(Precondition::Missing)).await.unwrap();
    assert_eq!(Some(shelf.seen.one("categories.delete")), shelf.category);
    let event = shelf.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("catalog.category_deleted.v1", Version::FIRST.next()));
    assert_eq!(shelf.seen.payload(), json!({ "category_id": category_id(1), "slug": "honey" }));
}

#[tokio::test]
async fn visitors_and_users_see_categories_and_an_actor_without_roles_is_refused_first() {
    let mut queries = MockCategoryQueries::new();
    queries.expect_find_category().returning(|id| Ok(one().category.filter(|found| found.id == id)));
    queries.expect_list_categories().times(1).returning(|_, _| Err(away()));
    let queries: Arc<dyn CategoryQueries> = Arc::new(queries);
    let (get, list) = (GetCategory::new(queries.clone()), ListCategories::new(queries, fixed_runtime().0.clock));
    for actor in [visitor(), user(1), admin()] {
        assert_eq!(get.execute(&actor, category_id(1)).await.unwrap().id, category_id(1));
        assert_eq!(code(&get.execute(&actor, category_id(2)).await), "not_found");
    }
    let sort = CategorySort { key: CategorySortKey::Name, direction: Direction::Ascending };
    let ask = async |actor| code(&list.execute(&actor, sort, &PageRequest::default()).await);
    assert_eq!((ask(visitor()).await, ask(actor(1, &[])).await), ("store_unavailable", "forbidden"));
    assert_eq!(code(&get.execute(&actor(1, &[]), category_id(1)).await), "forbidden");
}

fn move_to(parent: Option<u64>) -> MoveCategoryCommand {
    let (category_id, parent_id) = (category_id(1), parent.map(category_id));
    MoveCategoryCommand { category_id, parent_id, precondition: Precondition::Missing }
}

/// A shelf whose category is under another category.
fn under(parent: u64) -> Shelf {
    let mut shelf = one();
    shelf.category.as_mut().unwrap().parent_id = Some(category_id(parent));
    shelf
}

/// A shelf on which each parent is on this level of the tree.
fn on_level(depth: usize) -> Shelf {
    Shelf { lineage: (2..).map(category_id).take(depth).collect(), ..Shelf::default() }
}

#[tokio::test]
async fn a_move_changes_the_parent_and_records_one_event() {
    for (shelf, to) in [(one(), Some(2)), (under(3), Some(2)), (under(3), None)] {
        let shelf = Shelf { lineage: on_level(2).lineage, ..shelf };
        let category = run(shelf.open(), MoveCategory, move_to(to)).await.unwrap();
        let looked = to.map(|parent| (category_id(parent), category_id(1)));
        assert_eq!(shelf.seen.all::<(CategoryId, CategoryId)>("categories.find_lineage"), Vec::from_iter(looked));
        assert_eq!((category.parent_id, category.version), (to.map(category_id), Version::FIRST.next()));
        assert_eq!(shelf.seen.event().name, "catalog.category_moved.v1");
        assert_eq!(shelf.seen.payload(), json!({ "category_id": category.id, "parent_id": to.map(category_id) }));
    }
}

#[tokio::test]
async fn a_move_to_the_same_parent_changes_nothing() {
    let shelf = Shelf { lineage: on_level(1).lineage, ..under(2) };
    assert_eq!(Some(run(shelf.looking(), MoveCategory, move_to(Some(2))).await.unwrap()), shelf.category);
}

#[tokio::test]
async fn a_parent_must_exist_and_not_be_under_the_category() {
    for (lineage, refusal) in [
        (vec![], ("validation_failed", vec![("/parent_id", "unknown_category")])),
        (vec![category_id(2), category_id(1)], ("category_cycle", vec![])),
    ] {
        let shelf = Shelf { lineage, ..one() };
        let refused = run(shelf.looking(), MoveCategory, move_to(Some(2))).await;
        assert_eq!((problem(&refused), shelf.seen.endings()), (refusal, vec![Ending::RolledBack]));
    }
    assert_eq!(code(&run(Shelf::default().looking(), MoveCategory, move_to(None)).await), "not_found");
    let stale = MoveCategoryCommand { precondition: Precondition::version(Version::FIRST.next()), ..move_to(None) };
    let refused = run(under(2).looking(), MoveCategory, stale).await;
    assert_eq!(code(&refused), "precondition_failed");
}

#[tokio::test]
async fn the_tree_has_at_most_sixteen_levels() {
    for (depth, expected) in
        [(0, "validation_failed"), (15, "ok"), (16, "category_too_deep"), (40, "category_too_deep")]
    {
        let shelf = on_level(depth);
        assert_eq!(code(&run(shelf.open(), CreateCategory, create()).await), expected, "under level {depth}");
    }
    for (depth, height, expected) in
        [(15, 1, "ok"), (13, 3, "ok"), (13, 4, "category_too_deep"), (1, 17, "category_too_deep")]
    {
        let shelf = Shelf { lineage: on_level(depth).lineage, height, ..one() };
        let code = code(&run(shelf.open(), MoveCategory, move_to(Some(2))).await);
        assert_eq!(code, expected, "{height} levels under level {depth}");
    }
    let tall = Shelf { height: 40, ..under(2) };
    run(tall.open(), MoveCategory, move_to(None)).await.expect("any tree can be moved to the top");
    run(tall.open(), MoveCategory, move_to(Some(2))).await.expect("a tree that is too deep stays in its place");
}

#[tokio::test]
async fn obey_the_frame_of_commands() {
    obeys_the_frame(&on_level(1), || CreateCategory, &admin(), create).await;
    obeys_the_frame(&one(), || RenameCategory, &admin(), || rename("Wax", "wax")).await;
    obeys_the_frame(&one(), || DeleteCategory, &admin(), || delete(Precondition::Missing)).await;
    obeys_the_frame(&under(2), || MoveCategory, &admin(), || move_to(None)).await;
}
