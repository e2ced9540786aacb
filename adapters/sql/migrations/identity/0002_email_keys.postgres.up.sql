-- The key of an e-mail address, what its owner typed, and the form of the password that was hashed. In rows of earlier
-- versions the next step adds the key; the other two stay NULL. Two of them may have one key, so the younger has none.
ALTER TABLE users ADD COLUMN email_key TEXT COLLATE "C";
ALTER TABLE users ADD COLUMN email_typed TEXT COLLATE "C";
ALTER TABLE users ADD COLUMN password_form TEXT COLLATE "C";
CREATE UNIQUE INDEX users_email_key_key ON users (email_key);
