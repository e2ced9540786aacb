ALTER TABLE files DROP COLUMN appender_until;
ALTER TABLE files DROP COLUMN appender_token;
ALTER TABLE files DROP COLUMN upload_expires_at;
ALTER TABLE files DROP COLUMN upload_offset;
ALTER TABLE files DROP COLUMN upload_metadata;
