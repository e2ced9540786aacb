//! `OrderRepository`, and the laws of `OrderQueries`.

use super::{Orders, OrdersUnit};
use crate::{
    check::{Checked, duplicate, equal, holds, some},
    clause::{self, clauses},
    harness::Need,
    laws::{self, Entity, Listed, Owned, Shown, Unique, Versioned, lists, put, saves, shows},
    sample,
    units::{self, commit, look},
    world,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Page, PageRequest, Position, Scope, StoreError},
    ordering::{
        OrderView,
        constraints::{ORDER_ID, ORDER_LINE, ORDER_NUMBER},
    },
};
use skep_domain::{
    catalog::{MAX_QUANTITY, Product},
    ordering::{FulfilmentState, Order, OrderLine, OrderState, PaymentState, Progress, Trigger},
    shared::{Direction, OrderId, Text, Timestamp, UserId, Version},
};
use std::{slice::from_ref, sync::Arc};

clauses! { clauses of "orders" on dyn Orders, with [
        saves::clauses::<Order>("orders"),
        shows::clauses::<Order>("order_queries"),
        shows::scoped::<Order>("order_queries"),
        lists::clauses::<Order>("order_queries"),
        lists::scoped::<Order>("order_queries"),
    ]:
    every_progress_survives,
    a_thousand_lines_survive_in_order,
    a_product_has_one_line_of_an_order,
    a_save_leaves_lines_and_totals_alone,
    of_two_writers_one_is_stale,
    the_lines_of_open_orders_are_counted ["OrderRepository 1"],
    an_insert_takes_a_fixed_number_of_round_trips {Need::RoundTrips},
}

type Given = clause::Given<dyn Orders>;

async fn stored(given: &Given, order: &Order) -> Checked<Option<Order>> {
    laws::stored(&*given.store, order.id).await
}

#[async_trait]
impl Entity for Order {
    type Id = OrderId;
    type Store = dyn Orders;
    type Tx = dyn OrdersUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: ORDER_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: ORDER_NUMBER, collide: |one, other| other.number.clone_from(&one.number), on_save: false },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        sample::order()
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let longest = Text::stored("\u{10FFFD}".repeat(200));
        let dear = Product { price: sample::money(sample::BEYOND_DOUBLE, "KWD")?, name: longest, ..sample::product()? };
        let dearest = Product { price: sample::money(i64::MAX, "JPY")?, ..sample::product()? };
        let free = Product { price: sample::money(0, "EUR")?, ..sample::product()? };
        let cheap = Product { price: sample::money(1, "EUR")?, ..sample::product()? };
        [
            (vec![sample::line(&dear, 1)?], sample::at(1)),
            (vec![sample::line(&dearest, 1)?], Timestamp::MAX),
            (vec![sample::line(&free, MAX_QUANTITY)?, sample::line(&cheap, MAX_QUANTITY)?], Timestamp::MIN),
            (vec![sample::line(&free, 1)?], Timestamp::from_millis(-1)?),
        ]
        .into_iter()
        .map(|(lines, placed)| {
            // The extremes of time are also those at which an order expires.
            Ok(Self { expires_at: Some(placed), ..sample::order_of(sample::user_id(), lines, placed)? })
        })
        .collect()
    }

    fn id(&self) -> OrderId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: OrderId) -> Result<Option<Self>, StoreError> {
        tx.orders().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.orders().insert(self).await
    }
}

#[async_trait]
impl Versioned for Order {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        let place = usize::try_from(round)?;
        self.progress = Progress {
            order: OrderState::ALL[place % OrderState::ALL.len()],
            payment: PaymentState::ALL[place % PaymentState::ALL.len()],
            fulfilment: FulfilmentState::ALL[place % FulfilmentState::ALL.len()],
        };
        self.updated_at = sample::at(100 * round);
        self.expires_at = (round % 2 == 0).then(|| sample::at(200 * round));
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.orders().save(self).await
    }
}

#[async_trait]
impl Shown for Order {
    type Row = OrderView;

    fn row(&self) -> OrderView {
        OrderView::from(self)
    }

    async fn show(store: &Self::Store, scope: Scope, id: OrderId) -> Result<Option<OrderView>, StoreError> {
        store.queries().find_order(scope, id).await
    }
}

impl Owned for Order {
    fn owner(&self) -> UserId {
        self.customer_id
    }
}

#[async_trait]
impl Listed for Order {
    type Sort = ();
    const SORTS: &'static [()] = &[()];

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        let lines = vec![sample::line(&sample::product()?, 1)?, sample::line(&sample::product()?, 2)?];
        // Three orders share each time, so that their ids break the tie.
        sample::order_of(sample::user_id(), lines, sample::at(number / 3 * 10))
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let mut orders = Vec::new();
        for placed in sample::edges_of_time()? {
            orders.push(Self { created_at: placed, updated_at: placed, ..sample::order()? });
        }
        Ok(orders)
    }

    fn place((): (), row: &OrderView) -> Position {
        row.position()
    }

    async fn list(
        store: &Self::Store,
        scope: Scope,
        (): (),
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, StoreError> {
        store.queries().list_orders(scope, direction, page).await
    }

    fn give(&mut self, owner: UserId) {
        self.customer_id = owner;
    }
}

async fn every_progress_survives(given: &Given) -> Checked {
    for order_state in OrderState::ALL {
        for payment in PaymentState::ALL {
            for fulfilment in FulfilmentState::ALL {
                let progress = Progress { order: *order_state, payment: *payment, fulfilment: *fulfilment };
                let order = Order { progress, ..sample::order()? };
                put(&*given.store, from_ref(&order)).await?;
                equal(stored(given, &order).await?.map(|order| order.progress), Some(progress))?;
            }
        }
    }
    Ok(())
}

fn lines(count: usize) -> Checked<Vec<OrderLine>> {
    let mut products = Vec::new();
    for _ in 0..count {
        products.push(sample::product()?);
    }
    // Sorted neither by id nor by SKU.
    products.sort_by_key(|product| product.id.uuid().as_bytes()[15]);
    products.iter().zip(1..).map(|(product, quantity)| sample::line(product, quantity)).collect()
}

async fn a_thousand_lines_survive_in_order(given: &Given) -> Checked {
    let order = sample::order_of(sample::user_id(), lines(1_000)?, sample::at(0))?;
    put(&*given.store, from_ref(&order)).await?;
    let found = some(stored(given, &order).await?, "the order")?;
    equal(found.lines.len(), 1_000)?;
    holds(found == order, "the lines are stored as they were placed")
}

async fn a_product_has_one_line_of_an_order(given: &Given) -> Checked {
    let mut order = sample::order()?;
    order.lines.push(order.lines[0].clone());
    let mut tx = units::write(&*given.store).await?;
    duplicate(tx.orders().insert(&order).await, ORDER_LINE)?;
    drop(tx);
    equal(stored(given, &order).await?, None)
}

async fn a_save_leaves_lines_and_totals_alone(given: &Given) -> Checked {
    let order = sample::order()?;
    put(&*given.store, from_ref(&order)).await?;
    let mut other = Order { lines: lines(3)?, total: sample::euros(1)?, ..order.clone() };
    other.apply(Trigger::Cancel, sample::at(50_000))?;
    commit!(given.store, tx => tx.orders().save(&other).await?)?;
    other.expires_at = Some(sample::at(60_000));
    commit!(given.store, tx => tx.orders().save(&Order { version: order.version.next(), ..other.clone() }).await?)?;
    let expected = Order {
        progress: other.progress,
        updated_at: other.updated_at,
        expires_at: other.expires_at,
        version: order.version.next().next(),
        ..order
    };
    equal(stored(given, &expected).await?, Some(expected.clone()))
}

async fn of_two_writers_one_is_stale(given: &Given) -> Checked {
    for _ in 0..15 {
        let order = sample::order()?;
        put(&*given.store, from_ref(&order)).await?;
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let write = |trigger| {
            let (store, start, mut order) = (given.store.clone(), start.clone(), order.clone());
            tokio::spawn(async move {
                start.wait().await;
                order.apply(trigger, world::now())?;
                let outcome = commit!(store, tx => tx.orders().save(&order).await?);
                Ok::<_, skep_domain::ordering::InvalidTransition>((order, outcome))
            })
        };
        let (pays, cancels) = (write(Trigger::PaymentCaptured), write(Trigger::Cancel));
        let (paid, cancelled) = (pays.await??, cancels.await??);
        let winner = match (paid, cancelled) {
            ((order, Ok(_)), (_, Err(StoreError::Stale))) | ((_, Err(StoreError::Stale)), (order, Ok(_))) => order,
            (one, other) => {
                return Err(crate::Failure::new(format!("the writers ended with {:?} and {:?}", one.1, other.1)));
            }
        };
        equal(stored(given, &order).await?.map(|order| order.progress), Some(winner.progress))?;
    }
    Ok(())
}

async fn an_insert_takes_a_fixed_number_of_round_trips(given: &Given) -> Checked {
    let mut taken = Vec::new();
    put(&*given.store, &[sample::order()?]).await?;
    for count in [2, 500] {
        let order = sample::order_of(sample::user_id(), lines(count)?, sample::at(0))?;
        let before = given.faults().round_trips();
        put(&*given.store, from_ref(&order)).await?;
        taken.push(given.faults().round_trips() - before);
    }
    holds(taken[1] <= taken[0] + 1, format!("2 lines take {} round trips, 500 take {}", taken[0], taken[1]))
}

async fn the_lines_of_open_orders_are_counted(given: &Given) -> Checked {
    let (customer, other, now) = (sample::user_id(), sample::user_id(), sample::at(1_000));
    let counted = async |customer| {
        Ok::<_, crate::Failure>(look!(given.store, tx => tx.orders().count_open_lines(customer, now).await?)?)
    };
    equal(counted(customer).await?, 0)?;
    let ends = |millis| Some(now.plus_millis(millis));
    let orders = [
        (customer, 1, None, None),
        (customer, 2, ends(1), None),
        (customer, 4, ends(0), None),
        (customer, 8, ends(-60_000), None),
        (customer, 16, ends(60_000), Some(Trigger::PaymentCaptured)),
        (customer, 32, ends(60_000), Some(Trigger::Cancel)),
        (customer, 64, None, Some(Trigger::ReservationExpired)),
        (other, 128, ends(60_000), None),
    ];
    for (customer, count, expires_at, trigger) in orders {
        let mut order = Order { expires_at, ..sample::order_of(customer, lines(count)?, sample::at(0))? };
        put(&*given.store, from_ref(&order)).await?;
        if let Some(trigger) = trigger {
            order.apply(trigger, now)?;
            commit!(given.store, tx => tx.orders().save(&order).await?)?;
        }
    }
    equal((counted(customer).await?, counted(other).await?), (3, 128))
}
