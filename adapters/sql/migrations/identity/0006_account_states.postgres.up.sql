-- The time at which an account was disabled; NULL while it is active. The indexes are for the lists of accounts.
ALTER TABLE users ADD COLUMN disabled_at TIMESTAMPTZ;
CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX users_display_name_idx ON users (display_name, id);
