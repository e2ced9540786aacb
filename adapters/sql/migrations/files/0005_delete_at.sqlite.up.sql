-- The time from which on a file is deleted. Exports from before have it here; their jobs kept it.
ALTER TABLE files ADD COLUMN delete_at INTEGER;
UPDATE files SET delete_at = updated_at + 604800000 WHERE purpose = 'export' AND state = 'ready';
CREATE INDEX files_delete_at_idx ON files (delete_at, id) WHERE state = 'ready' AND delete_at IS NOT NULL;
