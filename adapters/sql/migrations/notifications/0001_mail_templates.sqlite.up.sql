CREATE TABLE mail_templates (
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    locale TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    html TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT mail_templates_kind_locale_key UNIQUE (kind, locale),
    CONSTRAINT mail_templates_pkey PRIMARY KEY (id)
) STRICT;
-- One for each sort key of the list.
CREATE INDEX mail_templates_created_at_idx ON mail_templates (created_at, id);
CREATE INDEX mail_templates_kind_idx ON mail_templates (kind, id);
