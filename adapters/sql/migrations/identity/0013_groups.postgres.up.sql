-- The groups of accounts, each with its roles, separated by spaces. A member has the role `group:` and the id of the group.
CREATE TABLE user_groups (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    roles TEXT COLLATE "C" NOT NULL,
    parent_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT user_groups_pkey PRIMARY KEY (id),
    CONSTRAINT user_groups_name_key UNIQUE (name)
);
