-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- Who may do a job, and how often somebody was granted it. No owner: it was released.
CREATE TABLE {schema}.leases (
    name       text        COLLATE "C" PRIMARY KEY,
    epoch      bigint      NOT NULL CHECK (epoch > 0),
    owner      uuid,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- How far a job has come in each log that it follows.
CREATE TABLE {schema}.checkpoints (
    lease    text   COLLATE "C" NOT NULL,
    log      uuid   NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (lease, log)
) WITH (fillfactor = 70);

-- Grants a lease for so many microseconds, or tells who holds it and for how many. Times are the server's, and are taken
-- when the lease is locked: whoever waited for it is not granted less.
CREATE FUNCTION {schema}.claim(
    c_name text, c_owner uuid, c_micros bigint, lock_timeout text,
    OUT granted bigint, OUT holder uuid, OUT micros bigint
) LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM set_config('lock_timeout', lock_timeout, true);
    LOOP
        INSERT INTO {schema}.leases AS l (name, epoch, owner, expires_at)
        VALUES (c_name, 1, c_owner, clock_timestamp() + c_micros * interval '1 microsecond')
        ON CONFLICT (name) DO UPDATE SET epoch = l.epoch + 1, owner = c_owner,
            expires_at = clock_timestamp() + c_micros * interval '1 microsecond'
        WHERE l.owner IS NULL OR l.owner = c_owner OR l.expires_at <= clock_timestamp()
        RETURNING l.epoch INTO granted;
        EXIT WHEN FOUND;
        SELECT l.owner, ceil(extract(epoch FROM l.expires_at - clock_timestamp()) * 1000000)
        INTO holder, micros FROM {schema}.leases AS l WHERE l.name = c_name;
        -- It may have expired since.
        EXIT WHEN micros > 0;
    END LOOP;
END $body$;

-- Makes the table of a set of rows, unless it is there, for which nobody needs the right to make one.
CREATE FUNCTION {schema}.prepare(view text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_tables AS t WHERE t.schemaname = '{schema}' AND t.tablename = view) THEN
        RETURN;
    END IF;
    -- Two who make one table at a time would get in each other's way, even with `IF NOT EXISTS`.
    PERFORM pg_advisory_xact_lock({class} + 1, hashtext('{schema}'));
    -- `json` and not `jsonb`: what a row holds is kept byte for byte.
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS {schema}.%I (key text COLLATE "C" PRIMARY KEY, value json NOT NULL)', view);
END $body$;

-- Removes the table of a set of rows, if nobody holds it for too long.
CREATE FUNCTION {schema}.remove(view text, lock_timeout text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM set_config('lock_timeout', lock_timeout, true);
    EXECUTE format('DROP TABLE IF EXISTS {schema}.%I', view);
END $body$;

-- Puts and deletes rows. `r_rows` has the number of rows for each table of `r_view`, and the keys and values of all follow
-- each other; a row without a value is deleted.
CREATE FUNCTION {schema}.write_rows(r_view text[], r_rows int[], r_key text[], r_value text[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    first int := 1;
    last  int;
BEGIN
    FOR nth IN 1 .. cardinality(r_view) LOOP
        last := first + r_rows[nth] - 1;
        IF array_position(r_value[first:last], NULL) IS NOT NULL THEN
            EXECUTE format(
                'DELETE FROM {schema}.%I WHERE key IN (SELECT r.key FROM unnest($1, $2) AS r (key, value)
                                                       WHERE r.value IS NULL)', r_view[nth])
            USING r_key[first:last], r_value[first:last];
        END IF;
        EXECUTE format(
            'INSERT INTO {schema}.%I (key, value) SELECT r.key, r.value::json FROM unnest($1, $2) AS r (key, value)
             WHERE r.value IS NOT NULL ON CONFLICT (key) DO UPDATE SET value = excluded.value', r_view[nth])
        USING r_key[first:last], r_value[first:last];
        first := last + 1;
    END LOOP;
END $body$;

-- Writes one commit with rows, an advance, or both: as `commit` does, whose arguments come first, and then, if that has not
-- refused it, the rows, as `write_rows` does, and the checkpoint. A commit without an advance names no lease.
--
-- `epoch` and `checkpoint` tell of the lease of the advance. It stays locked until the end, so that nobody is granted it
-- meanwhile: a claim that comes later waits, and one that came earlier is seen. If the advance may not happen, nothing else
-- is looked at, and the commit is refused.
CREATE FUNCTION {schema}.commit_rows(
    g_commit int[], g_category text[], g_stream text[], g_kind int[], g_version bigint[], g_newest uuid[],
    e_guard int[], e_nth int[], e_id uuid[], e_name text[], e_data bytea[], e_metadata text[],
    i_commit int[], i_consumer text[], i_message text[],
    at timestamptz, lock_timeout text, careful boolean, asks_head boolean,
    a_lease text, a_epoch bigint, a_log uuid, a_from bigint, a_to bigint,
    r_view text[], r_rows int[], r_key text[], r_value text[],
    OUT before bigint[], OUT newest uuid[], OUT refused int[], OUT positions bigint[], OUT head bigint,
    OUT epoch bigint, OUT checkpoint bigint
) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    IF lock_timeout IS NOT NULL THEN
        PERFORM set_config('lock_timeout', lock_timeout, true);
    END IF;
    IF a_lease IS NOT NULL THEN
        SELECT l.epoch INTO epoch FROM {schema}.leases AS l WHERE l.name = a_lease FOR NO KEY UPDATE;
        SELECT c.position INTO checkpoint FROM {schema}.checkpoints AS c
        WHERE c.lease = a_lease AND c.log = a_log FOR NO KEY UPDATE;
        checkpoint := coalesce(checkpoint, 0);
        IF epoch IS DISTINCT FROM a_epoch OR checkpoint <> a_from THEN
            epoch := coalesce(epoch, 0);
            refused := '{0}';
            IF asks_head THEN
                SELECT coalesce(max(e.position), 0) INTO head FROM {schema}.events AS e;
            END IF;
            RETURN;
        END IF;
    END IF;

    -- Mostly there is nothing to guard, to append or to remember: rows and an advance alone.
    IF cardinality(g_commit) = 0 AND cardinality(i_commit) = 0 THEN
        refused := '{}';
        SELECT coalesce(max(e.position), 0) INTO head FROM {schema}.events AS e;
    ELSE
        SELECT c.before, c.newest, c.refused, c.positions, c.head INTO before, newest, refused, positions, head
        FROM {schema}.commit(
            g_commit, g_category, g_stream, g_kind, g_version, g_newest, e_guard, e_nth, e_id, e_name, e_data, e_metadata,
            i_commit, i_consumer, i_message, at, lock_timeout, careful, asks_head) AS c;
        IF cardinality(refused) > 0 THEN
            RETURN;
        END IF;
    END IF;

    PERFORM {schema}.write_rows(r_view, r_rows, r_key, r_value);
    -- An advance that goes nowhere has guarded the commit.
    IF a_to > a_from THEN
        INSERT INTO {schema}.checkpoints (lease, log, position) VALUES (a_lease, a_log, a_to)
        ON CONFLICT (lease, log) DO UPDATE SET position = excluded.position;
    END IF;
END $body$;
