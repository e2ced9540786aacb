-- The uploads and deleted files of a user whose account is erased. Files that are ready have an index.
CREATE INDEX files_unready_owner_idx ON files (owner_id, id) WHERE state <> 'ready';
