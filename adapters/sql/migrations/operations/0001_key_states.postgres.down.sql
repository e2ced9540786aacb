-- One key per purpose stays: the active one. Tokens of retired keys are not valid any more.
DELETE FROM instance_keys WHERE state <> 'active';
DROP INDEX instance_keys_purpose_state_key;
ALTER TABLE instance_keys DROP COLUMN state;
ALTER TABLE instance_keys DROP COLUMN expires_at;
ALTER TABLE instance_keys ADD CONSTRAINT instance_keys_purpose_key UNIQUE (purpose);
