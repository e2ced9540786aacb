-- Keys have states, so that a purpose can have several keys.
ALTER TABLE instance_keys ADD COLUMN state TEXT COLLATE "C";
ALTER TABLE instance_keys ADD COLUMN expires_at TIMESTAMPTZ;
UPDATE instance_keys SET state = 'active';
ALTER TABLE instance_keys ALTER COLUMN state SET NOT NULL;
ALTER TABLE instance_keys DROP CONSTRAINT instance_keys_purpose_key;
-- Of several instances that start at once, one stores the active key of a purpose.
CREATE UNIQUE INDEX instance_keys_purpose_state_key ON instance_keys (purpose, state) WHERE state <> 'retired';
