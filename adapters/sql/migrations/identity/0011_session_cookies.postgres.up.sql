-- The cookie of a session, as a hash, and its last use that was stored. Sessions with tokens have none.
ALTER TABLE sessions ADD COLUMN cookie_hash BYTEA;
ALTER TABLE sessions ADD COLUMN cookie_used_at TIMESTAMPTZ;
