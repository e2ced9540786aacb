CREATE TABLE categories (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    parent_id BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT categories_slug_key UNIQUE (slug),
    CONSTRAINT categories_pkey PRIMARY KEY (id),
    CONSTRAINT categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES categories (id)
) STRICT;
CREATE INDEX categories_parent_id_idx ON categories (parent_id);
-- One for each sort key of the list.
CREATE INDEX categories_name_idx ON categories (name, id);
CREATE INDEX categories_created_at_idx ON categories (created_at, id);
