-- `{schema}` is the schema of the log, `{class}` the class of its advisory locks.

-- The keys under which personal data is sealed. Number 0 says that the subject was forgotten, and is no key.
CREATE TABLE {schema}.subject_keys (
    subject text    COLLATE "C" NOT NULL,
    number  integer NOT NULL CHECK (number >= 0),
    key     bytea   NOT NULL,
    PRIMARY KEY (subject, number)
);

-- Keeps all but one from changing the keys of these subjects until the transaction ends. In one order, so that nobody waits in a
-- circle.
CREATE FUNCTION {schema}.lock_keys(subjects text[], lock_timeout text) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    number integer;
BEGIN
    PERFORM set_config('lock_timeout', lock_timeout, true);
    FOR number IN SELECT DISTINCT hashtext('{schema} ' || s) AS h FROM unnest(subjects) AS s ORDER BY h LOOP
        PERFORM pg_advisory_xact_lock({class} + 2, number);
    END LOOP;
END $body$;

-- Adds keys in their order, each if it is the next one of its subject and the subject was not forgotten.
CREATE FUNCTION {schema}.add_keys(subjects text[], numbers integer[], keys bytea[], lock_timeout text)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    new record;
BEGIN
    PERFORM {schema}.lock_keys(subjects, lock_timeout);
    FOR new IN SELECT * FROM unnest(subjects, numbers, keys) AS n (subject, number, key) LOOP
        INSERT INTO {schema}.subject_keys (subject, number, key)
        SELECT new.subject, new.number, new.key
        WHERE new.number = (SELECT CASE WHEN coalesce(min(k.number), 1) > 0 THEN coalesce(max(k.number), 0) + 1 END
                            FROM {schema}.subject_keys AS k WHERE k.subject = new.subject);
    END LOOP;
END $body$;

-- Removes the keys of a subject, and says that there will be none.
CREATE FUNCTION {schema}.forget_keys(forgotten text, lock_timeout text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM {schema}.lock_keys(ARRAY[forgotten], lock_timeout);
    DELETE FROM {schema}.subject_keys WHERE subject = forgotten AND number > 0;
    INSERT INTO {schema}.subject_keys (subject, number, key) VALUES (forgotten, 0, '') ON CONFLICT DO NOTHING;
END $body$;
