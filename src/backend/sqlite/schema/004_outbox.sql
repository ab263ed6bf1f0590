-- What waits to be published, in the order of the commits. AUTOINCREMENT, so that the position of a message that was
-- trimmed is not given again; how far the log has come is in `sqlite_sequence`.
CREATE TABLE freehold_outbox (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id   BLOB    NOT NULL,
    ordering_key TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    envelope     TEXT    NOT NULL,              -- JSON: the whole message
    recorded_at  INTEGER NOT NULL               -- microseconds since 1970
) STRICT;

-- What is to be published later. It has no position yet.
CREATE TABLE freehold_outbox_later (
    came         INTEGER PRIMARY KEY,
    due          INTEGER NOT NULL,              -- microseconds since 1970
    message_id   BLOB    NOT NULL,
    ordering_key TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    envelope     TEXT    NOT NULL
) STRICT;

-- Ordered by `came` within one time: the key of the table ends every index.
CREATE INDEX freehold_outbox_later_due ON freehold_outbox_later (due);
