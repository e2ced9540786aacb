-- The first step placed the events that were stored before by their ids. Ids are made before a unit begins, so those of two
-- changes of an aggregate may be in another order than its versions. The events of such an aggregate exchange their places.
UPDATE event_log SET last = last;
CREATE TABLE misplaced_events AS
WITH placed AS (
    SELECT positions.position, positions.event_id, event.aggregate_id,
        row_number() OVER (PARTITION BY event.aggregate_id ORDER BY positions.position) AS place,
        row_number() OVER (PARTITION BY event.aggregate_id ORDER BY event.aggregate_version, event.id) AS rank
    FROM event_positions AS positions JOIN outbox AS event ON event.id = positions.event_id
)
SELECT place.position, event.event_id FROM placed AS event
JOIN placed AS place ON place.aggregate_id = event.aggregate_id AND place.place = event.rank
WHERE place.position <> event.position;
DELETE FROM event_positions WHERE position IN (SELECT position FROM misplaced_events);
INSERT INTO event_positions (position, event_id) SELECT position, event_id FROM misplaced_events;
UPDATE held_events SET position =
    (SELECT misplaced.position FROM misplaced_events AS misplaced WHERE misplaced.event_id = held_events.event_id)
WHERE event_id IN (SELECT event_id FROM misplaced_events);
DROP TABLE misplaced_events;
