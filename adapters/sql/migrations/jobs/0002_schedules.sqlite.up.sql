-- Schedules. No foreign key to the last job, which is deleted some time after it ended. A schedule has a cron line with
-- its time zone, an interval with its beginning, or one time.
CREATE TABLE schedules (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    max_attempts INTEGER NOT NULL,
    cron TEXT,
    time_zone TEXT,
    every_seconds INTEGER,
    every_from INTEGER,
    once_at INTEGER,
    queue TEXT NOT NULL,
    args TEXT NOT NULL,
    priority INTEGER NOT NULL,
    misfire TEXT NOT NULL,
    overlap TEXT NOT NULL,
    paused_at INTEGER,
    next_fire_at INTEGER,
    last_fire_at INTEGER,
    last_job_id BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT schedules_name_key UNIQUE (name),
    CONSTRAINT schedules_pkey PRIMARY KEY (id)
) STRICT;
-- Those that fire at some time.
CREATE INDEX schedules_next_fire_at_idx ON schedules (next_fire_at, id) WHERE next_fire_at IS NOT NULL;
-- One for each sort key of the list. The filter is compared in the index.
CREATE INDEX schedules_created_at_idx ON schedules (created_at, id, kind);
CREATE INDEX schedules_name_idx ON schedules (name, id, kind);
