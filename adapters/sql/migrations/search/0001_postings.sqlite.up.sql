-- Clustered by the key, along which the candidates of a word are read.
CREATE TABLE search_postings (
    space TEXT NOT NULL,
    term TEXT NOT NULL,
    document_id BLOB NOT NULL,
    weight INTEGER NOT NULL,
    positions BLOB NOT NULL,
    CONSTRAINT search_postings_pkey PRIMARY KEY (space, term, document_id)
) STRICT, WITHOUT ROWID;
-- For deleting a document, and for looking up other words of candidates.
CREATE INDEX search_postings_document_idx ON search_postings (document_id, term, space);
CREATE TABLE search_builds (
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    revision INTEGER NOT NULL,
    after TEXT,
    indexed INTEGER NOT NULL,
    done_at INTEGER,
    version INTEGER NOT NULL,
    CONSTRAINT search_builds_kind_key UNIQUE (kind),
    CONSTRAINT search_builds_pkey PRIMARY KEY (id)
) STRICT;
