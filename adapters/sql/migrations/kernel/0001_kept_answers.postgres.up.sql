-- The answer to a command in its compressed form, in place of `answer`. PostgreSQL need not try to compress it again.
ALTER TABLE idempotency_keys ADD COLUMN compressed BYTEA;
ALTER TABLE idempotency_keys ALTER COLUMN compressed SET STORAGE EXTERNAL;
