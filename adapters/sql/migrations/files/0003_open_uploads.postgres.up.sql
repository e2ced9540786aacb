-- The list of the open uploads of a user.
CREATE INDEX files_open_uploads_idx ON files (owner_id, created_at, id) WHERE state = 'uploading';
