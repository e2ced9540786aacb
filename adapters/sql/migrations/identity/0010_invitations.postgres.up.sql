-- The time of the invitation that the owner of an account has not accepted; NULL if no invitation waits.
ALTER TABLE users ADD COLUMN invited_at TIMESTAMPTZ;
