-- The groups of accounts, each with its roles, separated by spaces. A member has the role `group:` and the id of the group.
CREATE TABLE user_groups (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    roles TEXT NOT NULL,
    parent_id BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT user_groups_pkey PRIMARY KEY (id),
    CONSTRAINT user_groups_name_key UNIQUE (name)
) STRICT;
