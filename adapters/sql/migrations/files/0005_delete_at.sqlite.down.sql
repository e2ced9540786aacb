DROP INDEX files_delete_at_idx;
ALTER TABLE files DROP COLUMN delete_at;
