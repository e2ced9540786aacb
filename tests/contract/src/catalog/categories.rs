//! `CategoryRepository` and `CategoryQueries`.

use super::{Categories, CategoriesUnit};
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    laws::{
        Child, Deleted, Entity, Listed, Shown, Unique, Versioned, deletes, lists, put, put_sample, references, saves,
        shows,
    },
    sample,
    units::commit,
    world,
};
use async_trait::async_trait;
use skep_application::{
    catalog::{
        CategorySort, CategorySortKey,
        constraints::{CATEGORY_ID, CATEGORY_PARENT, CATEGORY_SLUG},
    },
    kernel::{Constraint, Page, PageRequest, Position, Scope, StoreError},
};
use skep_domain::{
    catalog::{Category, CategoryId, Slug},
    shared::{Direction, Text, Timestamp, Version},
};
use std::{slice::from_ref, sync::Arc};

clauses! { clauses of "categories" on dyn Categories, with [
        saves::clauses::<Category>("categories"),
        shows::clauses::<Category>("category_queries"),
        lists::clauses::<Category>("category_queries"),
        lists::leaving::<Category>("category_queries"),
        deletes::clauses::<Category>("categories"),
        references::clauses::<Category>("categories", &["CategoryRepository 1"]),
    ]:
    the_lineage_leads_to_the_top,
    the_height_is_that_of_the_longest_path,
    of_crossing_moves_one_is_not_stored ["CategoryRepository 2"],
    a_place_gets_no_deeper_while_a_unit_looks ["CategoryRepository 2"],
}

type Given = clause::Given<dyn Categories>;

fn category(parent_id: Option<CategoryId>) -> Checked<Category> {
    let id = CategoryId::new(world::uuid());
    let slug = Slug::parse(&format!("honey-{}", id.uuid().simple()))?;
    Ok(Category::create(id, Text::line("Honey", 200)?, slug, parent_id, sample::at(0)))
}

#[async_trait]
impl Entity for Category {
    type Id = CategoryId;
    type Store = dyn Categories;
    type Tx = dyn CategoriesUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: CATEGORY_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: CATEGORY_SLUG, collide: |one, other| other.slug.clone_from(&one.slug), on_save: true },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        category(None)
    }

    async fn extremes(store: &Self::Store) -> Checked<Vec<Self>> {
        let parent = put_sample::<Self>(store).await?;
        let of = |(name, slug, parent_id, time): (&str, &str, _, _)| {
            let (name, slug) = (Text::stored(name.to_owned()), Slug::parse(slug)?);
            Ok(Self { name, slug, created_at: time, updated_at: time, ..category(parent_id)? })
        };
        [
            ("\u{10FFFD}".repeat(200).as_str(), "0", Some(parent.id), Timestamp::MAX),
            ("'; DROP TABLE categories; --", "z".repeat(100).as_str(), None, Timestamp::MIN),
            ("\u{e9}", "a-b-0", Some(parent.id), Timestamp::from_millis(-1)?),
        ]
        .into_iter()
        .map(of)
        .collect()
    }

    fn id(&self) -> CategoryId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: CategoryId) -> Result<Option<Self>, StoreError> {
        tx.categories().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.categories().insert(self).await
    }
}

#[async_trait]
impl Versioned for Category {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        self.name = Text::line(&format!("Round {round}"), 200)?;
        self.slug = Slug::parse(&format!("round-{round}-{}", self.id.uuid().simple()))?;
        // The category becomes its own parent, because no other id is known to exist here.
        self.parent_id = (round % 2 == 1).then_some(self.id);
        self.updated_at = sample::at(100 * round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.categories().save(self).await
    }
}

impl Child for Category {
    const PARENT: Constraint = CATEGORY_PARENT;

    fn under(&mut self, parent: CategoryId) {
        self.parent_id = Some(parent);
    }
}

#[async_trait]
impl Deleted for Category {
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.categories().delete(self).await
    }
}

#[async_trait]
impl Shown for Category {
    type Row = Self;

    fn row(&self) -> Self {
        self.clone()
    }

    async fn show(store: &Self::Store, _: Scope, id: CategoryId) -> Result<Option<Self>, StoreError> {
        store.queries().find_category(id).await
    }
}

#[async_trait]
impl Listed for Category {
    type Sort = CategorySortKey;
    const SORTS: &'static [CategorySortKey] = CategorySortKey::ALL;

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        let name = Text::line(&format!("Honey {}", number % 4), 200)?;
        Ok(Self { name, created_at: sample::at(number % 5 * 10), ..category(None)? })
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let mut categories = Vec::new();
        for name in ["a", "B", "b", "ä", "zz", "é", "🐝", "\u{FFFD}", "a b", "a-b", "ab", "ss", "ß", "10", "9", "_"]
        {
            categories.push(Self { name: Text::line(name, 200)?, ..category(None)? });
        }
        for created_at in sample::edges_of_time()? {
            categories.push(Self { created_at, ..category(None)? });
        }
        Ok(categories)
    }

    fn place(sort: CategorySortKey, row: &Self) -> Position {
        sort.position(row)
    }

    async fn list(
        store: &Self::Store,
        _: Scope,
        key: CategorySortKey,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self>, StoreError> {
        store.queries().list_categories(CategorySort { key, direction }, page).await
    }

    async fn leave(&self, tx: &mut Self::Tx) -> Result<bool, StoreError> {
        tx.categories().delete(self).await?;
        Ok(true)
    }
}

async fn the_lineage_leads_to_the_top(given: &Given) -> Checked {
    let mut line: Vec<Category> = vec![put_sample(&*given.store).await?];
    for depth in 0..4 {
        line.push(category(Some(line[depth].id))?);
        put(&*given.store, &line[depth + 1..]).await?;
    }
    let other: Category = put_sample(&*given.store).await?;
    let lineage = async |id| commit!(given.store, tx => tx.categories().lineage(id, other.id).await?);
    let expected: Vec<_> = line.iter().rev().map(|category| category.id).collect();
    equal(lineage(line[4].id).await?, expected)?;
    equal(lineage(line[0].id).await?, vec![line[0].id])?;
    equal(lineage(CategoryId::new(world::uuid())).await?, vec![])
}

async fn the_height_is_that_of_the_longest_path(given: &Given) -> Checked {
    let mut line: Vec<Category> = vec![put_sample(&*given.store).await?];
    for depth in 0..=Category::MAX_DEPTH {
        line.push(category(Some(line[depth].id))?);
    }
    let height = async |id| commit!(given.store, tx => tx.categories().height(id).await?);
    put(&*given.store, &line[1..3]).await?;
    put(&*given.store, &[category(Some(line[0].id))?, category(Some(line[1].id))?]).await?;
    for (at, expected) in [(0, 3), (1, 2), (2, 1), (3, 0)] {
        equal(height(line[at].id).await?, expected)?;
    }
    for child in &line[3..] {
        put(&*given.store, from_ref(child)).await?;
    }
    equal(height(line[2].id).await?, Category::MAX_DEPTH)?;
    equal(height(line[1].id).await?, Category::MAX_DEPTH + 1)?;
    equal(height(line[0].id).await?, Category::MAX_DEPTH + 1)
}

/// Moves a category unless that would make a cycle. Returns whether it was moved.
async fn moved(store: &dyn Categories, id: CategoryId, under: CategoryId) -> Result<bool, StoreError> {
    commit!(store, tx => {
        let lineage = tx.categories().lineage(under, id).await?;
        match tx.categories().find(id).await? {
            Some(category) if !lineage.contains(&id) => {
                tx.categories().save(&Category { parent_id: Some(under), ..category }).await?;
                true
            }
            _ => false,
        }
    })
}

/// Moves each root under a child of the next root, all at once. If every move were stored, there would be a cycle.
async fn of_crossing_moves_one_is_not_stored(given: &Given) -> Checked {
    for count in [2, 3, 2, 3, 2, 3] {
        let (mut roots, mut children): (Vec<Category>, Vec<_>) = (vec![], vec![]);
        for _ in 0..count {
            roots.push(put_sample(&*given.store).await?);
            children.push(category(roots.last().map(|root| root.id))?);
        }
        put(&*given.store, &children).await?;
        let start = Arc::new(tokio::sync::Barrier::new(count));
        let tasks: Vec<_> = (0..count).map(|at| (roots[at].id, children[(at + 1) % count].id)).collect();
        let tasks = tasks.into_iter().map(|(id, under)| {
            let (store, start) = (given.store.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                moved(&*store, id, under).await
            })
        });
        let mut done = 0;
        for task in tasks.collect::<Vec<_>>() {
            done += usize::from(task.await??);
        }
        let mut under = 0;
        for root in &roots {
            let found = given.store.queries().find_category(root.id).await?;
            under += usize::from(found.is_some_and(|root| root.parent_id.is_some()));
        }
        equal((done, under), (count - 1, count - 1))?;
    }
    Ok(())
}

/// One unit moves a category with a child under another one, and one puts a third level under the child. Each keeps to
/// three levels as it sees the tree, so only one of them may be stored.
async fn a_place_gets_no_deeper_while_a_unit_looks(given: &Given) -> Checked {
    const LEVELS: usize = 3;
    for _ in 0..6 {
        let (top, moving): (Category, Category) = (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
        let child = category(Some(moving.id))?;
        put(&*given.store, from_ref(&child)).await?;
        let grandchild = category(Some(child.id))?;
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let (store, ready) = (given.store.clone(), start.clone());
        let moves = tokio::spawn(async move {
            ready.wait().await;
            commit!(store, tx => {
                let depth = tx.categories().lineage(top.id, moving.id).await?.len();
                let fits = depth + tx.categories().height(moving.id).await? <= LEVELS;
                if fits {
                    tx.categories().save(&Category { parent_id: Some(top.id), ..moving.clone() }).await?;
                }
                fits
            })
        });
        let (store, ready) = (given.store.clone(), start);
        let grows = tokio::spawn(async move {
            ready.wait().await;
            commit!(store, tx => {
                let fits = tx.categories().lineage(child.id, grandchild.id).await?.len() < LEVELS;
                if fits {
                    tx.categories().insert(&grandchild).await?;
                }
                fits
            })
        });
        equal(usize::from(moves.await??) + usize::from(grows.await??), 1)?;
    }
    Ok(())
}
