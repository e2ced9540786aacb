-- The refresh tokens of a session, as hashes: the current one, the one that was used last, and when. Sessions of earlier
-- versions have none and cannot be refreshed.
ALTER TABLE sessions ADD COLUMN refresh_hash BYTEA;
ALTER TABLE sessions ADD COLUMN refresh_used_hash BYTEA;
ALTER TABLE sessions ADD COLUMN refresh_used_at TIMESTAMPTZ;
