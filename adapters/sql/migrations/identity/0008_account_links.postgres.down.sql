-- Links that were mailed no longer work, and no address counts as verified.
ALTER TABLE users DROP COLUMN email_verified_at;
DROP TABLE account_links;
