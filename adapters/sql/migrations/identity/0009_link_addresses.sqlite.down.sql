-- Links that change an address no longer work.
DELETE FROM account_links WHERE email IS NOT NULL;
ALTER TABLE account_links DROP COLUMN email;
