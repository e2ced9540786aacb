-- The time from which on a deleted account is erased; NULL for any other. The index is for the erasure.
ALTER TABLE users ADD COLUMN erase_at TIMESTAMPTZ;
CREATE INDEX users_erase_at_idx ON users (id, erase_at) WHERE erase_at IS NOT NULL;
