-- Jobs. No foreign key to the user: a job is written and read without its owner, and may outlive the account.
CREATE TABLE jobs (
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    ready_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    owner_id BLOB,
    cancel_requested_at INTEGER,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    version INTEGER NOT NULL,
    args TEXT NOT NULL,
    lost INTEGER NOT NULL,
    lease_token BLOB,
    lease_beat INTEGER,
    unique_key TEXT,
    unique_states INTEGER,
    held_key TEXT,
    ordering_key TEXT,
    request_id TEXT NOT NULL,
    traceparent TEXT,
    progress TEXT,
    output TEXT,
    failures TEXT NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (id)
) STRICT;
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
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    paused_at INTEGER,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT queues_name_key UNIQUE (name),
    CONSTRAINT queues_pkey PRIMARY KEY (id)
) STRICT;
