-- The facts about uploads that arrive in pieces. NULL for any other file.
ALTER TABLE files ADD COLUMN upload_metadata TEXT;
ALTER TABLE files ADD COLUMN upload_offset INTEGER;
ALTER TABLE files ADD COLUMN upload_expires_at INTEGER;
ALTER TABLE files ADD COLUMN appender_token BLOB;
ALTER TABLE files ADD COLUMN appender_until INTEGER;
