CREATE TABLE mail_templates (
    id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    locale TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    html TEXT COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT mail_templates_kind_locale_key UNIQUE (kind, locale),
    CONSTRAINT mail_templates_pkey PRIMARY KEY (id)
);
-- One for each sort key of the list.
CREATE INDEX mail_templates_created_at_idx ON mail_templates (created_at, id);
CREATE INDEX mail_templates_kind_idx ON mail_templates (kind, id);
