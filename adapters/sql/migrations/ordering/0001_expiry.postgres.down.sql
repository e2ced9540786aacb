-- The status `expired` and the expiry of orders are lost.
UPDATE orders SET order_state = 'cancelled' WHERE order_state = 'expired';
UPDATE reservations SET expires_at = NULL WHERE state = 'active';
DROP INDEX reservations_expiry_idx;
CREATE INDEX reservations_expires_at_idx ON reservations (product_id, expires_at)
    WHERE state = 'active' AND expires_at IS NOT NULL;
DROP INDEX orders_unpaid_idx;
DROP INDEX orders_expires_at_idx;
ALTER TABLE orders DROP COLUMN expires_at;
