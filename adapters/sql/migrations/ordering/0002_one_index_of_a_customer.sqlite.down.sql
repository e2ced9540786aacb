CREATE INDEX orders_customer_id_idx ON orders (customer_id, created_at, id);
CREATE INDEX orders_unpaid_idx ON orders (customer_id, expires_at, line_count)
    WHERE order_state = 'open' AND payment_state = 'none';
DROP INDEX orders_of_customer_other_idx;
DROP INDEX orders_of_customer_unpaid_idx;
