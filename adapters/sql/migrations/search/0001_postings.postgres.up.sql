CREATE TABLE search_postings (
    space TEXT COLLATE "C" NOT NULL,
    term TEXT COLLATE "C" NOT NULL,
    document_id UUID NOT NULL,
    weight BIGINT NOT NULL,
    positions BYTEA NOT NULL,
    CONSTRAINT search_postings_pkey PRIMARY KEY (space, term, document_id)
);
-- For deleting a document, and for looking up other words of candidates.
CREATE INDEX search_postings_document_idx ON search_postings (document_id, term, space);
CREATE TABLE search_builds (
    id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    after TEXT COLLATE "C",
    indexed BIGINT NOT NULL,
    done_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    CONSTRAINT search_builds_kind_key UNIQUE (kind),
    CONSTRAINT search_builds_pkey PRIMARY KEY (id)
);
