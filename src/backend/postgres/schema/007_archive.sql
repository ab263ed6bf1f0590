-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- Whether the newest event of a stream closes it, and whether all of its events were moved into the archive since.
ALTER TABLE {schema}.streams
    ADD COLUMN closed   boolean NOT NULL DEFAULT false,
    ADD COLUMN archived boolean NOT NULL DEFAULT false;
CREATE INDEX streams_to_archive ON {schema}.streams (category, stream) WHERE closed AND NOT archived;

-- The events of closed streams that were moved out of the way, as they were. It inherits from the table of events, so that
-- whoever reads that one reads both, in one statement and at one moment: no reader has to know where an event is, and none
-- that was moved looks like a gap. Whatever writes names the one table that it means.
CREATE TABLE {schema}.archive (
    PRIMARY KEY (position),
    UNIQUE (event_id),
    UNIQUE (stream, category, version)
) INHERITS ({schema}.events);
CREATE INDEX archive_category ON {schema}.archive (category, position);

-- Refuses events of closed streams, from wherever they come. Our own were refused before.
CREATE FUNCTION {schema}.is_closed(category text, stream text) RETURNS boolean LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'FH003', MESSAGE = format('stream %s-%s was closed, and takes no more events', category, stream);
END $body$;

-- As it was, and a stream whose newest event says so is closed.
CREATE OR REPLACE FUNCTION {schema}.advance() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO {schema}.streams AS known (category, stream, version, newest, closed)
    SELECT DISTINCT ON (category, stream) category, stream, version, event_id, name = 'freehold.closed.v1'
    FROM written ORDER BY category, stream, version DESC
    ON CONFLICT (category, stream) DO UPDATE
    SET version = excluded.version, newest = excluded.newest,
        closed = CASE WHEN known.closed THEN {schema}.is_closed(known.category, known.stream) ELSE excluded.closed END
    WHERE known.version < excluded.version OR known.closed;
    RETURN NULL;
END $body$;

-- Refuses events that are in the archive, of which the index of the others knows nothing. A log that has never had anything
-- moved does not ask. An event is looked for in both tables, which needs no rights but those of every writer.
CREATE FUNCTION {schema}.once() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    IF EXISTS (
        SELECT FROM written AS w CROSS JOIN LATERAL (
            SELECT FROM {schema}.events AS r
            WHERE r.event_id = w.event_id AND r.tableoid <> '{schema}.events'::regclass OFFSET 0) AS r
    ) THEN
        RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = 'an event is recorded already, and archived';
    END IF;
    RETURN NULL;
END $body$;

-- A page of a category. Rows are compared as wholes, since only one index serves that: else a rare category would be looked for in
-- all of the feed. How many those are the planner does not know, and takes for one: it would sort all that is left of the category
-- for each page, rather than merge two tables in their order.
CREATE FUNCTION {schema}.page_of(wanted text, after bigint, upto bigint, events_max bigint)
RETURNS SETOF {schema}.events LANGUAGE plpgsql STABLE
SET enable_sort = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    RETURN QUERY SELECT e.* FROM {schema}.events AS e
    WHERE (e.category, e.position) > (wanted COLLATE "C", after)
      AND (e.category, e.position) <= (wanted COLLATE "C", upto)
    ORDER BY e.category, e.position LIMIT events_max;
END $body$;

-- Moves at most so many events of closed streams into the archive, and tells how many those were, of how many streams the last
-- ones, and whether there are more. Those who move at a time take different streams; whoever finds none that is free
-- waits for one.
CREATE FUNCTION {schema}.move_closed(
    events_max bigint, lock_timeout text, OUT events bigint, OUT streams bigint, OUT has_more boolean
) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    next_category text;
    next_stream   text;
    here          bigint;
BEGIN
    events := 0;
    streams := 0;
    has_more := EXISTS (SELECT FROM {schema}.streams AS s WHERE s.closed AND NOT s.archived);
    -- Mostly nothing is to be moved: then nobody waits for anybody.
    IF NOT has_more THEN
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', lock_timeout, true);
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = '{schema}.events'::regclass AND t.tgname = 'events_once'
    ) THEN
        CREATE OR REPLACE TRIGGER events_once AFTER INSERT ON {schema}.events REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION {schema}.once();
    END IF;
    WHILE events < events_max LOOP
        SELECT s.category, s.stream INTO next_category, next_stream FROM {schema}.streams AS s
        WHERE s.closed AND NOT s.archived ORDER BY s.category, s.stream LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND AND events + streams = 0 THEN
            SELECT s.category, s.stream INTO next_category, next_stream FROM {schema}.streams AS s
            WHERE s.closed AND NOT s.archived ORDER BY s.category, s.stream LIMIT 1 FOR NO KEY UPDATE;
        END IF;
        EXIT WHEN NOT FOUND;
        WITH gone AS (
            DELETE FROM ONLY {schema}.events AS e WHERE e.position IN (
                SELECT f.position FROM ONLY {schema}.events AS f
                WHERE f.category = next_category COLLATE "C" AND f.stream = next_stream COLLATE "C"
                ORDER BY f.version LIMIT events_max - events)
            RETURNING e.position, e.event_id, e.category, e.stream, e.version, e.name, e.data, e.metadata, e.recorded_at
        )
        INSERT INTO {schema}.archive (position, event_id, category, stream, version, name, data, metadata, recorded_at)
        SELECT * FROM gone;
        GET DIAGNOSTICS here = ROW_COUNT;
        events := events + here;
        IF NOT EXISTS (
            SELECT FROM ONLY {schema}.events AS f
            WHERE f.category = next_category COLLATE "C" AND f.stream = next_stream COLLATE "C"
        ) THEN
            UPDATE {schema}.streams AS s SET archived = true
            WHERE s.category = next_category COLLATE "C" AND s.stream = next_stream COLLATE "C";
            streams := streams + 1;
        END IF;
    END LOOP;
    has_more := EXISTS (SELECT FROM {schema}.streams AS s WHERE s.closed AND NOT s.archived);
END $body$;

-- As it was; and a commit is refused if it appends to a closed stream, whatever it expects. `refused` then has the number
-- of that guard too, below zero.
CREATE OR REPLACE FUNCTION {schema}.commit(
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
    are_closed boolean;
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
               coalesce(bool_or(s.version IS NULL AND (g.kind IN (0, 1) OR (g.kind = 3 AND g.version = 0))), false),
               bool_or(s.closed)
        INTO before, newest, refused, are_absent, are_closed
        FROM unnest(g_commit, g_category, g_stream, g_kind, g_version, g_newest)
            AS g (commit_no, category, stream, kind, version, newest)
        LEFT JOIN LATERAL (
            SELECT s.version, s.newest, s.closed FROM {schema}.streams AS s
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

    -- Hardly ever: a guard on a closed stream. Only those of appends fail.
    IF are_closed THEN
        refused := refused || ARRAY(
            SELECT unnest(ARRAY[g_commit[g.no::int], -g.no::int])
            FROM unnest(g_category, g_stream) WITH ORDINALITY AS g (category, stream, no)
            CROSS JOIN LATERAL (
                SELECT FROM {schema}.streams AS s
                WHERE s.category = g.category COLLATE "C" AND s.stream = g.stream COLLATE "C" AND s.closed OFFSET 0) AS s
            WHERE g.no = ANY (e_guard));
    END IF;

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
