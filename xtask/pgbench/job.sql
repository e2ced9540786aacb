-- Jobs from their enqueue to their end, on the tables of Skep: the limit of PostgreSQL alone.
-- The caller sets :start, :batch and :n. It repeats the line that stores a job for each job of the batch, and removes the
-- line with the effect unless jobs are completed in the unit of an effect. A client may claim the jobs of another one.
\set n :n + 1
\set first :start + (:n * 1000 + :client_id) * :batch
BEGIN;
INSERT INTO jobs (id, kind, queue, priority, state, ready_at, attempt, max_attempts, owner_id, cancel_requested_at, created_at, started_at, finished_at, version, args, lost, lease_token, lease_beat, unique_key, unique_states, held_key, ordering_key, request_id, traceparent, progress, output, failures) VALUES (lpad((:first::bigint + {nth})::text, 32, '0')::uuid, 'bench.step', 'default', 2, 'available', now(), 0, 10, NULL, NULL, now(), NULL, NULL, 1, '1234567890', 0, NULL, NULL, NULL, NULL, NULL, NULL, 'bench.step', NULL, NULL, NULL, '[]') ON CONFLICT (held_key) WHERE held_key IS NOT NULL DO NOTHING;
COMMIT;
BEGIN;
SELECT id, name, paused_at, updated_at, version FROM queues WHERE name = 'default';
SELECT coalesce(array_agg(id), '{}') AS ids FROM (SELECT * FROM jobs AS job WHERE state = 'available' AND queue = 'default' AND (ordering_key IS NULL OR NOT EXISTS (SELECT 1 FROM jobs AS earlier WHERE earlier.state = 'available' AND earlier.ordering_key IS NOT NULL AND earlier.ordering_key = job.ordering_key AND earlier.queue = job.queue AND (earlier.priority, earlier.ready_at, earlier.id) < (job.priority, job.ready_at, job.id)) AND NOT EXISTS (SELECT 1 FROM jobs AS running WHERE running.state = 'running' AND running.ordering_key IS NOT NULL AND running.ordering_key = job.ordering_key)) ORDER BY priority, ready_at, id LIMIT :batch FOR UPDATE SKIP LOCKED) AS claimed \gset
UPDATE jobs AS stored SET state = 'running', attempt = stored.attempt + 1, started_at = now(), lease_token = '00000000-0000-7000-8000-000000000007', lease_beat = 0, failures = '[]', version = stored.version + 1 FROM unnest(:ids::uuid[]) AS saved (id) WHERE stored.id = saved.id;
COMMIT;
BEGIN;
INSERT INTO idempotency_keys (principal, use_case, key, fingerprint, answer, created_at, expires_at) SELECT id, 'bench.step', id::text, '\x0909090909090909090909090909090909090909090909090909090909090909', NULL, now(), now() + interval '1 day' FROM unnest(:ids::uuid[]) AS saved (id) ON CONFLICT (principal, use_case, key) DO UPDATE SET fingerprint = excluded.fingerprint, answer = NULL, created_at = excluded.created_at, expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= excluded.created_at;
SELECT count(*) FROM (SELECT * FROM jobs WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR UPDATE) AS locked;
UPDATE jobs AS stored SET state = 'completed', finished_at = now(), lease_token = NULL, lease_beat = NULL, failures = '[]', version = stored.version + 1 FROM unnest(:ids::uuid[]) AS saved (id) WHERE stored.id = saved.id;
COMMIT;
