//! `ProductQueries` by page.

use crate::{
    check::{Checked, equal, holds},
    clause::{Given, clauses},
    sample,
    units::commit,
};
use skep_application::{
    catalog::{ProductSort, ProductSortKey},
    kernel::{PageRequest, Position, SortValue},
};
use skep_domain::{
    catalog::{Product, Sku},
    shared::{Direction, PageLimit, ProductId, Text, Timestamp},
};

clauses! { "product_queries":
    pages_hold_every_product_once_by_every_key,
    pages_hold_every_product_once_while_products_come_and_go,
    text_is_sorted_byte_by_byte,
    extreme_values_are_sorted_and_paged,
    an_archived_product_is_not_listed_nor_counted,
    all_pages_are_counted,
    a_page_has_at_most_its_limit,
    a_page_starts_after_a_row_that_is_gone,
    a_position_of_another_type_is_an_empty_page,
}

const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// A reader who turns page after page.
struct Reader {
    sort: ProductSort,
    request: PageRequest,
    rows: Vec<Product>,
}

impl Reader {
    fn new(sort: ProductSort, limit: i64) -> Checked<Self> {
        let request = PageRequest { limit: PageLimit::new(limit)?, after: None, count: false };
        Ok(Self { sort, request, rows: vec![] })
    }

    /// Reads a page; `false` if it was the last.
    async fn turn(&mut self, given: &Given) -> Checked<bool> {
        let page = given.store.list_products(self.sort, &self.request).await?;
        holds(page.items.len() <= self.request.limit.get(), "a page has at most its limit")?;
        equal(page.total, None)?;
        if page.next.is_some() {
            equal(page.items.len(), self.request.limit.get())?;
            equal(page.next.clone(), page.items.last().map(|row| self.sort.key.position(row)))?;
        }
        self.rows.extend(page.items);
        self.request.after = page.next;
        Ok(self.request.after.is_some())
    }

    async fn read_all(mut self, given: &Given) -> Checked<Vec<ProductId>> {
        while self.turn(given).await? {}
        Ok(self.rows.iter().map(|row| row.id).collect())
    }
}

/// The products as they are to be listed.
fn sorted(products: &[Product], sort: ProductSort) -> Vec<ProductId> {
    let mut views = products.to_vec();
    views.sort_by(|one, other| {
        let by_key = match sort.key {
            ProductSortKey::CreatedAt => one.created_at.cmp(&other.created_at),
            ProductSortKey::Name => one.name.as_str().as_bytes().cmp(other.name.as_str().as_bytes()),
            ProductSortKey::Sku => one.sku.as_str().as_bytes().cmp(other.sku.as_str().as_bytes()),
            ProductSortKey::Price => one.price.amount().cmp(&other.price.amount()),
        };
        by_key.then(one.id.cmp(&other.id))
    });
    if sort.direction == Direction::Descending {
        views.reverse();
    }
    views.iter().map(|view| view.id).collect()
}

/// A product that shares its name, price and time with some others.
fn common(number: i64) -> Checked<Product> {
    let product = sample::product()?;
    Ok(Product {
        sku: Sku::parse(&format!("{:02x}-{}", (number * 7) % 31, product.id.uuid().simple()))?,
        name: Text::line(&format!("Honey {}", number % 4), 200)?,
        price: sample::euros(number % 3)?,
        created_at: sample::at(number % 5 * 10),
        ..product
    })
}

async fn put(given: &Given, products: &[Product]) -> Checked {
    commit!(given.store, catalog, tx => {
        for product in products {
            tx.products().insert(product).await?;
        }
    })?;
    Ok(())
}

async fn some_products(given: &Given, count: i64) -> Checked<Vec<Product>> {
    let products = (0..count).map(common).collect::<Checked<Vec<_>>>()?;
    put(given, &products).await?;
    Ok(products)
}

fn sorts() -> impl Iterator<Item = ProductSort> {
    ProductSortKey::ALL.iter().flat_map(|key| DIRECTIONS.map(|direction| ProductSort { key: *key, direction }))
}

async fn pages_hold_every_product_once_by_every_key(given: &Given) -> Checked {
    let products = some_products(given, 30).await?;
    for sort in sorts() {
        for limit in [1, 4, 10, 30, 100] {
            let seen = Reader::new(sort, limit)?.read_all(given).await?;
            holds(seen == sorted(&products, sort), format!("{sort:?} by pages of {limit}"))?;
        }
        let page = given.store.list_products(sort, &PageRequest::default()).await?;
        for row in page.items {
            let stored = products.iter().find(|product| product.id == row.id).cloned();
            equal(Some(row), stored)?;
        }
    }
    Ok(())
}

async fn pages_hold_every_product_once_while_products_come_and_go(given: &Given) -> Checked {
    for sort in sorts() {
        let products = some_products(given, 20).await?;
        let mut doomed: Vec<Product> = products.iter().step_by(5).cloned().collect();
        let staying: Vec<Product> = products.iter().filter(|one| !doomed.contains(one)).cloned().collect();
        let mut reader = Reader::new(sort, 3)?;
        let mut came = Vec::new();
        let mut pages = 0;
        while reader.turn(given).await? {
            // In the end nothing comes any more.
            if pages < 5 {
                came.push(common(pages * 11)?);
                put(given, &came[came.len() - 1..]).await?;
                came.push(common(pages * 5 + 1)?);
                put(given, &came[came.len() - 1..]).await?;
            }
            if let Some(mut gone) = doomed.pop() {
                gone.archive(sample::at(1_000));
                commit!(given.store, catalog, tx => tx.products().save(&gone).await?)?;
            }
            // A change of what is not the key moves nothing.
            pages += 1;
            holds(pages < 200, "the pages come to an end")?;
        }
        let seen: Vec<ProductId> = reader.rows.iter().map(|row| row.id).collect();
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        equal(once.len(), seen.len())?;
        let stayed = sorted(&staying, sort);
        let seen: Vec<_> = seen.into_iter().filter(|id| stayed.contains(id)).collect();
        holds(seen == stayed, format!("{sort:?}: what was there and stayed is listed once, in order"))?;
        // The next sort begins on an empty shelf.
        for product in staying.iter().chain(&came).chain(&doomed) {
            let mut gone = product.clone();
            gone.archive(sample::at(2_000));
            commit!(given.store, catalog, tx => tx.products().save(&gone).await?)?;
        }
    }
    Ok(())
}

async fn text_is_sorted_byte_by_byte(given: &Given) -> Checked {
    let names =
        ["a", "B", "b", "ä", "Z", "z", "zz", "é", "🐝", "\u{FFFD}", "a b", "a-b", "ab", "ss", "ß", "10", "9", "_"];
    let mut products = Vec::new();
    for name in names {
        products.push(Product { name: Text::line(name, 200)?, ..sample::product()? });
    }
    for code in ["a", "B", "b", "a-b", "a.b", "a_b", "ab", "a/b", "10", "9", "A"] {
        products.push(Product { sku: Sku::parse(code)?, ..sample::product()? });
    }
    put(given, &products).await?;
    for key in [ProductSortKey::Name, ProductSortKey::Sku] {
        for direction in DIRECTIONS {
            let sort = ProductSort { key, direction };
            equal(Reader::new(sort, 2)?.read_all(given).await?, sorted(&products, sort))?;
        }
    }
    Ok(())
}

async fn extreme_values_are_sorted_and_paged(given: &Given) -> Checked {
    let mut products = Vec::new();
    let prices =
        [i64::MAX, i64::MAX - 1, sample::BEYOND_DOUBLE, sample::BEYOND_DOUBLE - 1, sample::BEYOND_DOUBLE + 1, 0];
    let times =
        [Timestamp::MIN, Timestamp::MAX, sample::at(0), sample::at(1), Timestamp::from_millis(-1)?, sample::at(-1)];
    for (price, created_at) in prices.into_iter().zip(times) {
        let currency = if price % 2 == 0 { "EUR" } else { "JPY" };
        products.push(Product { price: sample::money(price, currency)?, created_at, ..sample::product()? });
    }
    put(given, &products).await?;
    for key in [ProductSortKey::Price, ProductSortKey::CreatedAt] {
        for direction in DIRECTIONS {
            let sort = ProductSort { key, direction };
            equal(Reader::new(sort, 1)?.read_all(given).await?, sorted(&products, sort))?;
        }
    }
    Ok(())
}

const BY_NAME: ProductSort = ProductSort { key: ProductSortKey::Name, direction: Direction::Ascending };

async fn an_archived_product_is_not_listed_nor_counted(given: &Given) -> Checked {
    let mut products = some_products(given, 6).await?;
    for gone in &mut products[..2] {
        gone.archive(sample::at(100));
        commit!(given.store, catalog, tx => tx.products().save(gone).await?)?;
    }
    for sort in sorts() {
        let page = given.store.list_products(sort, &PageRequest { count: true, ..PageRequest::default() }).await?;
        equal(page.total, Some(4))?;
        equal(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), sorted(&products[2..], sort))?;
    }
    Ok(())
}

async fn all_pages_are_counted(given: &Given) -> Checked {
    let mut request = PageRequest { limit: PageLimit::new(4)?, after: None, count: true };
    let empty = given.store.list_products(BY_NAME, &request).await?;
    equal((empty.items, empty.next, empty.total), (vec![], None, Some(0)))?;
    some_products(given, 10).await?;
    for rows in [4, 4, 2] {
        let page = given.store.list_products(BY_NAME, &request).await?;
        equal((page.items.len(), page.total), (rows, Some(10)))?;
        request.after = page.next;
    }
    equal(request.after, None)
}

async fn a_page_has_at_most_its_limit(given: &Given) -> Checked {
    some_products(given, 101).await?;
    for limit in [PageLimit::MAX, PageLimit::default(), PageLimit::new(1)?] {
        let page = given.store.list_products(BY_NAME, &PageRequest { limit, ..PageRequest::default() }).await?;
        equal((page.items.len(), page.next.is_some()), (limit.get(), true))?;
    }
    Ok(())
}

async fn a_page_starts_after_a_row_that_is_gone(given: &Given) -> Checked {
    let mut products = some_products(given, 6).await?;
    let request = PageRequest { limit: PageLimit::new(3)?, ..PageRequest::default() };
    let first = given.store.list_products(BY_NAME, &request).await?;
    let last = first.items.last().map(|row| row.id);
    for gone in products.iter_mut().filter(|product| Some(product.id) == last) {
        gone.archive(sample::at(100));
        commit!(given.store, catalog, tx => tx.products().save(gone).await?)?;
    }
    let second = given.store.list_products(BY_NAME, &PageRequest { after: first.next, ..request }).await?;
    let seen: Vec<_> = first.items.iter().chain(&second.items).map(|row| row.id).collect();
    equal((seen, second.next), (sorted(&products, BY_NAME), None))
}

async fn a_position_of_another_type_is_an_empty_page(given: &Given) -> Checked {
    let products = some_products(given, 3).await?;
    let keys = [SortValue::Int(-1), SortValue::Text(String::new()), SortValue::Time(Timestamp::MIN)];
    for sort in sorts() {
        for (number, key) in keys.iter().enumerate() {
            let fits = match sort.key {
                ProductSortKey::Price => number == 0,
                ProductSortKey::Name | ProductSortKey::Sku => number == 1,
                ProductSortKey::CreatedAt => number == 2,
            };
            if fits {
                continue;
            }
            let after = Some(Position { key: key.clone(), id: products[0].id.uuid() });
            let page = given.store.list_products(sort, &PageRequest { after, ..PageRequest::default() }).await?;
            equal((page.items, page.next), (vec![], None))?;
        }
    }
    Ok(())
}
