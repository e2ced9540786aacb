-- The keys of sealed fields, wrapped with a secret that is not in the store.
CREATE TABLE field_keys (
    id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT field_keys_pkey PRIMARY KEY (id),
    CONSTRAINT field_keys_number_key UNIQUE (number)
);
