DROP TABLE queues;
DROP TABLE jobs;
