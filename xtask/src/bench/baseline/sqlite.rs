//! The limit of SQLite alone: the statements of the server in a plain loop, on one thread.

use super::{super::Fault, Looped};
use rusqlite::{Connection, OpenFlags, Transaction, params};
use std::{path::Path, time::Duration};
use uuid::Uuid;

const LINES: usize = 3;
const CLAIM: &str = "INSERT INTO idempotency_keys (principal, use_case, key, fingerprint, answer, created_at, expires_at) \
     VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6) ON CONFLICT (principal, use_case, key) DO UPDATE \
     SET fingerprint = excluded.fingerprint, answer = NULL, created_at = excluded.created_at, \
     expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= excluded.created_at";
const PRODUCTS: &str = "SELECT id, sku, name, description, price_amount, price_currency, created_at, updated_at, \
     archived_at, version FROM products WHERE id IN (?1, ?2, ?3)";
const LEVELS: &str = "SELECT product_id, on_hand, reserved, updated_at, version FROM stock_levels \
     WHERE product_id IN (?1, ?2, ?3) ORDER BY product_id";
const ORDER: &str = "INSERT INTO orders (id, number, customer_id, order_state, payment_state, fulfilment_state, \
     total_amount, currency, created_at, updated_at, version, line_count) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const LINE: &str = "INSERT INTO order_lines (order_id, product_id, position, sku, name, quantity, unit_price, total) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const LEVEL: &str = "UPDATE stock_levels SET on_hand = ?2, reserved = ?3, updated_at = ?4, version = version + 1 \
     WHERE product_id = ?1 AND version = ?5";
const RESERVATION: &str = "INSERT INTO reservations (id, order_id, product_id, quantity, state, expires_at, created_at, \
     ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const MOVEMENT: &str = "INSERT INTO stock_movements (id, product_id, kind, on_hand_delta, reserved_delta, order_id, \
     created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const EVENT: &str = "INSERT INTO outbox (id, name, aggregate_id, aggregate_version, actor_id, impersonator_id, \
     request_id, traceparent, occurred_at, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const FILL: &str = "UPDATE idempotency_keys SET answer = ?4 \
     WHERE principal = ?1 AND use_case = ?2 AND key = ?3 AND fingerprint = ?5";

const LIST: &str = "SELECT id, sku, name, description, price_amount, price_currency, created_at, updated_at, \
     archived_at, version FROM products WHERE archived_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 21";
const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM products WHERE archived_at IS NULL \
    ORDER BY created_at, id LIMIT 10001) AS counted";

/// Opens a connection with the settings of the server, except that SQLite runs its own checkpoints.
pub(super) fn open(database: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags)?;
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "cache_size", -32_768)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", 4_000, |_| Ok(()))?;
    Ok(db)
}

/// Places orders in a loop.
pub(super) fn orders(database: &Path, per_commit: u32, time: Duration) -> Result<Looped, Fault> {
    let mut db = open(database)?;
    let products: Vec<Uuid> = {
        let mut all = db.prepare("SELECT id FROM products")?;
        all.query_map([], |row| Ok(Uuid::from_bytes(row.get(0)?)))?.collect::<Result<_, _>>()?
    };
    let mut orders = Orders { products, next: 0, answer: "a".repeat(1_000), payload: "p".repeat(420) };
    super::count(time, || {
        let unit = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for _ in 0..per_commit {
            orders.place(&unit)?;
        }
        unit.commit()?;
        Ok(u64::from(per_commit))
    })
}

struct Orders {
    products: Vec<Uuid>,
    next: u64,
    /// A text as long as the answers that the server keeps.
    answer: String,
    payload: String,
}

impl Orders {
    /// An id that grows with time, as those of the server do.
    fn id(&mut self) -> [u8; 16] {
        // The counter stands in the bits above the version, because setting the version overwrites bits.
        self.next += 1;
        let high = (u128::from(self.next) << 80) | u128::from(rand::random::<u64>());
        *uuid::Builder::from_u128(high).with_version(uuid::Version::SortRand).as_uuid().as_bytes()
    }

    fn place(&mut self, db: &Transaction<'_>) -> Result<(), Fault> {
        let now = 1_790_000_000_000_i64 + i64::try_from(self.next)?;
        let (order, customer) = (self.id(), [7_u8; 16]);
        let (key, fingerprint) = (Uuid::from_u128(rand::random()).to_string(), [9_u8; 32]);
        let use_case = "ordering.place_order";
        db.prepare_cached(CLAIM)?.execute(params![customer, use_case, key, fingerprint, now, now + 86_400_000])?;
        let mut drawn = [[0_u8; 16]; LINES];
        let first = rand::random_range(0..self.products.len());
        for (nth, id) in drawn.iter_mut().enumerate() {
            // The products are far apart, and different if there are enough.
            let at = (first + nth * (self.products.len() / LINES).max(1)) % self.products.len();
            *id = *self.products[at].as_bytes();
        }
        let lines = Self::lines(db, drawn)?;
        let number = Uuid::from_u128(rand::random()).simple().to_string();
        let total: i64 = lines.iter().map(|line| line.price).sum();
        let states = ("placed", "unpaid", "unfulfilled");
        db.prepare_cached(ORDER)?.execute(params![
            order, number, customer, states.0, states.1, states.2, total, "EUR", now, now, 1_i64, 3_i64
        ])?;
        for (position, line) in (1_i64..).zip(&lines) {
            let values = params![order, line.product, position, line.sku, line.name, 1_i64, line.price, line.price];
            db.prepare_cached(LINE)?.execute(values)?;
        }
        for line in &lines {
            let saved = db.prepare_cached(LEVEL)?.execute(params![
                line.product,
                line.on_hand,
                line.reserved + 1,
                now,
                line.version
            ])?;
            if saved != 1 {
                return Err("a level was changed by another writer".into());
            }
        }
        for line in &lines {
            let none = rusqlite::types::Null;
            let id = self.id();
            db.prepare_cached(RESERVATION)?.execute(params![
                id,
                order,
                line.product,
                1_i64,
                "active",
                none,
                now,
                none
            ])?;
        }
        for line in &lines {
            let id = self.id();
            db.prepare_cached(MOVEMENT)?.execute(params![id, line.product, "reserved", 0_i64, 1_i64, order, now])?;
        }
        let (event, none) = (self.id(), rusqlite::types::Null);
        let request = "01a9d3c5a0070008000000000000001a";
        db.prepare_cached(EVENT)?.execute(params![
            event,
            "ordering.order_placed.v1",
            order,
            1_i64,
            customer,
            none,
            request,
            none,
            now,
            self.payload
        ])?;
        db.prepare_cached(FILL)?.execute(params![customer, use_case, key, self.answer, fingerprint])?;
        Ok(())
    }

    /// Reads the products of an order and their stock levels.
    fn lines(db: &Transaction<'_>, products: [[u8; 16]; LINES]) -> Result<Vec<Line>, Fault> {
        let [a, b, c] = products;
        let mut found = db.prepare_cached(LEVELS)?;
        let mut rows = found.query(params![a, b, c])?;
        let mut lines = vec![];
        while let Some(row) = rows.next()? {
            let (product, on_hand, reserved, version) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
            let (sku, name) = (String::new(), String::new());
            lines.push(Line { product, sku, name, price: 0, on_hand, reserved, version });
        }
        let mut found = db.prepare_cached(PRODUCTS)?;
        let mut rows = found.query(params![a, b, c])?;
        while let Some(row) = rows.next()? {
            let product: [u8; 16] = row.get(0)?;
            let line = lines.iter_mut().find(|line| line.product == product).ok_or("a product without a level")?;
            (line.sku, line.name, line.price) = (row.get(1)?, row.get(2)?, row.get(4)?);
        }
        Ok(lines)
    }
}

struct Line {
    product: [u8; 16],
    sku: String,
    name: String,
    price: i64,
    on_hand: i64,
    reserved: i64,
    version: i64,
}

/// Reads the newest 20 products, and one more that shows whether there is a next page.
pub(super) fn list(database: &Path, with_count: bool, time: Duration) -> Result<Looped, Fault> {
    let db = open(database)?;
    super::count(time, || {
        let mut page = db.prepare_cached(LIST)?;
        let mut rows = page.query([])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let (id, price): ([u8; 16], i64) = (row.get(0)?, row.get(4)?);
            let texts: [String; 4] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(5)?];
            let times: [i64; 3] = [row.get(6)?, row.get(7)?, row.get(9)?];
            bytes += std::hint::black_box((id, price, times, texts)).3.iter().map(String::len).sum::<usize>();
        }
        if bytes == 0 {
            return Err("there are no products".into());
        }
        if with_count {
            std::hint::black_box(db.prepare_cached(COUNT)?.query_row([], |row| row.get::<_, i64>(0))?);
        }
        Ok(1)
    })
}
