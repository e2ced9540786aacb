-- Jobs. No foreign key to the user: a job is written and read without its owner, and may outlive the account.
CREATE TABLE jobs (
    id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    queue TEXT COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    ready_at TIMESTAMPTZ NOT NULL,
    attempt BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    owner_id UUID,
    cancel_requested_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    args TEXT COLLATE "C" NOT NULL,
    lost BIGINT NOT NULL,
    lease_token UUID,
    lease_beat BIGINT,
    unique_key TEXT COLLATE "C",
    unique_states BIGINT,
    held_key TEXT COLLATE "C",
    ordering_key TEXT COLLATE "C",
    request_id TEXT COLLATE "C" NOT NULL,
    traceparent TEXT COLLATE "C",
    progress TEXT COLLATE "C",
    output TEXT COLLATE "C",
    failures TEXT COLLATE "C" NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (id)
);
-- A job has its unique key as its held key exactly while it is in one of the states in which it holds the key.
CREATE UNIQUE INDEX jobs_unique_key_key ON jobs (held_key) WHERE held_key IS NOT NULL;
-- One job with an ordering key runs at a time.
CREATE UNIQUE INDEX jobs_running_key_key ON jobs (ordering_key) WHERE state = 'running' AND ordering_key IS NOT NULL;
-- What workers look for. Jobs that wait for their time and jobs that have ended are in neither of these indexes.
CREATE INDEX jobs_available_idx ON jobs (queue, priority, ready_at, id) WHERE state = 'available';
CREATE INDEX jobs_ordering_idx ON jobs (ordering_key, priority, ready_at, id)
    WHERE state = 'available' AND ordering_key IS NOT NULL;
-- What is promoted.
CREATE INDEX jobs_due_idx ON jobs (ready_at, id) WHERE state IN ('scheduled', 'retryable');
-- What is watched for workers that are gone.
CREATE INDEX jobs_running_idx ON jobs (queue, id) WHERE state = 'running';
-- The waiting jobs of an owner are counted.
CREATE INDEX jobs_owner_idx ON jobs (owner_id, kind, id)
    WHERE owner_id IS NOT NULL AND state IN ('available', 'scheduled', 'retryable');
-- What is swept.
CREATE INDEX jobs_finished_idx ON jobs (state, finished_at, id) WHERE finished_at IS NOT NULL;
-- The list of all jobs, and those that a filter admits: the filter is compared in the index. An index that begins with
-- the state or the queue would be shorter to read, but SQLite would prefer it to the indexes above.
CREATE INDEX jobs_created_at_idx ON jobs (created_at, id, state, queue, kind);

-- The settings of queues. A queue without a row has no limit and is not paused.
CREATE TABLE queues (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    paused_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT queues_name_key UNIQUE (name),
    CONSTRAINT queues_pkey PRIMARY KEY (id)
);
