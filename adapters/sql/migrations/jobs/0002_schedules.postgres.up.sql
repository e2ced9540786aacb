-- Schedules. No foreign key to the last job, which is deleted some time after it ended. A schedule has a cron line with
-- its time zone, an interval with its beginning, or one time.
CREATE TABLE schedules (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    max_attempts BIGINT NOT NULL,
    cron TEXT COLLATE "C",
    time_zone TEXT COLLATE "C",
    every_seconds BIGINT,
    every_from TIMESTAMPTZ,
    once_at TIMESTAMPTZ,
    queue TEXT COLLATE "C" NOT NULL,
    args TEXT COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    misfire TEXT COLLATE "C" NOT NULL,
    overlap TEXT COLLATE "C" NOT NULL,
    paused_at TIMESTAMPTZ,
    next_fire_at TIMESTAMPTZ,
    last_fire_at TIMESTAMPTZ,
    last_job_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT schedules_name_key UNIQUE (name),
    CONSTRAINT schedules_pkey PRIMARY KEY (id)
);
-- Those that fire at some time.
CREATE INDEX schedules_next_fire_at_idx ON schedules (next_fire_at, id) WHERE next_fire_at IS NOT NULL;
-- One for each sort key of the list. The filter is compared in the index.
CREATE INDEX schedules_created_at_idx ON schedules (created_at, id, kind);
CREATE INDEX schedules_name_idx ON schedules (name, id, kind);
