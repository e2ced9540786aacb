-- The roles that the deployment defines, each with its permissions, separated by spaces.
CREATE TABLE roles (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (id),
    CONSTRAINT roles_name_key UNIQUE (name)
) STRICT;

-- One row, whose number each change of a role raises. Without the row, the number is 0.
CREATE TABLE role_policy (
    id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    CONSTRAINT role_policy_pkey PRIMARY KEY (id)
) STRICT;
