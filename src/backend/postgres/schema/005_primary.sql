-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- Fails on a standby, where the locks of writers cannot be seen, so that every gap would look settled. Asked before anything else
-- is: a session that has found the primary stays on it, while a standby can be promoted between two statements.
CREATE FUNCTION {schema}.on_primary() RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION USING ERRCODE = 'FH002', MESSAGE = 'the server is a standby, where the feed would not be exact';
    END IF;
END $body$;

-- As they were, on the primary alone.
CREATE OR REPLACE FUNCTION {schema}.horizon(OUT seen bigint, OUT holders text[]) LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM {schema}.on_primary();
    SELECT coalesce(max(position), 0) INTO seen FROM {schema}.events;
    SELECT coalesce(array_agg(virtualtransaction), '{}') INTO holders FROM {schema}.feed_locks;
END $body$;

CREATE OR REPLACE FUNCTION {schema}.outbox_horizon(OUT seen bigint, OUT holders text[], OUT settled bigint)
LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM {schema}.on_primary();
    SELECT greatest(t.newest, (SELECT max(o.position) FROM {schema}.outbox AS o WHERE o.position > t.settled)), t.settled
    INTO seen, settled FROM {schema}.outbox_trimmed AS t;
    SELECT coalesce(array_agg(virtualtransaction), '{}') INTO holders FROM {schema}.outbox_locks;
END $body$;

-- The prepared transactions, each by the name under which it holds its locks. That is made of a session's number of it, so two
-- can have the same one: then both are told of.
CREATE VIEW {schema}.prepared AS
SELECT DISTINCT own.virtualtransaction, prepared.gid, prepared.prepared
FROM pg_prepared_xacts AS prepared JOIN pg_locks AS own ON own.transactionid = prepared.transaction
WHERE own.locktype = 'transactionid' AND own.pid IS NULL AND prepared.database = current_database();

-- Who holds the feed back: for how long and doing what, as far as one's own role may know it of a session; and a prepared
-- transaction, which has none, by its `gid`.
CREATE OR REPLACE VIEW {schema}.feed_holders AS
SELECT locks.pid, activity.application_name, now() - coalesce(activity.xact_start, prepared.prepared) AS open_for,
       CASE WHEN prepared.gid IS NULL THEN activity.state ELSE 'prepared' END AS state, activity.query, prepared.gid
FROM {schema}.feed_locks AS locks LEFT JOIN pg_stat_activity AS activity USING (pid)
LEFT JOIN {schema}.prepared ON locks.pid IS NULL AND prepared.virtualtransaction = locks.virtualtransaction;

-- The same of those who hold the relays back.
CREATE OR REPLACE VIEW {schema}.outbox_holders AS
SELECT locks.pid, activity.application_name, now() - coalesce(activity.xact_start, prepared.prepared) AS open_for,
       CASE WHEN prepared.gid IS NULL THEN activity.state ELSE 'prepared' END AS state, activity.query, prepared.gid
FROM {schema}.outbox_locks AS locks LEFT JOIN pg_stat_activity AS activity USING (pid)
LEFT JOIN {schema}.prepared ON locks.pid IS NULL AND prepared.virtualtransaction = locks.virtualtransaction;
