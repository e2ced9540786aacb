-- The link by which a file was sent. NULL for any other file.
ALTER TABLE files ADD COLUMN upload_link_id BLOB;
-- A link stores one file.
CREATE UNIQUE INDEX files_upload_link_id_key ON files (upload_link_id) WHERE upload_link_id IS NOT NULL;
