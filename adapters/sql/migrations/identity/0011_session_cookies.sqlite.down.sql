-- A session with a cookie cannot be used without it.
DELETE FROM sessions WHERE cookie_hash IS NOT NULL;
ALTER TABLE sessions DROP COLUMN cookie_used_at;
ALTER TABLE sessions DROP COLUMN cookie_hash;
