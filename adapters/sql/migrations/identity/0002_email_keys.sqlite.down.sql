-- What was typed is lost. A user whose password has characters with several encodings may have to type the one of its
-- first use.
DROP INDEX users_email_key_key;
ALTER TABLE users DROP COLUMN password_form;
ALTER TABLE users DROP COLUMN email_typed;
ALTER TABLE users DROP COLUMN email_key;
