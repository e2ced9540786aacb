-- The log of events: their positions, subscriptions, and the events that subscriptions have received and hold back.

-- The events without a position. The table of events itself is not marked: an update would write the payload again.
CREATE TABLE unplaced_events (
    event_id BLOB NOT NULL,
    aggregate_id BLOB NOT NULL,
    aggregate_version INTEGER NOT NULL,
    CONSTRAINT unplaced_events_pkey PRIMARY KEY (event_id)
) STRICT, WITHOUT ROWID;
-- Earlier events of the same aggregate are placed first.
CREATE INDEX unplaced_events_aggregate_idx ON unplaced_events (aggregate_id, aggregate_version);

-- The position is the rowid, so new rows are added at the end.
CREATE TABLE event_positions (
    position INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    CONSTRAINT event_positions_event_id_key UNIQUE (event_id),
    CONSTRAINT event_positions_pkey PRIMARY KEY (position)
) STRICT;

-- One row: the last position, and the greatest one of an event that was deleted.
CREATE TABLE event_log (
    id INTEGER NOT NULL,
    last INTEGER NOT NULL,
    swept INTEGER NOT NULL,
    CONSTRAINT event_log_pkey PRIMARY KEY (id),
    CONSTRAINT event_log_one_check CHECK (id = 1)
) STRICT;

-- A row without a name is no event: it reserves an id for one that may still be stored. Triggers also follow a program
-- of an earlier version that runs beside this one.
CREATE TRIGGER outbox_event_stored AFTER INSERT ON outbox WHEN NEW.name <> '' BEGIN
    INSERT INTO unplaced_events (event_id, aggregate_id, aggregate_version)
    VALUES (NEW.id, NEW.aggregate_id, NEW.aggregate_version);
END;
CREATE TRIGGER outbox_event_deleted AFTER DELETE ON outbox WHEN OLD.name <> '' BEGIN
    DELETE FROM unplaced_events WHERE event_id = OLD.id;
    UPDATE event_log SET swept = (SELECT position FROM event_positions WHERE event_id = OLD.id)
    WHERE swept < (SELECT position FROM event_positions WHERE event_id = OLD.id);
    DELETE FROM event_positions WHERE event_id = OLD.id;
END;

-- The events that were stored before, so that no subscriber takes them for new ones.
INSERT INTO event_positions (position, event_id) SELECT row_number() OVER (ORDER BY id), id FROM outbox ORDER BY id;
INSERT INTO event_log (id, last, swept) SELECT 1, coalesce(max(position), 0), 0 FROM event_positions;

-- A subscription changes with each delivery, so its position is in no index.
CREATE TABLE subscriptions (
    id BLOB NOT NULL,
    subscriber TEXT NOT NULL,
    replay_until INTEGER,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    lease_token BLOB,
    lease_beat INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (id)
) STRICT;
-- A subscriber follows the log once, and may have replays besides.
CREATE UNIQUE INDEX subscriptions_subscriber_key ON subscriptions (subscriber) WHERE replay_until IS NULL;
CREATE INDEX subscriptions_created_at_idx ON subscriptions (created_at, id);

-- What subscriptions have received, so that an event has its effect once.
CREATE TABLE received_events (
    subscription_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    CONSTRAINT received_events_pkey PRIMARY KEY (subscription_id, event_id)
) STRICT, WITHOUT ROWID;
-- What is swept.
CREATE INDEX received_events_received_at_idx ON received_events (received_at);

-- What subscriptions hold back.
CREATE TABLE held_events (
    id BLOB NOT NULL,
    subscription_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    aggregate_id BLOB NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    message TEXT NOT NULL,
    held_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT held_events_pkey PRIMARY KEY (id)
) STRICT;
-- The event first: one that is held back by any subscription is kept.
CREATE UNIQUE INDEX held_events_event_key ON held_events (event_id, subscription_id);
-- The events of an aggregate in their order.
CREATE INDEX held_events_aggregate_idx ON held_events (subscription_id, aggregate_id, position);
-- What is due, and the numbers by state.
CREATE INDEX held_events_ready_at_idx ON held_events (subscription_id, state, ready_at, id);
-- The list.
CREATE INDEX held_events_held_at_idx ON held_events (state, held_at, id);
