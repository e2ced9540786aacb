ALTER TABLE files DROP COLUMN delete_at;
