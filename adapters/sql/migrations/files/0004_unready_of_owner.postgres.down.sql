DROP INDEX files_unready_owner_idx;
