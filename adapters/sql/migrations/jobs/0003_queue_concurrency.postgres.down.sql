ALTER TABLE queues DROP COLUMN concurrency;
