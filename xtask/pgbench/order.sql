-- An order of three lines in nine plain statements, on the tables of Skep: the limit of PostgreSQL alone.
-- The caller sets :products, :start and :n. The ids of the products are 1, 2, 3 and so on.
\set n :n + 1
\set order :start + :n * 1000 + :client_id
\set key random(1, 9000000000000000000)
\set a random(1, :products)
\set b 1 + (:a + :products / 3) % :products
\set c 1 + (:a + 2 * :products / 3) % :products
BEGIN;
INSERT INTO idempotency_keys (principal, use_case, key, fingerprint, answer, created_at, expires_at) VALUES ('00000000-0000-7000-8000-000000000007', 'ordering.place_order', :key, '\x0909090909090909090909090909090909090909090909090909090909090909', NULL, now(), now() + interval '1 day') ON CONFLICT (principal, use_case, key) DO UPDATE SET fingerprint = excluded.fingerprint, answer = NULL, created_at = excluded.created_at, expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= excluded.created_at;
SELECT product_id, on_hand, reserved, updated_at, version FROM stock_levels WHERE product_id IN (lpad(:a, 32, '0')::uuid, lpad(:b, 32, '0')::uuid, lpad(:c, 32, '0')::uuid) ORDER BY product_id FOR UPDATE;
SELECT id, sku, name, description, price_amount, price_currency, created_at, updated_at, archived_at, version FROM products WHERE id IN (lpad(:a, 32, '0')::uuid, lpad(:b, 32, '0')::uuid, lpad(:c, 32, '0')::uuid);
INSERT INTO orders (id, number, customer_id, order_state, payment_state, fulfilment_state, total_amount, currency, created_at, updated_at, version, line_count) VALUES (lpad(:order, 32, '0')::uuid, 'B-' || :order, '00000000-0000-7000-8000-000000000007', 'placed', 'unpaid', 'unfulfilled', 300, 'EUR', now(), now(), 1, 3);
INSERT INTO order_lines (order_id, product_id, position, sku, name, quantity, unit_price, total) VALUES (lpad(:order, 32, '0')::uuid, lpad(:a, 32, '0')::uuid, 1, 'BENCH-000000001', 'Linden honey 000000001, 250 g', 1, 100, 100), (lpad(:order, 32, '0')::uuid, lpad(:b, 32, '0')::uuid, 2, 'BENCH-000000002', 'Linden honey 000000002, 250 g', 1, 100, 100), (lpad(:order, 32, '0')::uuid, lpad(:c, 32, '0')::uuid, 3, 'BENCH-000000003', 'Linden honey 000000003, 250 g', 1, 100, 100);
UPDATE stock_levels SET reserved = reserved + 1, updated_at = now(), version = version + 1 WHERE product_id IN (lpad(:a, 32, '0')::uuid, lpad(:b, 32, '0')::uuid, lpad(:c, 32, '0')::uuid);
INSERT INTO reservations (id, order_id, product_id, quantity, state, expires_at, created_at, ended_at) VALUES (lpad(:order || '1', 32, '0')::uuid, lpad(:order, 32, '0')::uuid, lpad(:a, 32, '0')::uuid, 1, 'active', NULL, now(), NULL), (lpad(:order || '2', 32, '0')::uuid, lpad(:order, 32, '0')::uuid, lpad(:b, 32, '0')::uuid, 1, 'active', NULL, now(), NULL), (lpad(:order || '3', 32, '0')::uuid, lpad(:order, 32, '0')::uuid, lpad(:c, 32, '0')::uuid, 1, 'active', NULL, now(), NULL);
INSERT INTO outbox (id, name, aggregate_id, aggregate_version, actor_id, impersonator_id, request_id, traceparent, occurred_at, payload) VALUES (lpad(:order, 32, '0')::uuid, 'ordering.order_placed.v1', lpad(:order, 32, '0')::uuid, 1, '00000000-0000-7000-8000-000000000007', NULL, '01a9d3c5a0070008000000000000001a', NULL, now(), repeat('p', 420));
UPDATE idempotency_keys SET answer = repeat('a', 1000) WHERE principal = '00000000-0000-7000-8000-000000000007' AND use_case = 'ordering.place_order' AND key = :key AND fingerprint = '\x0909090909090909090909090909090909090909090909090909090909090909';
COMMIT;
