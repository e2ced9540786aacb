//! The reservations that have expired but have not ended yet.

use super::{EXPIRED_AT_ONCE, StockRepository};
use crate::kernel::StoreError;
use skep_domain::{
    catalog::Reservation,
    shared::{ProductId, Timestamp},
};

/// The most lists that one command reads, so that its unit of work stays small. Usually the first list has everything.
const LISTS: usize = 5;

/// Lists the expired reservations of these products. A product has at most [`EXPIRED_AT_ONCE`] of them in the list,
/// and does not hide those of other products.
pub(crate) async fn list_expired(
    stock: &mut dyn StockRepository,
    products: &[ProductId],
    now: Timestamp,
) -> Result<Vec<Reservation>, StoreError> {
    let (mut left, mut all) = (products.to_vec(), Vec::new());
    left.sort();
    for _ in 0..LISTS {
        if left.is_empty() {
            break;
        }
        let mut found = stock.list_expired(&left, now, EXPIRED_AT_ONCE).await?;
        let ends = |found: &[Reservation]| Some((found.first()?.product_id, found.last()?.product_id));
        match ends(&found).filter(|_| found.len() >= EXPIRED_AT_ONCE as usize) {
            None => left.clear(),
            Some((first, last)) if first == last => left.retain(|product| *product > last),
            Some((_, last)) => {
                // The limit may have cut off some of the last product, which is listed again.
                found.retain(|reservation| reservation.product_id != last);
                left.retain(|product| *product >= last);
            }
        }
        all.append(&mut found);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::MockStockRepository, testing::*};
    use skep_domain::shared::ReservationId;

    /// A store with this many expired reservations of the products 1, 2, 3 and so on, which is asked `lists` times.
    fn stock(counts: &[u32], lists: usize) -> MockStockRepository {
        let mut all = Vec::new();
        for (product, count) in (1..).map(product_id).zip(counts) {
            let id = ReservationId::new(SeqIds::nth(1));
            let one = Reservation::new(id, order_id(1), product, 1, Some(Timestamp::MIN), Timestamp::MIN);
            all.extend((0..*count).map(|_| one));
        }
        let mut stock = MockStockRepository::new();
        stock.expect_list_expired().times(lists).returning(move |ids, _, limit| {
            let asked = all.iter().filter(|one| ids.contains(&one.product_id));
            Ok(asked.take(limit as usize).copied().collect())
        });
        stock
    }

    /// The number of reservations that are listed of each product.
    async fn listed(counts: &[u32], lists: usize) -> Vec<usize> {
        let mut products: Vec<_> = (1..).map(product_id).take(counts.len()).collect();
        products.reverse();
        let found = list_expired(&mut stock(counts, lists), &products, Timestamp::MIN).await.unwrap();
        let of = |product| found.iter().filter(|one| one.product_id == product).count();
        (1..).map(product_id).take(counts.len()).map(of).collect()
    }

    #[tokio::test]
    async fn one_list_has_the_few_reservations_that_usually_wait() {
        assert_eq!(listed(&[3, 0, 996], 1).await, [3, 0, 996]);
        assert_eq!(listed(&[0], 1).await, [0]);
        assert!(listed(&[], 0).await.is_empty());
    }

    #[tokio::test]
    async fn a_product_with_many_reservations_does_not_hide_those_of_others() {
        assert_eq!(listed(&[1_000, 7], 2).await, [1_000, 7]);
        assert_eq!(listed(&[5_000, 7, 2], 2).await, [1_000, 7, 2]);
        assert_eq!(listed(&[999, 1_000, 3], 3).await, [999, 1_000, 3]);
        assert_eq!(listed(&[3_000], 1).await, [1_000]);
    }

    #[tokio::test]
    async fn a_command_reads_five_lists_at_most() {
        assert_eq!(listed(&[1_000; 9], 5).await, [1_000, 1_000, 1_000, 1_000, 1_000, 0, 0, 0, 0]);
    }
}
