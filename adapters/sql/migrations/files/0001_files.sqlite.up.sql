CREATE TABLE files (
    id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    purpose TEXT NOT NULL,
    visibility TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT,
    sha256 TEXT,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT files_pkey PRIMARY KEY (id)
) STRICT;
-- The lists have the files that are ready; the sweep reads the others.
CREATE INDEX files_created_at_idx ON files (created_at, id) WHERE state = 'ready';
CREATE INDEX files_owner_id_idx ON files (owner_id, created_at, id) WHERE state = 'ready';
CREATE INDEX files_removable_idx ON files (id) WHERE state <> 'ready';
CREATE TABLE file_usage (
    owner_id BLOB NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    uploads INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT file_usage_pkey PRIMARY KEY (owner_id)
) STRICT;
