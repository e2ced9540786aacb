-- Invitations no longer work. The owners of these accounts ask for a link to set a new password.
DELETE FROM account_links WHERE purpose = 'accept_invitation';
ALTER TABLE users DROP COLUMN invited_at;
