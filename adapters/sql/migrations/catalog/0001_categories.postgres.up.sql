CREATE TABLE categories (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    parent_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT categories_slug_key UNIQUE (slug),
    CONSTRAINT categories_pkey PRIMARY KEY (id),
    CONSTRAINT categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES categories (id)
);
CREATE INDEX categories_parent_id_idx ON categories (parent_id);
-- One for each sort key of the list.
CREATE INDEX categories_name_idx ON categories (name, id);
CREATE INDEX categories_created_at_idx ON categories (created_at, id);
