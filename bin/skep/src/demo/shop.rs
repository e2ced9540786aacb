//! The content of a shop. Each product, customer and order follows from the seed and its number alone, so nothing is kept
//! in memory, and the same seed makes the same shop.

use skep_domain::shared::Timestamp;

/// How long before the end of its history the shop opened.
const HISTORY_MILLIS: i64 = 180 * 24 * 60 * 60 * 1000;
/// How long before its opening the first products were made.
const PREPARATION_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;
/// One of so many orders is cancelled.
const CANCELLED_ONE_IN: u64 = 25;

/// The size of a shop, and the seed of its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shop {
    pub(super) products: u32,
    pub(super) customers: u32,
    pub(super) orders: u32,
    pub(super) seed: u64,
    /// When its history ends.
    pub(super) until: Timestamp,
}

pub(super) struct Product {
    pub(super) at: Timestamp,
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) description: String,
    /// In cents.
    pub(super) price: i64,
    /// Pieces that are left after all orders.
    pub(super) left: u32,
}

pub(super) struct Customer {
    pub(super) at: Timestamp,
    pub(super) email: String,
    pub(super) display_name: String,
}

pub(super) struct Order {
    pub(super) at: Timestamp,
    /// The number of the customer.
    pub(super) customer: u32,
    /// Numbers of products, each once, with the pieces.
    pub(super) lines: Vec<(u32, u32)>,
    /// When the order was cancelled.
    pub(super) cancelled_at: Option<Timestamp>,
}

/// Pseudo-random numbers (SplitMix64): the same on every machine and in every version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of the thing with this kind and number.
    pub(super) fn of(seed: u64, kind: u64, number: u32) -> Self {
        let mut dice = Self(seed ^ kind.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.0 = dice.next() ^ u64::from(number);
        dice
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, `end`, which is at least 1.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or_default()
    }

    fn below_u32(&mut self, end: u32) -> u32 {
        u32::try_from(self.below(u64::from(end))).unwrap_or_default()
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or_default();
        of[at]
    }
}

/// A kind of product: its name, its code, its varieties, its sizes, and the price of the smallest.
struct Kind {
    what: &'static str,
    code: &'static str,
    tempers: &'static [&'static str],
    sizes: &'static [&'static str],
    cents: i64,
    about: &'static str,
}

const BLOSSOMS: &[&str] = &[
    "Linden",
    "Acacia",
    "Heather",
    "Chestnut",
    "Clover",
    "Forest",
    "Meadow",
    "Orange blossom",
    "Lavender",
    "Rapeseed",
];
const COLORS: &[&str] = &["Natural", "Ivory", "Amber", "Moss green", "Brick red", "Night blue"];
const WOODS: &[&str] = &["Pine", "Larch", "Beech", "Cedar"];

const KINDS: &[Kind] = &[
    Kind {
        what: "honey",
        code: "HONEY",
        tempers: BLOSSOMS,
        sizes: &["125 g", "250 g", "500 g", "1 kg"],
        cents: 390,
        about: "Cold extracted, never heated above 40 °C.",
    },
    Kind {
        what: "creamed honey",
        code: "CREAM",
        tempers: BLOSSOMS,
        sizes: &["250 g", "500 g"],
        cents: 620,
        about: "Stirred until it spreads.",
    },
    Kind {
        what: "honeycomb",
        code: "COMB",
        tempers: BLOSSOMS,
        sizes: &["200 g", "400 g"],
        cents: 1150,
        about: "Cut from the frame, wax and all.",
    },
    Kind {
        what: "mead",
        code: "MEAD",
        tempers: BLOSSOMS,
        sizes: &["0.5 l", "0.75 l"],
        cents: 990,
        about: "Fermented for a year.",
    },
    Kind {
        what: "beeswax candle",
        code: "CANDLE",
        tempers: COLORS,
        sizes: &["10 cm", "15 cm", "20 cm"],
        cents: 540,
        about: "Rolled by hand, burns without soot.",
    },
    Kind {
        what: "wax wrap",
        code: "WRAP",
        tempers: COLORS,
        sizes: &["small", "medium", "large"],
        cents: 750,
        about: "Keeps bread fresh; lasts a year.",
    },
    Kind {
        what: "hive",
        code: "HIVE",
        tempers: WOODS,
        sizes: &["6 frames", "10 frames", "12 frames"],
        cents: 11_900,
        about: "Dovetailed, with floor and roof.",
    },
    Kind {
        what: "frame",
        code: "FRAME",
        tempers: WOODS,
        sizes: &["single", "pack of 10", "pack of 50"],
        cents: 240,
        about: "Wired, ready for foundation.",
    },
    Kind {
        what: "smoker",
        code: "SMOKER",
        tempers: &["Steel", "Copper"],
        sizes: &["small", "large"],
        cents: 3_490,
        about: "With a leather bellows.",
    },
    Kind {
        what: "bee brush",
        code: "BRUSH",
        tempers: WOODS,
        sizes: &["short", "long"],
        cents: 690,
        about: "Soft bristles, does not anger them.",
    },
];

const FIRST_NAMES: &[&str] = &[
    "Ada", "Amir", "Anna", "Ben", "Carla", "Chen", "Dana", "Elif", "Emil", "Fatima", "Felix", "Greta", "Hana", "Ida",
    "Ivan", "Jonas", "Kira", "Lars", "Lena", "Luca", "Maja", "Mila", "Nils", "Nora", "Omar", "Paula", "Ravi", "Rosa",
    "Sofia", "Tariq", "Tom", "Yuki",
];
const LAST_NAMES: &[&str] = &[
    "Almeida", "Bauer", "Berg", "Costa", "Demir", "Dubois", "Fischer", "Garcia", "Haas", "Hansen", "Ito", "Jansen",
    "Keller", "Kovacs", "Kumar", "Lindgren", "Marino", "Meyer", "Moreau", "Nowak", "Okafor", "Olsen", "Peeters",
    "Popescu", "Rossi", "Santos", "Schmid", "Silva", "Sokolov", "Tanaka", "Virtanen", "Weber",
];

impl Shop {
    /// The moment at this share of the history.
    fn moment(&self, number: u32, of: u32, dice: &mut Dice) -> Timestamp {
        let step = HISTORY_MILLIS / i64::from(of.max(1)).max(1);
        let within = i64::try_from(dice.below(u64::try_from(step.max(1)).unwrap_or(1))).unwrap_or_default();
        let passed = i128::from(HISTORY_MILLIS) * i128::from(number) / i128::from(of.max(1));
        self.opened().plus_millis(i64::try_from(passed).unwrap_or_default() + within)
    }

    /// When the shop opened. All products exist by then.
    pub(super) fn opened(&self) -> Timestamp {
        self.until.plus_millis(-HISTORY_MILLIS)
    }

    pub(super) fn product(&self, number: u32) -> Product {
        let mut dice = Dice::of(self.seed, 1, number);
        let kind = &KINDS[index(number, KINDS.len())];
        // Every combination of a kind comes once before the first one is repeated.
        let nth = usize::try_from(number).unwrap_or_default() / KINDS.len();
        let (temper, size) = (nth % kind.tempers.len(), nth / kind.tempers.len());
        let (series, size) = (size / kind.sizes.len(), size % kind.sizes.len());
        let name = format!("{} {}, {}", kind.tempers[temper], kind.what, kind.sizes[size]);
        let name = if series == 0 { name } else { format!("{name}, batch {}", series + 1) };
        let bigger = 100 + 85 * i64::try_from(size).unwrap_or_default();
        let ahead =
            i128::from(PREPARATION_MILLIS) * i128::from(self.products - number) / i128::from(self.products.max(1));
        let before = i64::try_from(ahead).unwrap_or_default();
        let varied = kind.cents * bigger / 100 + i64::try_from(dice.below(60)).unwrap_or_default();
        Product {
            at: self.opened().plus_millis(-before),
            sku: format!("{}-{:05}", kind.code, number + 1),
            name,
            description: kind.about.to_owned(),
            price: varied / 10 * 10 + 9,
            // One product in nine is sold out.
            left: if dice.below(9) == 0 { 0 } else { 5 + dice.below_u32(120) },
        }
    }

    pub(super) fn customer(&self, number: u32) -> Customer {
        let mut dice = Dice::of(self.seed, 2, number);
        let (first, last) = (dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES));
        let email = format!("{}.{}.{}@example.com", first.to_lowercase(), last.to_lowercase(), number + 1);
        Customer { at: self.moment(number, self.customers, &mut dice), email, display_name: format!("{first} {last}") }
    }

    pub(super) fn order(&self, number: u32) -> Order {
        let mut dice = Dice::of(self.seed, 3, number);
        let at = self.moment(number, self.orders, &mut dice);
        // The customers that had registered by then. They came at an even pace, the first one before the first order.
        let known = u64::from(number) * u64::from(self.customers) / u64::from(self.orders.max(1));
        let customer = u32::try_from(dice.below(known.max(1))).unwrap_or_default();
        let mut lines: Vec<(u32, u32)> = vec![];
        for _ in 0..1 + dice.below(4) {
            let (product, pieces) = (self.popular(&mut dice), 1 + dice.below_u32(3));
            if lines.iter().all(|(other, _)| *other != product) {
                lines.push((product, pieces));
            }
        }
        let cancelled = dice.below(CANCELLED_ONE_IN) == 0;
        let later = 60_000 + i64::try_from(dice.below(3_600_000)).unwrap_or_default();
        Order { at, customer, lines, cancelled_at: cancelled.then(|| at.plus_millis(later)) }
    }

    /// Draws a product. A few products are bought far more often than the rest.
    fn popular(&self, dice: &mut Dice) -> u32 {
        let last = u64::from(self.products.max(1));
        let reach = 1 + dice.below(last);
        // The upper end is random, too, which favors low numbers. These are products of all kinds.
        u32::try_from(dice.below(reach)).unwrap_or_default()
    }

    /// The pieces of each product in all orders together.
    pub(super) fn demand(&self) -> Vec<u32> {
        let mut demand = vec![0_u32; usize::try_from(self.products).unwrap_or_default()];
        for (product, pieces) in (0..self.orders).flat_map(|number| self.order(number).lines) {
            if let Some(total) = demand.get_mut(usize::try_from(product).unwrap_or(usize::MAX)) {
                *total = total.saturating_add(pieces);
            }
        }
        demand
    }
}

fn index(number: u32, of: usize) -> usize {
    usize::try_from(number).unwrap_or_default() % of
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn shop(seed: u64) -> Shop {
        let until = "2026-01-01T00:00:00Z".parse().unwrap();
        Shop { products: 500, customers: 100, orders: 400, seed, until }
    }

    fn everything(shop: Shop) -> Vec<String> {
        let products = (0..shop.products).map(|n| shop.product(n)).map(|p| format!("{} {} {}", p.sku, p.name, p.price));
        let customers = (0..shop.customers).map(|n| shop.customer(n)).map(|c| format!("{} {}", c.at, c.email));
        let orders = (0..shop.orders).map(|n| shop.order(n)).map(|o| format!("{} {} {:?}", o.at, o.customer, o.lines));
        products.chain(customers).chain(orders).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_shop_and_another_one_another() {
        assert_eq!(everything(shop(7)), everything(shop(7)));
        assert_ne!(everything(shop(7)), everything(shop(8)));
    }

    #[test]
    fn skus_names_and_addresses_are_unique() {
        let shop = shop(1);
        let unique = |texts: Vec<String>| texts.iter().collect::<BTreeSet<_>>().len() == texts.len();
        assert!(unique((0..shop.products).map(|n| shop.product(n).sku).collect()));
        assert!(unique((0..shop.products).map(|n| shop.product(n).name).collect()));
        assert!(unique((0..shop.customers).map(|n| shop.customer(n).email).collect()));
    }

    #[test]
    fn nobody_orders_before_they_registered_and_nothing_is_after_the_end() {
        let shop = shop(3);
        for number in 0..shop.orders {
            let order = shop.order(number);
            let registered = shop.customer(order.customer).at;
            // The first customer is an exception, because the first order needs one.
            assert!(registered <= order.at || order.customer == 0, "{number}");
            assert!(order.at <= shop.until && !order.lines.is_empty());
        }
    }

    #[test]
    fn the_demand_is_the_sum_of_all_lines() {
        let shop = shop(5);
        let pieces: u32 = (0..shop.orders).flat_map(|number| shop.order(number).lines).map(|(_, pieces)| pieces).sum();
        assert_eq!(shop.demand().iter().sum::<u32>(), pieces);
    }
}
