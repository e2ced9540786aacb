-- Deleted accounts are disabled: they stay out of use, and are not erased.
UPDATE users SET disabled_at = updated_at WHERE erase_at IS NOT NULL AND disabled_at IS NULL;
DROP INDEX users_erase_at_idx;
ALTER TABLE users DROP COLUMN erase_at;
