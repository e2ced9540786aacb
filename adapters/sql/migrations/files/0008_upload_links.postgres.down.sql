DROP INDEX files_upload_link_id_key;
ALTER TABLE files DROP COLUMN upload_link_id;
