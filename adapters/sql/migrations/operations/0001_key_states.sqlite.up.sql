-- Keys have states, so that a purpose can have several keys. SQLite cannot drop the old rule of one key per purpose, so
-- the table is made again.
CREATE TABLE instance_keys_with_states (
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    CONSTRAINT instance_keys_pkey PRIMARY KEY (id)
) STRICT;
INSERT INTO instance_keys_with_states (id, purpose, state, sealed, created_at)
SELECT id, purpose, 'active', sealed, created_at FROM instance_keys;
DROP TABLE instance_keys;
ALTER TABLE instance_keys_with_states RENAME TO instance_keys;
-- Of several instances that start at once, one stores the active key of a purpose.
CREATE UNIQUE INDEX instance_keys_purpose_state_key ON instance_keys (purpose, state) WHERE state <> 'retired';
