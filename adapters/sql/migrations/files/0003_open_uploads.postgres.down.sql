DROP INDEX files_open_uploads_idx;
