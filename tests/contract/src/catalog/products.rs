//! `ProductRepository` and `ProductQueries`.

use super::{Products, ProductsUnit};
use crate::{
    check::{Checked, duplicate, equal, holds, some},
    clause::{self, clauses},
    laws::{Batched, Entity, Listed, Shown, Unique, Versioned, batches, lists, put, saves, shows},
    sample, units, world,
};
use async_trait::async_trait;
use skep_application::{
    catalog::{
        ProductSort, ProductSortKey,
        constraints::{PRODUCT_ID, PRODUCT_SKU},
    },
    kernel::{Page, PageRequest, Position, Scope, StoreError},
};
use skep_domain::{
    catalog::{MOST_PICTURES, Picture, Product, Sku},
    files::FileId,
    shared::{Direction, ProductId, Text, Timestamp, Version},
};

clauses! { clauses of "products" on dyn Products, with [
        saves::clauses::<Product>("products"),
        batches::clauses::<Product>("products"),
        shows::clauses::<Product>("product_queries"),
        lists::clauses::<Product>("product_queries"),
        lists::leaving::<Product>("product_queries"),
    ]:
    products_are_shown_by_their_ids,
    ids_are_listed_in_ascending_order_with_archived_ones,
    codes_are_compared_byte_by_byte,
    an_archived_product_keeps_its_code,
}

type Given = clause::Given<dyn Products>;

/// Pictures in an order that is not the one of their ids.
fn pictures(count: usize, alt: &str) -> Vec<Picture> {
    let file_id = |_| FileId::new(world::uuid());
    let mut ids: Vec<_> = (0..count).map(file_id).collect();
    ids.reverse();
    ids.into_iter().map(|file_id| Picture { file_id, alt: Text::stored(alt.to_owned()) }).collect()
}

#[async_trait]
impl Entity for Product {
    type Id = ProductId;
    type Store = dyn Products;
    type Tx = dyn ProductsUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: PRODUCT_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: PRODUCT_SKU, collide: |one, other| other.sku.clone_from(&one.sku), on_save: true },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        sample::product()
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        // Earlier versions took private and lone characters.
        let longest = |character: &str, length| Text::stored(character.repeat(length));
        let of = |(name, description, price, time, archived_at)| {
            Ok(Self { name, description, price, created_at: time, updated_at: time, archived_at, ..sample::product()? })
        };
        let mut products = [
            (
                longest("N", 200),
                longest("\u{10FFFD}", 10_000),
                sample::money(sample::BEYOND_DOUBLE, "EUR")?,
                sample::at(1),
                None,
            ),
            (
                longest("🐝", 200),
                Text::block("", 1)?,
                sample::money(i64::MAX, "JPY")?,
                Timestamp::MAX,
                Some(Timestamp::MAX),
            ),
            (
                Text::line("'; DROP TABLE products; --", 200)?,
                Text::block("a\nb\tc\r\n\"\\%_$1?{}", 99)?,
                sample::money(0, "KWD")?,
                Timestamp::MIN,
                Some(Timestamp::MIN),
            ),
            (
                Text::line("e\u{301}", 200)?,
                Text::block("{\"$set\": 1}", 99)?,
                sample::money(1, "CHF")?,
                Timestamp::from_millis(-1)?,
                Some(sample::at(999)),
            ),
        ]
        .into_iter()
        .map(of)
        .collect::<Checked<Vec<Self>>>()?;
        products[0].pictures = pictures(MOST_PICTURES, "\u{10FFFD}");
        products[1].pictures = pictures(1, "");
        products[2].pictures = pictures(2, "[{\"$set\": 1}]'; DROP TABLE products; --\\\u{1F41D}");
        Ok(products)
    }

    fn id(&self) -> ProductId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: ProductId) -> Result<Option<Self>, StoreError> {
        tx.products().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.products().insert(self).await
    }
}

#[async_trait]
impl Versioned for Product {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        let is_even = round % 2 == 0;
        self.sku = Sku::parse(&format!("round-{round}-{}", self.id.uuid().simple()))?;
        self.name = Text::line(&format!("Round {round}"), 200)?;
        self.description = Text::block(if is_even { "" } else { "R." }, 99)?;
        self.price = sample::money(sample::BEYOND_DOUBLE + round, if is_even { "JPY" } else { "EUR" })?;
        self.pictures = pictures(usize::try_from(round % 3)?, &format!("Picture {round}"));
        self.updated_at = sample::at(100 * round);
        self.archived_at = (!is_even).then(|| sample::at(round));
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.products().save(self).await
    }
}

#[async_trait]
impl Batched for Product {
    async fn find_many(tx: &mut Self::Tx, ids: &[ProductId]) -> Result<Vec<Self>, StoreError> {
        tx.products().find_many(ids).await
    }
}

#[async_trait]
impl Shown for Product {
    type Row = Self;

    fn row(&self) -> Self {
        self.clone()
    }

    async fn show(store: &Self::Store, _: Scope, id: ProductId) -> Result<Option<Self>, StoreError> {
        store.queries().find_product(id).await
    }
}

#[async_trait]
impl Listed for Product {
    type Sort = ProductSortKey;
    const SORTS: &'static [ProductSortKey] = ProductSortKey::ALL;

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        let product = sample::product()?;
        Ok(Self {
            sku: Sku::parse(&format!("{:02x}-{}", (number * 7) % 31, product.id.uuid().simple()))?,
            name: Text::line(&format!("Honey {}", number % 4), 200)?,
            price: sample::euros(number % 3)?,
            created_at: sample::at(number % 5 * 10),
            ..product
        })
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let mut products = Vec::new();
        for name in
            ["a", "B", "b", "ä", "Z", "z", "zz", "é", "🐝", "\u{FFFD}", "a b", "a-b", "ab", "ss", "ß", "10", "9", "_"]
        {
            products.push(Self { name: Text::line(name, 200)?, ..sample::product()? });
        }
        for code in ["a", "B", "b", "a-b", "a.b", "a_b", "ab", "a/b", "10", "9", "A"] {
            products.push(Self { sku: Sku::parse(code)?, ..sample::product()? });
        }
        let great = sample::BEYOND_DOUBLE;
        let prices = [i64::MAX, i64::MAX - 1, great, great - 1, great + 1, 0];
        for (price, created_at) in prices.into_iter().zip(sample::edges_of_time()?) {
            let currency = if price % 2 == 0 { "EUR" } else { "JPY" };
            products.push(Self { price: sample::money(price, currency)?, created_at, ..sample::product()? });
        }
        Ok(products)
    }

    fn place(sort: ProductSortKey, row: &Self) -> Position {
        sort.position(row)
    }

    async fn list(
        store: &Self::Store,
        _: Scope,
        key: ProductSortKey,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self>, StoreError> {
        store.queries().list_products(ProductSort { key, direction }, page).await
    }

    async fn leave(&self, tx: &mut Self::Tx) -> Result<bool, StoreError> {
        let mut gone = self.clone();
        gone.archive(sample::at(1_000));
        tx.products().save(&gone).await?;
        Ok(true)
    }
}

async fn products_are_shown_by_their_ids(given: &Given) -> Checked {
    let mut products = vec![sample::product()?, sample::product()?, sample::product()?];
    products[1].archive(sample::at(1));
    put(&*given.store, &products).await?;
    let asked = [products[1].id, sample::product()?.id, products[0].id];
    let mut found = given.store.queries().find_products(&asked).await?;
    found.sort_by_key(|product| product.id);
    equal(found, products[..2].to_vec())?;
    equal(given.store.queries().find_products(&[]).await?, vec![])
}

async fn ids_are_listed_in_ascending_order_with_archived_ones(given: &Given) -> Checked {
    let mut products = [sample::product()?, sample::product()?, sample::product()?];
    products.sort_by_key(|product| product.id);
    products[1].archive(sample::at(1));
    put(&*given.store, &products).await?;
    let ids = products.map(|product| product.id);
    let queries = given.store.queries();
    // Other clauses may have stored products in this store, too.
    let all = queries.list_product_ids(None, 100_000).await?;
    equal(all.iter().copied().filter(|id| ids.contains(id)).collect::<Vec<_>>(), ids.to_vec())?;
    holds(all.is_sorted(), "the list is sorted")?;
    let after: Vec<_> = all.iter().copied().filter(|id| *id > ids[0]).collect();
    equal(queries.list_product_ids(Some(ids[0]), 100_000).await?, after.clone())?;
    equal(queries.list_product_ids(Some(ids[0]), 1).await?, after[..1].to_vec())?;
    let last = *some(all.last(), "the last product")?;
    equal(queries.list_product_ids(Some(last), 1).await?, vec![])
}

async fn codes_are_compared_byte_by_byte(given: &Given) -> Checked {
    for code in ["honey", "HONEY", "Honey", "hon-ey", "honey.", "0honey"] {
        put(&*given.store, &[Product { sku: Sku::parse(code)?, ..sample::product()? }]).await?;
    }
    Ok(())
}

async fn an_archived_product_keeps_its_code(given: &Given) -> Checked {
    let mut product = sample::product()?;
    product.archive(sample::at(1));
    put(&*given.store, std::slice::from_ref(&product)).await?;
    let mut tx = units::write(&*given.store).await?;
    let again = Product { sku: product.sku.clone(), ..sample::product()? };
    duplicate(tx.products().insert(&again).await, PRODUCT_SKU)
}
