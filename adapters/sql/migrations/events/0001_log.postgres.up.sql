-- The log of events: their positions, subscriptions, and the events that subscriptions have received and hold back.

-- The events without a position. The table of events itself is not marked: an update would write the payload again.
CREATE TABLE unplaced_events (
    event_id UUID NOT NULL,
    aggregate_id UUID NOT NULL,
    aggregate_version BIGINT NOT NULL,
    CONSTRAINT unplaced_events_pkey PRIMARY KEY (event_id)
);
-- Earlier events of the same aggregate are placed first.
CREATE INDEX unplaced_events_aggregate_idx ON unplaced_events (aggregate_id, aggregate_version);

CREATE TABLE event_positions (
    position BIGINT NOT NULL,
    event_id UUID NOT NULL,
    CONSTRAINT event_positions_event_id_key UNIQUE (event_id),
    CONSTRAINT event_positions_pkey PRIMARY KEY (position)
);

-- One row: the last position, and the greatest one of an event that was deleted. It is locked while positions are given.
CREATE TABLE event_log (
    id BIGINT NOT NULL,
    last BIGINT NOT NULL,
    swept BIGINT NOT NULL,
    CONSTRAINT event_log_pkey PRIMARY KEY (id),
    CONSTRAINT event_log_one_check CHECK (id = 1)
);

-- A row without a name is no event: it reserves an id for one that may still be stored. Triggers also follow a program
-- of an earlier version that runs beside this one.
CREATE FUNCTION outbox_event_stored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unplaced_events (event_id, aggregate_id, aggregate_version)
    VALUES (NEW.id, NEW.aggregate_id, NEW.aggregate_version);
    RETURN NULL;
END $$;
CREATE FUNCTION outbox_events_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE event_log SET swept = latest.position FROM (
        SELECT max(placed.position) AS position FROM deleted JOIN event_positions AS placed ON placed.event_id = deleted.id
    ) AS latest WHERE event_log.swept < latest.position;
    DELETE FROM unplaced_events AS unplaced USING deleted WHERE unplaced.event_id = deleted.id;
    DELETE FROM event_positions AS placed USING deleted WHERE placed.event_id = deleted.id;
    RETURN NULL;
END $$;
-- Making a trigger locks out units that store events, so each event is either marked or stored before.
CREATE TRIGGER outbox_event_stored AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.name <> '') EXECUTE FUNCTION outbox_event_stored();
CREATE TRIGGER outbox_events_deleted AFTER DELETE ON outbox
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION outbox_events_deleted();

-- The events that were stored before, so that no subscriber takes them for new ones.
INSERT INTO event_positions (position, event_id) SELECT row_number() OVER (ORDER BY id), id FROM outbox;
INSERT INTO event_log (id, last, swept) SELECT 1, coalesce(max(position), 0), 0 FROM event_positions;

-- A subscription changes with each delivery, so its position is in no index.
CREATE TABLE subscriptions (
    id UUID NOT NULL,
    subscriber TEXT COLLATE "C" NOT NULL,
    replay_until BIGINT,
    position BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    lease_token UUID,
    lease_beat BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (id)
);
-- A subscriber follows the log once, and may have replays besides.
CREATE UNIQUE INDEX subscriptions_subscriber_key ON subscriptions (subscriber) WHERE replay_until IS NULL;
CREATE INDEX subscriptions_created_at_idx ON subscriptions (created_at, id);

-- What subscriptions have received, so that an event has its effect once.
CREATE TABLE received_events (
    subscription_id UUID NOT NULL,
    event_id UUID NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT received_events_pkey PRIMARY KEY (subscription_id, event_id)
);
-- What is swept.
CREATE INDEX received_events_received_at_idx ON received_events (received_at);

-- What subscriptions hold back.
CREATE TABLE held_events (
    id UUID NOT NULL,
    subscription_id UUID NOT NULL,
    event_id UUID NOT NULL,
    position BIGINT NOT NULL,
    aggregate_id UUID NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    ready_at TIMESTAMPTZ NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    held_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT held_events_pkey PRIMARY KEY (id)
);
-- The event first: one that is held back by any subscription is kept.
CREATE UNIQUE INDEX held_events_event_key ON held_events (event_id, subscription_id);
-- The events of an aggregate in their order.
CREATE INDEX held_events_aggregate_idx ON held_events (subscription_id, aggregate_id, position);
-- What is due, and the numbers by state.
CREATE INDEX held_events_ready_at_idx ON held_events (subscription_id, state, ready_at, id);
-- The list.
CREATE INDEX held_events_held_at_idx ON held_events (state, held_at, id);
