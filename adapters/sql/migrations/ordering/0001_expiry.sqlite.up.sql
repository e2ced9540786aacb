-- Orders that are not paid end at a time, and their reservations with them.
-- NULL: the order waits without a limit, or no longer waits for its payment.
ALTER TABLE orders ADD COLUMN expires_at INTEGER;

-- Orders that were placed before could not be paid, so those that wait may be paid elsewhere. They get 30 days, and up to
-- 7 more by the time at which they were placed, so that they do not all end at once.
UPDATE orders
SET expires_at = unixepoch() * 1000 + 30 * 86400000 + created_at % (7 * 86400000)
WHERE order_state = 'open' AND payment_state = 'none';

UPDATE reservations
SET expires_at = (SELECT orders.expires_at FROM orders WHERE orders.id = reservations.order_id)
WHERE state = 'active';

-- What is swept.
CREATE INDEX orders_expires_at_idx ON orders (expires_at, id) WHERE expires_at IS NOT NULL;

-- By time, because an index by product would cost a page somewhere in the file for every line of every order
-- (docs/adr/0014). What has expired and was not swept is a short range. The index has all columns that it is read for.
DROP INDEX reservations_expires_at_idx;
CREATE INDEX reservations_expiry_idx ON reservations (expires_at, product_id, quantity)
    WHERE state = 'active' AND expires_at IS NOT NULL;

-- The lines of a customer's orders that wait for their payment are counted with each new order.
CREATE INDEX orders_unpaid_idx ON orders (customer_id, expires_at, line_count)
    WHERE order_state = 'open' AND payment_state = 'none';
