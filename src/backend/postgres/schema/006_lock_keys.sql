-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- The locks of the two logs, each by one number instead of a class and the table's own number, which every insert had to
-- convert: what the trigger's condition holds is read and planned anew by each statement. The numbers stay as they are when the
-- tables are dumped and restored, in the triggers and in the views alike; should another log of the same database have come to
-- the same one, then its writers are waited for, too.
DO $do$
DECLARE
    log record;
BEGIN
    FOR log IN
        SELECT t.name, ({class}::bigint << 32) | ('{schema}.' || t.name)::regclass::oid::bigint AS key
        FROM unnest(ARRAY['events', 'outbox']) AS t (name)
    LOOP
        EXECUTE format('CREATE FUNCTION {schema}.%I() RETURNS bigint IMMUTABLE LANGUAGE sql AS ''SELECT %s''',
            log.name || '_lock', log.key);
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE INSERT ON {schema}.%I FOR EACH STATEMENT
            WHEN (pg_advisory_xact_lock_shared(%s) IS NULL) EXECUTE FUNCTION {schema}.announce()',
            log.name || '_announce', log.name, log.key);
    END LOOP;
END $do$;

CREATE OR REPLACE VIEW {schema}.feed_locks AS
SELECT pid, virtualtransaction FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = {class} AND objid = ({schema}.events_lock() & 4294967295)::oid;

CREATE OR REPLACE VIEW {schema}.outbox_locks AS
SELECT pid, virtualtransaction FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = {class} AND objid = ({schema}.outbox_lock() & 4294967295)::oid;
