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
    UNIQUE (category, stream, version)
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
-- feed know by it what may still appear. A trigger, so that it holds for rows from anywhere.
CREATE FUNCTION {schema}.announce() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({class}, TG_RELID::int4);
    RETURN NULL;
END $body$;
CREATE TRIGGER events_announce BEFORE INSERT ON {schema}.events
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.announce();

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

-- Writes a group of commits, each whole or not at all, and says which were refused, with the version that each guarded
-- stream was at. No stream occurs twice in the group, but for those that are only checked.
--
-- Arrays that begin with the same letter have one entry each for every guard, event and inbox key. Rows of tables are
-- looked up one by one, which `OFFSET 0` and the settings see to: plans may have been made when the tables were small.
CREATE FUNCTION {schema}.commit(
    g_commit int[], g_category text[], g_stream text[], g_kind int[], g_version bigint[], g_newest uuid[],
    e_guard int[], e_nth int[], e_id uuid[], e_name text[], e_data bytea[], e_metadata text[],
    i_commit int[], i_consumer text[], i_message text[],
    at timestamptz, lock_timeout text
) RETURNS TABLE (
    commit_no int, guard_no int, refused boolean, version bigint, newest uuid, first bigint, last bigint, head bigint
) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_mergejoin = off SET enable_hashjoin = on SET plan_cache_mode = force_generic_plan
AS $body$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock_shared({class}, '{schema}.events'::regclass::oid::int4);
    IF lock_timeout IS NOT NULL THEN
        PERFORM set_config('lock_timeout', lock_timeout, true);
    END IF;
    -- Always in the same order, so that groups wait for each other and never in a circle. A stream whose absence would
    -- fail its guard needs no row.
    INSERT INTO {schema}.streams (category, stream, version)
    SELECT DISTINCT g.category COLLATE "C", g.stream COLLATE "C", 0
    FROM unnest(g_category, g_stream, g_kind, g_version) AS g (category, stream, kind, version)
    WHERE g.kind IN (0, 1) OR (g.kind = 3 AND g.version = 0)
    ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    PERFORM set_config('enable_hashjoin', 'off', true);
    PERFORM FROM {schema}.streams AS s
    JOIN (SELECT DISTINCT g.category COLLATE "C" AS category, g.stream COLLATE "C" AS stream
          FROM unnest(g_category, g_stream) AS g (category, stream)) AS g USING (category, stream)
    ORDER BY s.category, s.stream FOR NO KEY UPDATE OF s;
    PERFORM set_config('enable_hashjoin', 'on', true);

    RETURN QUERY WITH
    guard AS MATERIALIZED (
        SELECT g.commit_no, g.no::int AS guard_no, g.category, g.stream, coalesce(s.version, 0) AS version, s.newest,
               CASE g.kind WHEN 0 THEN true WHEN 1 THEN s.version = 0 WHEN 2 THEN coalesce(s.version, 0) > 0
                           WHEN 3 THEN coalesce(s.version, 0) = g.version
                           ELSE s.newest IS NOT DISTINCT FROM g.newest END AS holds
        FROM unnest(g_commit, g_category, g_stream, g_kind, g_version, g_newest)
             WITH ORDINALITY AS g (commit_no, category, stream, kind, version, newest, no)
        LEFT JOIN LATERAL (
            SELECT s.version, s.newest FROM {schema}.streams AS s
            WHERE s.category = g.category COLLATE "C" AND s.stream = g.stream COLLATE "C" OFFSET 0
        ) AS s ON true
    ),
    event AS MATERIALIZED (
        SELECT g_commit[e.guard_no] AS commit_no, e.* FROM unnest(e_guard, e_nth, e_id, e_name, e_data, e_metadata)
            AS e (guard_no, nth, id, name, data, metadata)
    ),
    key AS MATERIALIZED (
        SELECT * FROM unnest(i_commit, i_consumer, i_message) AS i (commit_no, consumer, message)
    ),
    refused AS MATERIALIZED (
        SELECT g.commit_no FROM guard AS g WHERE NOT g.holds
        UNION SELECT e.commit_no FROM event AS e CROSS JOIN LATERAL (
            SELECT FROM {schema}.events AS r WHERE r.event_id = e.id OFFSET 0) AS r
        UNION SELECT k.commit_no FROM key AS k CROSS JOIN LATERAL (
            SELECT FROM {schema}.inbox AS r
            WHERE r.consumer = k.consumer COLLATE "C" AND r.message = k.message COLLATE "C" OFFSET 0) AS r
    ),
    written AS (
        INSERT INTO {schema}.events (event_id, category, stream, version, name, data, metadata, recorded_at)
        SELECT e.id, g.category, g.stream, g.version + e.nth, e.name, e.data, e.metadata::json, at
        FROM event AS e JOIN guard AS g USING (guard_no)
        WHERE NOT EXISTS (SELECT FROM refused AS r WHERE r.commit_no = e.commit_no)
        ORDER BY e.guard_no, e.nth
        RETURNING event_id, position
    ),
    place AS MATERIALIZED (
        SELECT e.commit_no, min(w.position) AS first, max(w.position) AS last
        FROM written AS w JOIN event AS e ON e.id = w.event_id GROUP BY e.commit_no
    ),
    log AS MATERIALIZED (SELECT coalesce(max(position), 0) AS head FROM {schema}.events),
    handled AS (
        INSERT INTO {schema}.inbox
        SELECT k.consumer, k.message, p.first, p.last, coalesce(p.last, log.head),
               coalesce(w.categories, '{}'), coalesce(w.streams, '{}'), coalesce(w.versions, '{}')
        FROM key AS k CROSS JOIN log LEFT JOIN place AS p USING (commit_no)
        LEFT JOIN LATERAL (
            SELECT array_agg(g.category ORDER BY g.guard_no) AS categories,
                   array_agg(g.stream ORDER BY g.guard_no) AS streams,
                   array_agg(g.version + a.events ORDER BY g.guard_no) AS versions
            FROM guard AS g JOIN (SELECT e.guard_no, count(*) AS events FROM event AS e GROUP BY 1) AS a USING (guard_no)
            WHERE g.commit_no = k.commit_no
        ) AS w ON true
        WHERE NOT EXISTS (SELECT FROM refused AS r WHERE r.commit_no = k.commit_no)
        ORDER BY k.consumer, k.message
    )
    SELECT c.commit_no, g.guard_no, EXISTS (SELECT FROM refused AS r WHERE r.commit_no = c.commit_no),
           g.version, g.newest, p.first, p.last, log.head
    FROM (SELECT guard.commit_no FROM guard UNION SELECT key.commit_no FROM key) AS c
    CROSS JOIN log LEFT JOIN place AS p ON p.commit_no = c.commit_no LEFT JOIN guard AS g ON g.commit_no = c.commit_no
    ORDER BY c.commit_no, g.guard_no;
END $body$;
