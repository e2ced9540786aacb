-- The time from which on a file is deleted. NULL for any file that stays until a user deletes it.
ALTER TABLE files ADD COLUMN delete_at TIMESTAMPTZ;
