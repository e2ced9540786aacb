-- The keys of sealed fields, wrapped with a secret that is not in the store.
CREATE TABLE field_keys (
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT field_keys_number_key UNIQUE (number),
    CONSTRAINT field_keys_pkey PRIMARY KEY (id)
) STRICT;
