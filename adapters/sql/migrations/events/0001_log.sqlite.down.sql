DROP TRIGGER outbox_event_deleted;
DROP TRIGGER outbox_event_stored;
DROP TABLE held_events;
DROP TABLE received_events;
DROP TABLE subscriptions;
DROP TABLE event_log;
DROP TABLE event_positions;
DROP TABLE unplaced_events;
