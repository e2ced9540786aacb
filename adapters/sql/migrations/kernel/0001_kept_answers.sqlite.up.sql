-- The answer to a command in its compressed form, in place of `answer`.
ALTER TABLE idempotency_keys ADD COLUMN compressed BLOB;
