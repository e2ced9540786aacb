-- The roles that the deployment defines, each with its permissions, separated by spaces.
CREATE TABLE roles (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    permissions TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (id),
    CONSTRAINT roles_name_key UNIQUE (name)
);

-- One row, whose number each change of a role raises. Without the row, the number is 0.
CREATE TABLE role_policy (
    id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    CONSTRAINT role_policy_pkey PRIMARY KEY (id)
);
