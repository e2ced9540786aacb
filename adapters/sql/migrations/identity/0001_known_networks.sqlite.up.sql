-- The networks that an account has logged in from: one row for each account, with a list of keyed hashes and times of
-- at most 768 bytes. Without a foreign key, so that a log-in does not lock the account. The row of an account that is
-- gone is swept by its age.
CREATE TABLE known_networks (
    user_id BLOB NOT NULL,
    networks BLOB NOT NULL,
    last_login_at INTEGER NOT NULL,
    CONSTRAINT known_networks_pkey PRIMARY KEY (user_id)
) STRICT, WITHOUT ROWID;
-- For the sweep.
CREATE INDEX known_networks_last_login_at_idx ON known_networks (last_login_at);
