-- The links that are mailed to the owners of accounts: one row for each account and purpose, with the hash of the token.
-- Without a foreign key: the same row is stored for an address without an account, so that the work does not show
-- whether there is one.
CREATE TABLE account_links (
    user_id BLOB NOT NULL,
    purpose TEXT NOT NULL,
    id BLOB NOT NULL,
    hash BLOB NOT NULL,
    auth_epoch INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT account_links_pkey PRIMARY KEY (user_id, purpose)
) STRICT, WITHOUT ROWID;
-- For the lookup of a token.
CREATE INDEX account_links_hash_idx ON account_links (hash);
-- For the sweep.
CREATE INDEX account_links_expires_at_idx ON account_links (expires_at);
-- The time at which the address was verified; NULL while it is not.
ALTER TABLE users ADD COLUMN email_verified_at INTEGER;
