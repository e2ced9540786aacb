use super::*;
use crate::{catalog::MockProductQueries, testing::*};
use skep_domain::{
    search::{Posting, SearchBuildId},
    shared::{Text, Timestamp},
};

fn named(name: &str) -> Product {
    Product { name: Text::line(name, 99).unwrap(), ..product(1, eur(500)) }
}

fn archived() -> Product {
    let mut product = named("Honey");
    product.archive(Timestamp::MIN);
    product
}

/// The calls of a unit that saves the product.
async fn calls(before: &Product, after: &Product) -> Vec<&'static str> {
    let shelf = Shelf::default();
    save(&mut shelf.open(), before, after).await.unwrap();
    shelf.seen.calls()
}

#[tokio::test]
async fn a_product_is_indexed_in_the_unit_that_stores_it() {
    let shelf = Shelf::default();
    insert(&mut shelf.open(), &named("Honey")).await.unwrap();
    assert_eq!(shelf.seen.calls(), ["products.insert", "search.insert_postings"]);
    assert!(shelf.seen.all::<Posting>("search.insert_postings").iter().any(|posting| posting.term == "honey"));
    let (save, delete, insert) = ("products.save", "search.delete_postings", "search.insert_postings");
    assert_eq!(calls(&named("Honey"), &named("Bees")).await, [save, delete, insert]);
    assert_eq!(calls(&named("Honey"), &archived()).await, [save, delete]);
    let priced = Product { price: eur(501), ..named("Honey") };
    assert_eq!(calls(&named("Honey"), &priced).await, [save], "its words and its band of prices stay the same");
    let priced = Product { price: eur(9), ..named("Honey") };
    assert_eq!(calls(&named("Honey"), &priced).await, [save, delete, insert]);
}

fn build() -> SearchBuild {
    SearchBuild::start(SearchBuildId::new(SeqIds::nth(1)), PRODUCT_KIND.name())
}

fn source(products: MockProductQueries, units: Arc<Scripted<dyn CatalogTx>>) -> ProductSource {
    ProductSource::new(units, Arc::new(products), fixed_runtime().0)
}

#[tokio::test]
async fn a_batch_is_indexed_with_the_place_of_its_end_and_archived_products_are_left_out() {
    let shelf = Shelf { product: Some(named("Honey")), ..Shelf::default() };
    let mut unit = shelf.open();
    unit.search.expect_find_build().returning(|_| Ok(Some(build())));
    unit.search
        .expect_save_build()
        .returning(shelf.seen.saves("search.save_build", |build: &SearchBuild| build.version));
    unit.products.expect_find_many().returning(|_| Ok(vec![named("Honey"), archived()]));
    let ids = [product_id(1).uuid(), product_id(2).uuid()];
    let advanced = build().advanced(2, None, Timestamp::MIN);
    source(MockProductQueries::new(), Scripted::of([unit])).index(&ids, &advanced).await.unwrap();
    let calls = shelf.seen.calls();
    assert_eq!(calls[..2], ["stock.hold", "search.save_build"], "the products are held before anything else");
    assert_eq!(calls[2..], ["search.delete_postings", "search.insert_postings"]);
    assert_eq!(shelf.seen.all::<Uuid>("search.delete_postings"), ids);
    let postings = shelf.seen.all::<Posting>("search.insert_postings");
    assert_eq!(postings, named("Honey").document().unwrap().postings());
    assert_eq!(shelf.seen.one::<SearchBuild>("search.save_build"), advanced);
}

#[tokio::test]
async fn a_batch_that_another_instance_has_stored_is_left_alone() {
    let shelf = Shelf::default();
    let mut unit = shelf.open();
    unit.search.expect_find_build().returning(|_| Ok(Some(SearchBuild { version: Version::FIRST.next(), ..build() })));
    source(MockProductQueries::new(), Scripted::of([unit])).index(&[product_id(1).uuid()], &build()).await.unwrap();
    assert_eq!(shelf.seen.calls(), ["stock.hold"], "nothing is written");
}

#[tokio::test]
async fn batches_follow_each_other_by_id_until_one_is_not_full() {
    let ids = |numbers: std::ops::RangeInclusive<u64>| numbers.map(product_id).collect::<Vec<_>>();
    let mut products = MockProductQueries::new();
    products.expect_list_product_ids().times(2).returning(move |after, limit| {
        assert_eq!(limit, 20);
        Ok(if after.is_none() { ids(1..=20) } else { ids(21..=22) })
    });
    let source = source(products, Scripted::untouched());
    let first = source.batch(None).await.unwrap();
    assert_eq!((first.ids.len(), first.after.clone()), (20, Some(product_id(20).to_string())));
    let second = source.batch(first.after).await.unwrap();
    assert_eq!((second.ids, second.after), (vec![product_id(21).uuid(), product_id(22).uuid()], None));
    let wrong = source.batch(Some("a".to_owned())).await;
    assert!(matches!(wrong, Err(StoreError::Corrupt(_))));
}
