-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- Which log this is. One row.
CREATE TABLE {schema}.log (
    id  uuid    NOT NULL,
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);

-- One position at a time: a block in some session's cache would be drawn before the lock is taken.
CREATE SEQUENCE {schema}.positions AS bigint CACHE 1;

-- Every event, in feed order.
CREATE TABLE {schema}.events (
    position    bigint      PRIMARY KEY DEFAULT nextval('{schema}.positions'),
    event_id    uuid        NOT NULL UNIQUE,
    category    text        COLLATE "C" NOT NULL,   -- `order` of the stream `order-1234`
    stream      text        COLLATE "C" NOT NULL,   -- `1234` of the stream `order-1234`
    version     bigint      NOT NULL CHECK (version > 0),
    name        text        NOT NULL,
    data        bytea       NOT NULL,               -- by convention JSON
    metadata    json,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The stream comes first, so that nobody takes this index for one by category: while a log is new and was never
    -- analyzed, that looks as good as the other.
    UNIQUE (stream, category, version)
);
ALTER SEQUENCE {schema}.positions OWNED BY {schema}.events.position;
CREATE INDEX events_category ON {schema}.events (category, position);

-- The newest event of every stream: what guards are checked against, and what writers lock. A stream that was only
-- guarded has version 0.
CREATE TABLE {schema}.streams (
    category text   COLLATE "C" NOT NULL,
    stream   text   COLLATE "C" NOT NULL,
    version  bigint NOT NULL,
    newest   uuid,
    PRIMARY KEY (category, stream)
) WITH (fillfactor = 70);

-- Which messages were handled, and the answers that their commits were given.
CREATE TABLE {schema}.inbox (
    consumer       text     COLLATE "C" NOT NULL,
    message        text     COLLATE "C" NOT NULL,
    first_position bigint,                          -- NULL when the commit has no events
    last_position  bigint,
    token_position bigint   NOT NULL,
    categories     text[]   NOT NULL,
    streams        text[]   NOT NULL,
    versions       bigint[] NOT NULL,
    PRIMARY KEY (consumer, message)
);

-- Whoever inserts an event holds this lock before a position is drawn, and until the event can be seen: readers of the
-- feed know by it what may still appear. A trigger, so that it holds for rows from anywhere. Its condition takes the lock
-- and is never true: that is as good as a function that takes it, and costs no call of one.
CREATE FUNCTION {schema}.announce() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RETURN NULL;
END $body$;
CREATE TRIGGER events_announce BEFORE INSERT ON {schema}.events FOR EACH STATEMENT
    WHEN (pg_advisory_xact_lock_shared({class}, '{schema}.events'::regclass::oid::int4) IS NULL)
    EXECUTE FUNCTION {schema}.announce();

-- Keeps the table of streams true, whoever inserts events.
CREATE FUNCTION {schema}.advance() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO {schema}.streams AS known (category, stream, version, newest)
    SELECT DISTINCT ON (category, stream) category, stream, version, event_id
    FROM written ORDER BY category, stream, version DESC
    ON CONFLICT (category, stream) DO UPDATE SET version = excluded.version, newest = excluded.newest
    WHERE known.version < excluded.version;
    RETURN NULL;
END $body$;
CREATE TRIGGER events_advance AFTER INSERT ON {schema}.events REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.advance();

-- Who holds the lock of this log.
CREATE VIEW {schema}.feed_locks AS
SELECT pid, virtualtransaction FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = {class} AND objid = '{schema}.events'::regclass::oid;

-- The newest position that can be seen, and then, in this order, which transactions may still insert a smaller one. Not
-- the sequence: after a crash it can give out again what only a transaction that was rolled back had drawn.
CREATE FUNCTION {schema}.horizon(OUT seen bigint, OUT holders text[]) LANGUAGE plpgsql AS $body$
BEGIN
    SELECT coalesce(max(position), 0) INTO seen FROM {schema}.events;
    SELECT coalesce(array_agg(virtualtransaction), '{}') INTO holders FROM {schema}.feed_locks;
END $body$;

-- Who holds the feed back: for how long, and, for sessions of one's own role, doing what.
CREATE VIEW {schema}.feed_holders AS
SELECT pid, activity.application_name, now() - activity.xact_start AS open_for, activity.state, activity.query
FROM {schema}.feed_locks JOIN pg_stat_activity AS activity USING (pid);

-- Writes a group of commits, each whole or not at all; no stream that one of them writes is in another. Arrays that begin
-- with the same letter have one entry each for every guard, event and inbox key; guards stand in the order of their
-- streams, and events name theirs, counted from 1. `before` and `newest` tell of each guarded stream what it was at,
-- `refused` which commits were not written, `positions` those of the events of all others. A commit is refused if one of
-- its guards does not hold, its message was handled, or, if the caller is `careful`, one of its events is recorded;
-- otherwise that is a unique violation, for which a fresh event pays nothing.
--
-- Rows of tables are looked up one by one, which `OFFSET 0` and the settings see to: plans may have been made when the
-- tables were small.
CREATE FUNCTION {schema}.commit(
    g_commit int[], g_category text[], g_stream text[], g_kind int[], g_version bigint[], g_newest uuid[],
    e_guard int[], e_nth int[], e_id uuid[], e_name text[], e_data bytea[], e_metadata text[],
    i_commit int[], i_consumer text[], i_message text[],
    at timestamptz, lock_timeout text, careful boolean, asks_head boolean,
    OUT before bigint[], OUT newest uuid[], OUT refused int[], OUT positions bigint[], OUT head bigint
) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    are_absent boolean;
BEGIN
    IF lock_timeout IS NOT NULL THEN
        PERFORM set_config('lock_timeout', lock_timeout, true);
    END IF;
    -- Streams that are there are locked in one order, and those that are not are made in one order: groups wait for each
    -- other, and hardly ever in a circle.
    LOOP
        SELECT array_agg(coalesce(s.version, 0)), array_agg(s.newest),
               coalesce(array_agg(g.commit_no) FILTER (WHERE NOT CASE g.kind
                   WHEN 0 THEN true
                   WHEN 1 THEN coalesce(s.version, 0) = 0
                   WHEN 2 THEN coalesce(s.version, 0) > 0
                   WHEN 3 THEN coalesce(s.version, 0) = g.version
                   ELSE s.newest IS NOT DISTINCT FROM g.newest END), '{}'),
               coalesce(bool_or(s.version IS NULL AND (g.kind IN (0, 1) OR (g.kind = 3 AND g.version = 0))), false)
        INTO before, newest, refused, are_absent
        FROM unnest(g_commit, g_category, g_stream, g_kind, g_version, g_newest)
            AS g (commit_no, category, stream, kind, version, newest)
        LEFT JOIN LATERAL (
            SELECT s.version, s.newest FROM {schema}.streams AS s
            WHERE s.category = g.category COLLATE "C" AND s.stream = g.stream COLLATE "C" FOR NO KEY UPDATE
        ) AS s ON true;
        EXIT WHEN NOT are_absent;
        -- A stream whose absence fails its guard needs no row. Whoever makes the same one first is waited for.
        INSERT INTO {schema}.streams (category, stream, version)
        SELECT DISTINCT g.category COLLATE "C", g.stream COLLATE "C", 0
        FROM unnest(g_category, g_stream, g_kind, g_version) AS g (category, stream, kind, version)
        WHERE g.kind IN (0, 1) OR (g.kind = 3 AND g.version = 0)
        ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    END LOOP;

    IF careful THEN
        refused := refused || ARRAY(
            SELECT g_commit[e.guard_no] FROM unnest(e_guard, e_id) AS e (guard_no, id)
            CROSS JOIN LATERAL (SELECT FROM {schema}.events AS r WHERE r.event_id = e.id OFFSET 0) AS r);
    END IF;
    IF cardinality(i_commit) > 0 THEN
        refused := refused || ARRAY(
            SELECT k.commit_no FROM unnest(i_commit, i_consumer, i_message) AS k (commit_no, consumer, message)
            CROSS JOIN LATERAL (
                SELECT FROM {schema}.inbox AS r
                WHERE r.consumer = k.consumer COLLATE "C" AND r.message = k.message COLLATE "C" OFFSET 0) AS r);
    END IF;
    IF asks_head THEN
        SELECT coalesce(max(position), 0) INTO head FROM {schema}.events;
    END IF;

    -- An insert of nothing would take the feed's lock too, and readers would wait for a commit without events.
    IF cardinality(e_id) > 0 THEN
        WITH written AS (
            INSERT INTO {schema}.events (event_id, category, stream, version, name, data, metadata, recorded_at)
            SELECT e.id, g_category[e.guard_no], g_stream[e.guard_no], before[e.guard_no] + e.nth, e.name, e.data,
                   e.metadata::json, at
            FROM unnest(e_guard, e_nth, e_id, e_name, e_data, e_metadata) AS e (guard_no, nth, id, name, data, metadata)
            WHERE g_commit[e.guard_no] <> ALL (refused)
            RETURNING position
        )
        SELECT array_agg(position) INTO positions FROM written;
    END IF;

    IF cardinality(i_commit) > 0 THEN
        INSERT INTO {schema}.inbox
        SELECT k.consumer, k.message, p.first, p.last, coalesce(p.last, head),
               coalesce(w.categories, '{}'), coalesce(w.streams, '{}'), coalesce(w.versions, '{}')
        FROM unnest(i_commit, i_consumer, i_message) AS k (commit_no, consumer, message)
        LEFT JOIN (
            SELECT e.commit_no, min(p.position) AS first, max(p.position) AS last
            FROM (SELECT g_commit[e.guard_no] AS commit_no, row_number() OVER (ORDER BY e.no) AS nth
                  FROM unnest(e_guard) WITH ORDINALITY AS e (guard_no, no)
                  WHERE g_commit[e.guard_no] <> ALL (refused)) AS e
            JOIN unnest(positions) WITH ORDINALITY AS p (position, nth) USING (nth) GROUP BY e.commit_no
        ) AS p USING (commit_no)
        LEFT JOIN LATERAL (
            SELECT array_agg(g_category[w.guard_no] ORDER BY w.no) AS categories,
                   array_agg(g_stream[w.guard_no] ORDER BY w.no) AS streams,
                   array_agg(before[w.guard_no] + w.events ORDER BY w.no) AS versions
            FROM (SELECT e.guard_no, min(e.no) AS no, count(*) AS events
                  FROM unnest(e_guard) WITH ORDINALITY AS e (guard_no, no)
                  WHERE g_commit[e.guard_no] = k.commit_no GROUP BY e.guard_no) AS w
        ) AS w ON true
        WHERE k.commit_no <> ALL (refused)
        ORDER BY k.consumer, k.message;
    END IF;
END $body$;
