-- Accounts that were disabled can be used again.
DROP INDEX users_display_name_idx;
DROP INDEX users_created_at_idx;
ALTER TABLE users DROP COLUMN disabled_at;
