-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- What is folded within every commit, by whoever makes it. The store itself holds the lease of that name.
CREATE TABLE {schema}.inline (
    name text COLLATE "C" PRIMARY KEY
);

-- Refuses events whose writer does not fold by just the folds of the log. They are the arguments of the trigger, so that
-- every transaction goes by the newest, whatever its snapshot shows it. A log that has never had a fold has no trigger.
CREATE FUNCTION {schema}.must_fold() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF array_to_string(TG_ARGV, ',') <> coalesce(current_setting('freehold.folds_of_{schema}', true), '')
       AND EXISTS (SELECT FROM written) THEN
        RAISE EXCEPTION USING ERRCODE = 'FH001', MESSAGE = 'the log has strong projections that its writer does not fold',
            DETAIL = array_to_string(TG_ARGV, ',');
    END IF;
    RETURN NULL;
END $body$;

-- Begins a transaction whose events are folded, and tells by which folds they must be. Writers that touch one fold take
-- turns, from before their positions are drawn: so events are folded in the order of their positions.
CREATE FUNCTION {schema}.begin_fold(touched text[], lock_timeout text) RETURNS text[] LANGUAGE plpgsql AS $body$
DECLARE
    names text[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'strong projections are folded in READ COMMITTED only';
    END IF;
    IF lock_timeout IS NOT NULL THEN
        PERFORM set_config('lock_timeout', lock_timeout, true);
    END IF;
    SELECT coalesce(array_agg(i.name ORDER BY i.name), '{}') INTO names FROM {schema}.inline AS i;
    PERFORM set_config('freehold.folds_of_{schema}', array_to_string(names, ','), true);
    PERFORM pg_advisory_xact_lock({class} + 2, turn) FROM (
        SELECT DISTINCT hashtext('{schema}.' || n.name) AS turn FROM unnest(names) AS n (name)
        WHERE n.name = ANY (touched) ORDER BY turn
    ) AS turns;
    RETURN names;
END $body$;

-- Holds all writers of events out until the end of the transaction, and takes the lease of a fold for the store itself,
-- from whoever has it. In this order, as commits do.
CREATE FUNCTION {schema}.hold_out(fold text, lock_timeout text, OUT folds boolean, OUT checkpoint bigint)
LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM set_config('lock_timeout', lock_timeout, true);
    INSERT INTO {schema}.leases AS l (name, epoch, owner, expires_at)
    VALUES (fold, 1, '00000000-0000-0000-0000-000000000000', clock_timestamp() + interval '100 years')
    ON CONFLICT (name) DO UPDATE
    SET epoch = l.epoch + 1, owner = excluded.owner, expires_at = excluded.expires_at;
    LOCK TABLE {schema}.events IN SHARE ROW EXCLUSIVE MODE;
    folds := EXISTS (SELECT FROM {schema}.inline AS i WHERE i.name = fold);
    SELECT c.position INTO checkpoint FROM {schema}.checkpoints AS c
    WHERE c.lease = fold AND c.log = (SELECT id FROM {schema}.log);
    checkpoint := coalesce(checkpoint, 0);
END $body$;

-- Begins or ends the folding, where the log ends now. Nobody writes meanwhile.
CREATE FUNCTION {schema}.set_inline(fold text, folds boolean) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF folds THEN
        INSERT INTO {schema}.inline (name) VALUES (fold);
    ELSE
        DELETE FROM {schema}.inline WHERE name = fold;
        UPDATE {schema}.leases SET owner = NULL WHERE name = fold;
    END IF;
    INSERT INTO {schema}.checkpoints (lease, log, position)
    SELECT fold, (SELECT id FROM {schema}.log), (SELECT coalesce(max(e.position), 0) FROM {schema}.events AS e)
    ON CONFLICT (lease, log) DO UPDATE SET position = excluded.position;
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER events_must_fold AFTER INSERT ON {schema}.events REFERENCING NEW TABLE AS written
         FOR EACH STATEMENT EXECUTE FUNCTION {schema}.must_fold(%s)',
        (SELECT coalesce(string_agg(quote_literal(i.name), ', ' ORDER BY i.name), '') FROM {schema}.inline AS i));
END $body$;
