-- The files to delete, by their time.
CREATE INDEX files_delete_at_idx ON files (delete_at, id) WHERE state = 'ready' AND delete_at IS NOT NULL;
