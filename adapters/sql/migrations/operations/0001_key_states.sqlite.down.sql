-- One key per purpose stays: the active one. Tokens of retired keys are not valid any more.
CREATE TABLE instance_keys_without_states (
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT instance_keys_purpose_key UNIQUE (purpose),
    CONSTRAINT instance_keys_pkey PRIMARY KEY (id)
) STRICT;
INSERT INTO instance_keys_without_states (id, purpose, sealed, created_at)
SELECT id, purpose, sealed, created_at FROM instance_keys WHERE state = 'active';
DROP TABLE instance_keys;
ALTER TABLE instance_keys_without_states RENAME TO instance_keys;
