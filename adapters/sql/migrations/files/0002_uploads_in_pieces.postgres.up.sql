-- The facts about uploads that arrive in pieces. NULL for any other file.
ALTER TABLE files ADD COLUMN upload_metadata TEXT COLLATE "C";
ALTER TABLE files ADD COLUMN upload_offset BIGINT;
ALTER TABLE files ADD COLUMN upload_expires_at TIMESTAMPTZ;
ALTER TABLE files ADD COLUMN appender_token UUID;
ALTER TABLE files ADD COLUMN appender_until TIMESTAMPTZ;
