-- Whether the newest event of a stream closes it.
ALTER TABLE freehold_streams ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;

-- The closed streams of which events are still to be moved into the archive, and the position of the newest of those: a
-- stream is moved from its end, since its events know the ones before them.
CREATE TABLE freehold_to_archive (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream)
) STRICT, WITHOUT ROWID;

-- The events of closed streams that were moved out of the way, as they were. Each event is in one of the two tables.
CREATE TABLE freehold_archive (
    position    INTEGER PRIMARY KEY,
    event_id    BLOB    NOT NULL UNIQUE,
    category    TEXT    NOT NULL,
    stream      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    previous    INTEGER,
    name        TEXT    NOT NULL,
    data        BLOB    NOT NULL,
    metadata    TEXT,
    recorded_at INTEGER NOT NULL
) STRICT;

CREATE INDEX freehold_archive_category ON freehold_archive (category);

-- Every event, wherever it is.
CREATE VIEW freehold_all_events AS
SELECT position, event_id, category, stream, version, previous, name, data, metadata, recorded_at FROM freehold_events
UNION ALL
SELECT position, event_id, category, stream, version, previous, name, data, metadata, recorded_at FROM freehold_archive;
