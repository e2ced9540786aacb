-- Sessions last as long as their last refresh said.
ALTER TABLE sessions DROP COLUMN refresh_used_at;
ALTER TABLE sessions DROP COLUMN refresh_used_hash;
ALTER TABLE sessions DROP COLUMN refresh_hash;
