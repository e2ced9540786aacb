//! The slice: accounts, products, stock and orders, as a visitor, a user and an admin meet them.

mod accounts;
mod catalog;
mod orders;
mod rush;

pub(crate) use rush::at_once;

use crate::Journey;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("slice::accounts", accounts::from_the_set_up_to_a_profile),
    Journey::new("slice::a_catalogue_is_kept", catalog::products_are_created_changed_and_archived),
    Journey::new("slice::a_catalogue_is_listed", catalog::every_product_once_in_every_order),
    Journey::new("slice::stock", catalog::stock_is_counted_and_shown),
    Journey::new("slice::orders", orders::prices_are_snapshotted_and_stock_is_reserved),
    Journey::new("slice::orders_are_private", orders::nobody_sees_the_orders_of_others),
    Journey::new("slice::repeats", orders::a_repeat_with_a_key_is_answered_alike),
    Journey::new("slice::buyers", rush::sixty_four_buyers_of_thirty_two_pieces),
    Journey::new("slice::repeats_at_once", rush::fifty_repeats_at_once_are_one_order),
    Journey::new("slice::opposite_carts", rush::carts_in_opposite_order),
];
