-- A session that a new password has ended stays ended, because its row is also revoked.
ALTER TABLE sessions DROP COLUMN network;
ALTER TABLE sessions DROP COLUMN device;
ALTER TABLE sessions DROP COLUMN auth_epoch;
ALTER TABLE users DROP COLUMN auth_epoch;
