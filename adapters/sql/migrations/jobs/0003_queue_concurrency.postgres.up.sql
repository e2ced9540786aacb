-- How many jobs of the queue run at a time, over all processes. NULL: only the workers limit that.
ALTER TABLE queues ADD COLUMN concurrency BIGINT;
