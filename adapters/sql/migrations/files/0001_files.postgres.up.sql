CREATE TABLE files (
    id UUID NOT NULL,
    owner_id UUID NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    visibility TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    media_type TEXT COLLATE "C",
    sha256 TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT files_pkey PRIMARY KEY (id)
);
-- The lists have the files that are ready; the sweep reads the others.
CREATE INDEX files_created_at_idx ON files (created_at, id) WHERE state = 'ready';
CREATE INDEX files_owner_id_idx ON files (owner_id, created_at, id) WHERE state = 'ready';
CREATE INDEX files_removable_idx ON files (id) WHERE state <> 'ready';
CREATE TABLE file_usage (
    owner_id UUID NOT NULL,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    uploads BIGINT NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT file_usage_pkey PRIMARY KEY (owner_id)
);
