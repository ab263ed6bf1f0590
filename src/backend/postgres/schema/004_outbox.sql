-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- One position at a time: a block in some session's cache would be drawn before the lock is taken.
CREATE SEQUENCE {schema}.outbox_positions AS bigint CACHE 1;

-- Every message that waits to be published, in order. Nothing else is looked up in it, so it has no other index.
CREATE TABLE {schema}.outbox (
    position     bigint      PRIMARY KEY DEFAULT nextval('{schema}.outbox_positions'),
    message_id   uuid        NOT NULL,
    ordering_key text        COLLATE "C" NOT NULL,
    type         text        NOT NULL,
    envelope     json        NOT NULL,              -- and not `jsonb`: kept byte for byte
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER SEQUENCE {schema}.outbox_positions OWNED BY {schema}.outbox.position;

-- The messages that are not to be delivered yet, in the order in which they will be due.
CREATE TABLE {schema}.outbox_later (
    due          timestamptz NOT NULL,
    number       bigint      GENERATED ALWAYS AS IDENTITY,
    message_id   uuid        NOT NULL,
    ordering_key text        COLLATE "C" NOT NULL,
    type         text        NOT NULL,
    envelope     json        NOT NULL,
    PRIMARY KEY (due, number)
);

-- The newest message that was ever trimmed, and the newest of those up to which nothing could appear any more when they
-- were: the log begins behind it. Else the end would move back, and a store that is opened would take what was trimmed for
-- gaps. One row.
CREATE TABLE {schema}.outbox_trimmed (
    newest  bigint  NOT NULL,
    settled bigint  NOT NULL,
    one     boolean PRIMARY KEY DEFAULT true CHECK (one)
) WITH (fillfactor = 50);
INSERT INTO {schema}.outbox_trimmed (newest, settled) VALUES (0, 0);

-- The same as for events: whoever inserts a message holds this lock before a position is drawn, and until the message can
-- be seen.
CREATE TRIGGER outbox_announce BEFORE INSERT ON {schema}.outbox FOR EACH STATEMENT
    WHEN (pg_advisory_xact_lock_shared({class}, '{schema}.outbox'::regclass::oid::int4) IS NULL)
    EXECUTE FUNCTION {schema}.announce();

-- Who holds the lock of this outbox.
CREATE VIEW {schema}.outbox_locks AS
SELECT pid, virtualtransaction FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = {class} AND objid = '{schema}.outbox'::regclass::oid;

-- Who holds the relays back: for how long, and, for sessions of one's own role, doing what.
CREATE VIEW {schema}.outbox_holders AS
SELECT pid, activity.application_name, now() - activity.xact_start AS open_for, activity.state, activity.query
FROM {schema}.outbox_locks JOIN pg_stat_activity AS activity USING (pid);

-- As `horizon` for events; and up to where it was settled already when messages were trimmed.
CREATE FUNCTION {schema}.outbox_horizon(OUT seen bigint, OUT holders text[], OUT settled bigint)
LANGUAGE plpgsql AS $body$
BEGIN
    SELECT greatest(t.newest, (SELECT max(o.position) FROM {schema}.outbox AS o WHERE o.position > t.settled)), t.settled
    INTO seen, settled FROM {schema}.outbox_trimmed AS t;
    SELECT coalesce(array_agg(virtualtransaction), '{}') INTO holders FROM {schema}.outbox_locks;
END $body$;

-- Puts the messages of all commits that were not refused into the log, in their order. Those that have a time are not due yet.
CREATE FUNCTION {schema}.put_messages(
    refused int[], at timestamptz,
    m_commit int[], m_due timestamptz[], m_id uuid[], m_key text[], m_type text[], m_envelope text[]
) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    -- An insert of nothing would take the lock too, and readers would wait for a commit whose messages are not due yet.
    IF array_position(m_due, NULL) IS NOT NULL THEN
        INSERT INTO {schema}.outbox (message_id, ordering_key, type, envelope, recorded_at)
        SELECT m.id, m.key, m.type, m.envelope::json, at
        FROM unnest(m_commit, m_due, m_id, m_key, m_type, m_envelope) AS m (commit_no, due, id, key, type, envelope)
        WHERE m.due IS NULL AND m.commit_no <> ALL (refused);
    END IF;
    IF cardinality(array_remove(m_due, NULL)) > 0 THEN
        INSERT INTO {schema}.outbox_later (due, message_id, ordering_key, type, envelope)
        SELECT m.due, m.id, m.key, m.type, m.envelope::json
        FROM unnest(m_commit, m_due, m_id, m_key, m_type, m_envelope) AS m (commit_no, due, id, key, type, envelope)
        WHERE m.due IS NOT NULL AND m.commit_no <> ALL (refused);
    END IF;
END $body$;

-- Writes a group of commits of which some send messages: as `commit` or `commit_rows` does, whose arguments come first and
-- name no lease and no rows where the first will do; and then their messages.
CREATE FUNCTION {schema}.commit_and_send(
    g_commit int[], g_category text[], g_stream text[], g_kind int[], g_version bigint[], g_newest uuid[],
    e_guard int[], e_nth int[], e_id uuid[], e_name text[], e_data bytea[], e_metadata text[],
    i_commit int[], i_consumer text[], i_message text[],
    at timestamptz, lock_timeout text, careful boolean, asks_head boolean,
    a_lease text, a_epoch bigint, a_log uuid, a_from bigint, a_to bigint,
    r_view text[], r_rows int[], r_key text[], r_value text[],
    m_commit int[], m_due timestamptz[], m_id uuid[], m_key text[], m_type text[], m_envelope text[],
    OUT before bigint[], OUT newest uuid[], OUT refused int[], OUT positions bigint[], OUT head bigint,
    OUT epoch bigint, OUT checkpoint bigint
) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    IF a_lease IS NOT NULL OR cardinality(r_view) > 0 THEN
        SELECT c.before, c.newest, c.refused, c.positions, c.head, c.epoch, c.checkpoint
        INTO before, newest, refused, positions, head, epoch, checkpoint
        FROM {schema}.commit_rows(
            g_commit, g_category, g_stream, g_kind, g_version, g_newest, e_guard, e_nth, e_id, e_name, e_data, e_metadata,
            i_commit, i_consumer, i_message, at, lock_timeout, careful, asks_head,
            a_lease, a_epoch, a_log, a_from, a_to, r_view, r_rows, r_key, r_value) AS c;
    ELSIF cardinality(g_commit) = 0 AND cardinality(i_commit) = 0 THEN
        -- Nothing to guard, to append or to remember: messages alone.
        refused := '{}';
        SELECT coalesce(max(e.position), 0) INTO head FROM {schema}.events AS e;
    ELSE
        SELECT c.before, c.newest, c.refused, c.positions, c.head INTO before, newest, refused, positions, head
        FROM {schema}.commit(
            g_commit, g_category, g_stream, g_kind, g_version, g_newest, e_guard, e_nth, e_id, e_name, e_data, e_metadata,
            i_commit, i_consumer, i_message, at, lock_timeout, careful, asks_head) AS c;
    END IF;

    PERFORM {schema}.put_messages(refused, at, m_commit, m_due, m_id, m_key, m_type, m_envelope);
END $body$;

-- Sends messages in a transaction of the user's that asks for nothing else: nothing in it can be refused, so it needs no
-- savepoint, and one statement does all. Nothing is sent if this is another log, or if the transaction has written nothing yet:
-- then it may be none but this statement, which would be there without what it tells of. The first columns are those of `commit`.
CREATE FUNCTION {schema}.enqueue(
    of_log uuid, at timestamptz,
    m_commit int[], m_due timestamptz[], m_id uuid[], m_key text[], m_type text[], m_envelope text[],
    OUT before bigint[], OUT newest uuid[], OUT refused int[], OUT positions bigint[], OUT head bigint, OUT is_sent boolean
) LANGUAGE plpgsql AS $body$
BEGIN
    refused := '{}';
    is_sent := pg_current_xact_id_if_assigned() IS NOT NULL AND of_log = (SELECT l.id FROM {schema}.log AS l);
    IF is_sent THEN
        SELECT coalesce(max(e.position), 0) INTO head FROM {schema}.events AS e;
        PERFORM {schema}.put_messages(refused, at, m_commit, m_due, m_id, m_key, m_type, m_envelope);
    END IF;
END $body$;

-- Moves what is due into the log, at most so many messages, and tells how many those were and when the next one is due.
-- Whoever comes second waits for the first of the rows that another one moves, and draws its positions after that: what was
-- due first comes first, whoever moves it.
CREATE FUNCTION {schema}.outbox_due(
    at timestamptz, lock_timeout text, messages_max bigint, OUT moved bigint, OUT next timestamptz
) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    moved := 0;
    SELECT min(l.due) INTO next FROM {schema}.outbox_later AS l;
    -- Mostly nothing is due: then nobody waits for anybody.
    IF next IS NULL OR next > at THEN
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', lock_timeout, true);
    WITH due AS (
        DELETE FROM {schema}.outbox_later AS l USING (
            SELECT f.due, f.number FROM {schema}.outbox_later AS f
            WHERE f.due <= at ORDER BY f.due, f.number LIMIT messages_max
        ) AS first
        WHERE l.due = first.due AND l.number = first.number
        RETURNING l.due, l.number, l.message_id, l.ordering_key, l.type, l.envelope
    )
    INSERT INTO {schema}.outbox (message_id, ordering_key, type, envelope, recorded_at)
    SELECT d.message_id, d.ordering_key, d.type, d.envelope, at FROM due AS d ORDER BY d.due, d.number;
    GET DIAGNOSTICS moved = ROW_COUNT;
    SELECT min(l.due) INTO next FROM {schema}.outbox_later AS l;
END $body$;

-- Removes the oldest messages up to a position, at most so many, and tells how many those were. Nothing can appear any more
-- up to `settled`. Those who trim take turns, and none looks again at what others have removed.
CREATE FUNCTION {schema}.outbox_trim(upto bigint, settled bigint, messages_max bigint, lock_timeout text)
RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    low          bigint;
    removed      bigint;
    last         bigint;
    last_settled bigint;
BEGIN
    PERFORM set_config('lock_timeout', lock_timeout, true);
    SELECT t.settled INTO low FROM {schema}.outbox_trimmed AS t FOR UPDATE;
    WITH gone AS (
        DELETE FROM {schema}.outbox AS o
        WHERE o.position > low AND o.position <= coalesce((
            SELECT f.position FROM {schema}.outbox AS f WHERE f.position > low AND f.position <= upto
            ORDER BY f.position OFFSET messages_max - 1 LIMIT 1
        ), upto)
        RETURNING o.position
    )
    SELECT count(*), max(g.position), max(g.position) FILTER (WHERE g.position <= outbox_trim.settled)
    INTO removed, last, last_settled FROM gone AS g;
    IF removed > 0 THEN
        UPDATE {schema}.outbox_trimmed AS t
        SET newest = greatest(t.newest, last), settled = greatest(t.settled, last_settled);
    END IF;
    RETURN removed;
END $body$;
