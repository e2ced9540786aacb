-- The tables of identity, catalog, ordering, and of every context's outbox and idempotency keys.
-- The same tables, columns and names as in the PostgreSQL schema. Times are milliseconds since 1970, ids are UUIDs of
-- 16 bytes. No deferred foreign keys: one would fail the shared COMMIT of a whole group of units.
-- The primary key stands last: SQLite checks the index that was made last first, and of two rules that a row breaks the
-- error names the first.
-- WITHOUT ROWID where rows are small or read by ranges of their key: one tree to write instead of two.

-- Accounts.
CREATE TABLE users (
    id BLOB NOT NULL,
    email TEXT NOT NULL,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_pkey PRIMARY KEY (id)
) STRICT;

-- What an account may do; read with it.
CREATE TABLE user_roles (
    user_id BLOB NOT NULL,
    role TEXT NOT NULL,
    CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_roles_role_idx ON user_roles (role);

-- Log-ins.
CREATE TABLE sessions (
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
-- What is swept: sessions whose time is over, and those that were ended early.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- The one-time token of the set-up: one row at most.
CREATE TABLE setup_tokens (
    id INTEGER NOT NULL,
    hash BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT setup_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT setup_tokens_one_check CHECK (id = 1)
) STRICT;

-- Prices are amounts in minor units of the currency.
CREATE TABLE products (
    id BLOB NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    price_amount INTEGER NOT NULL,
    price_currency TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    archived_at INTEGER,
    version INTEGER NOT NULL,
    CONSTRAINT products_sku_key UNIQUE (sku),
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_price_amount_check CHECK (price_amount >= 0)
) STRICT;
-- One for each sort key of the list of products on sale.
CREATE INDEX products_created_at_idx ON products (created_at, id) WHERE archived_at IS NULL;
CREATE INDEX products_name_idx ON products (name, id) WHERE archived_at IS NULL;
CREATE INDEX products_sku_idx ON products (sku, id) WHERE archived_at IS NULL;
CREATE INDEX products_price_amount_idx ON products (price_amount, id) WHERE archived_at IS NULL;

-- How much of a product there is; apart from the product, so that a sale never changes the product's version.
CREATE TABLE stock_levels (
    product_id BLOB NOT NULL,
    on_hand INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT stock_levels_pkey PRIMARY KEY (product_id),
    CONSTRAINT stock_levels_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT stock_levels_reserved_check CHECK (0 <= reserved AND reserved <= on_hand)
) STRICT, WITHOUT ROWID;

-- The ledger. No foreign key: every row is written with the locked level of its product, which is never deleted.
-- No index by product: it would cost a page somewhere in the file for every line of every order (docs/adr/0014).
CREATE TABLE stock_movements (
    id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    on_hand_delta INTEGER NOT NULL,
    reserved_delta INTEGER NOT NULL,
    order_id BLOB,
    created_at INTEGER NOT NULL,
    CONSTRAINT stock_movements_pkey PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

-- Claims of orders on stock. No foreign key, for the same reason.
CREATE TABLE reservations (
    id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    quantity INTEGER NOT NULL,
    state TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT reservations_pkey PRIMARY KEY (id),
    CONSTRAINT reservations_quantity_check CHECK (quantity > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_order_id_idx ON reservations (order_id);
CREATE INDEX reservations_expires_at_idx ON reservations (product_id, expires_at)
    WHERE state = 'active' AND expires_at IS NOT NULL;

-- The three axes are columns of their own; the status that people see is computed from them. The number of lines is
-- there so that a page can be cut before its lines are read.
CREATE TABLE orders (
    id BLOB NOT NULL,
    number TEXT NOT NULL,
    customer_id BLOB NOT NULL,
    order_state TEXT NOT NULL,
    payment_state TEXT NOT NULL,
    fulfilment_state TEXT NOT NULL,
    total_amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    line_count INTEGER NOT NULL,
    CONSTRAINT orders_number_key UNIQUE (number),
    CONSTRAINT orders_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX orders_created_at_idx ON orders (created_at, id);
CREATE INDEX orders_customer_id_idx ON orders (customer_id, created_at, id);

-- Copies of the products as they were, each product once; amounts are in the currency of the order.
CREATE TABLE order_lines (
    order_id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price INTEGER NOT NULL,
    total INTEGER NOT NULL,
    CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, product_id),
    CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT order_lines_quantity_check CHECK (quantity > 0)
) STRICT, WITHOUT ROWID;

-- Events, stored with the change they tell of. The payload is a JSON object.
CREATE TABLE outbox (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    aggregate_id BLOB NOT NULL,
    aggregate_version INTEGER NOT NULL,
    actor_id BLOB,
    impersonator_id BLOB,
    request_id TEXT NOT NULL,
    traceparent TEXT,
    occurred_at INTEGER NOT NULL,
    payload TEXT NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

-- What was answered to a command, so that its repeat gets the same answer. No answer: not filled yet, in its unit.
CREATE TABLE idempotency_keys (
    principal BLOB NOT NULL,
    use_case TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    answer TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (principal, use_case, key)
) STRICT;
CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);

-- Keys of this deployment, sealed with the secret of its instances. Of several that start at once, one makes the key
-- of a purpose.
CREATE TABLE instance_keys (
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT instance_keys_purpose_key UNIQUE (purpose),
    CONSTRAINT instance_keys_pkey PRIMARY KEY (id)
) STRICT;
