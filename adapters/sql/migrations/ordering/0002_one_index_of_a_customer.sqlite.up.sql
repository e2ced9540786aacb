-- Each order is in one of two indexes by customer, so that a new order writes one page in them and not two.
-- A list reads both and merges them. Orders of one moment are sorted by id when they are read.

-- The first one also has what is counted with each new order.
CREATE INDEX orders_of_customer_unpaid_idx ON orders (customer_id, created_at, expires_at, line_count)
    WHERE order_state = 'open' AND payment_state = 'none';

-- The states are there so that a list can be counted in the index alone.
CREATE INDEX orders_of_customer_other_idx ON orders (customer_id, created_at, order_state, payment_state)
    WHERE order_state <> 'open' OR payment_state <> 'none';

DROP INDEX orders_unpaid_idx;
DROP INDEX orders_customer_id_idx;
