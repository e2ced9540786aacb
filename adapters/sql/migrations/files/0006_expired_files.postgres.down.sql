DROP INDEX files_delete_at_idx;
