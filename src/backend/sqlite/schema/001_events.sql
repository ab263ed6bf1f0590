-- Which log this is. One row.
CREATE TABLE freehold_log (
    id BLOB NOT NULL
) STRICT;

-- Every event, in feed order. AUTOINCREMENT, so that the position of a deleted event is not given again.
CREATE TABLE freehold_events (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    BLOB    NOT NULL UNIQUE,
    category    TEXT    NOT NULL,               -- `order` of the stream `order-1234`
    stream      TEXT    NOT NULL,               -- `1234` of the stream `order-1234`
    version     INTEGER NOT NULL,               -- 1, 2, 3 … in its stream
    name        TEXT    NOT NULL,
    data        BLOB    NOT NULL,               -- by convention JSON
    metadata    TEXT,                           -- JSON; NULL when there is none
    recorded_at INTEGER NOT NULL,               -- microseconds since 1970
    UNIQUE (category, stream, version)
) STRICT;

-- Ordered by position within a category: the key of the table ends every index.
CREATE INDEX freehold_events_category ON freehold_events (category);

-- Which messages were handled, and where their commits landed.
CREATE TABLE freehold_inbox (
    consumer       TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    first_position INTEGER,                     -- NULL when the commit has no events
    last_position  INTEGER,
    token_position INTEGER NOT NULL,
    PRIMARY KEY (consumer, message)
) STRICT, WITHOUT ROWID;
