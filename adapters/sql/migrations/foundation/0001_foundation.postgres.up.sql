-- The tables of identity, catalog, ordering, and of every context's outbox and idempotency keys.
-- The same tables, columns and names as in the SQLite schema. Text is compared byte by byte (COLLATE "C").

-- Accounts.
CREATE TABLE users (
    id UUID NOT NULL,
    email TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_pkey PRIMARY KEY (id)
);

-- What an account may do; read with it.
CREATE TABLE user_roles (
    user_id UUID NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX user_roles_role_idx ON user_roles (role);

-- Log-ins.
CREATE TABLE sessions (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
-- What is swept: sessions whose time is over, and those that were ended early.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- The one-time token of the set-up: one row at most.
CREATE TABLE setup_tokens (
    id BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT setup_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT setup_tokens_one_check CHECK (id = 1)
);

-- Prices are amounts in minor units of the currency.
CREATE TABLE products (
    id UUID NOT NULL,
    sku TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    price_amount BIGINT NOT NULL,
    price_currency TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    archived_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    CONSTRAINT products_sku_key UNIQUE (sku),
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_price_amount_check CHECK (price_amount >= 0)
);
-- One for each sort key of the list of products on sale.
CREATE INDEX products_created_at_idx ON products (created_at, id) WHERE archived_at IS NULL;
CREATE INDEX products_name_idx ON products (name, id) WHERE archived_at IS NULL;
CREATE INDEX products_sku_idx ON products (sku, id) WHERE archived_at IS NULL;
CREATE INDEX products_price_amount_idx ON products (price_amount, id) WHERE archived_at IS NULL;

-- How much of a product there is; apart from the product, so that a sale never changes the product's version.
-- Half of each page stays free, so that the next version of a row finds room beside it and no index is touched.
CREATE TABLE stock_levels (
    product_id UUID NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT stock_levels_pkey PRIMARY KEY (product_id),
    CONSTRAINT stock_levels_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT stock_levels_reserved_check CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 50);

-- The ledger. No foreign key: every row is written with the locked level of its product, which is never deleted.
-- No index by product: it would cost a page somewhere in the table for every line of every order (docs/adr/0014).
CREATE TABLE stock_movements (
    id UUID NOT NULL,
    product_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    on_hand_delta BIGINT NOT NULL,
    reserved_delta BIGINT NOT NULL,
    order_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT stock_movements_pkey PRIMARY KEY (id)
);

-- Claims of orders on stock. No foreign key, for the same reason.
CREATE TABLE reservations (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    product_id UUID NOT NULL,
    quantity BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT reservations_pkey PRIMARY KEY (id),
    CONSTRAINT reservations_quantity_check CHECK (quantity > 0)
);
CREATE INDEX reservations_order_id_idx ON reservations (order_id);
CREATE INDEX reservations_expires_at_idx ON reservations (product_id, expires_at)
    WHERE state = 'active' AND expires_at IS NOT NULL;

-- The three axes are columns of their own; the status that people see is computed from them. The number of lines is
-- there so that a page can be cut before its lines are read.
CREATE TABLE orders (
    id UUID NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    customer_id UUID NOT NULL,
    order_state TEXT COLLATE "C" NOT NULL,
    payment_state TEXT COLLATE "C" NOT NULL,
    fulfilment_state TEXT COLLATE "C" NOT NULL,
    total_amount BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    CONSTRAINT orders_number_key UNIQUE (number),
    CONSTRAINT orders_pkey PRIMARY KEY (id)
);
CREATE INDEX orders_created_at_idx ON orders (created_at, id);
CREATE INDEX orders_customer_id_idx ON orders (customer_id, created_at, id);

-- Copies of the products as they were, each product once; amounts are in the currency of the order.
CREATE TABLE order_lines (
    order_id UUID NOT NULL,
    product_id UUID NOT NULL,
    position BIGINT NOT NULL,
    sku TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    unit_price BIGINT NOT NULL,
    total BIGINT NOT NULL,
    CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, product_id),
    CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT order_lines_quantity_check CHECK (quantity > 0)
);

-- Events, stored with the change they tell of. The payload is a JSON object.
CREATE TABLE outbox (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    aggregate_id UUID NOT NULL,
    aggregate_version BIGINT NOT NULL,
    actor_id UUID,
    impersonator_id UUID,
    request_id TEXT COLLATE "C" NOT NULL,
    traceparent TEXT COLLATE "C",
    occurred_at TIMESTAMPTZ NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);

-- What was answered to a command, so that its repeat gets the same answer. No answer: not filled yet, in its unit.
CREATE TABLE idempotency_keys (
    principal UUID NOT NULL,
    use_case TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    answer TEXT COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (principal, use_case, key)
);
CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);

-- Keys of this deployment, sealed with the secret of its instances. Of several that start at once, one makes the key
-- of a purpose.
CREATE TABLE instance_keys (
    id TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT instance_keys_purpose_key UNIQUE (purpose),
    CONSTRAINT instance_keys_pkey PRIMARY KEY (id)
);
