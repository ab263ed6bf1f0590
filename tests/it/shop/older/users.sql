BEGIN TRANSACTION;
CREATE TABLE freehold_checkpoints (
    lease    TEXT    NOT NULL,
    log      BLOB    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (lease, log)
) STRICT, WITHOUT ROWID;
CREATE TABLE freehold_events (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    BLOB    NOT NULL UNIQUE,
    category    TEXT    NOT NULL,               -- `order` of the stream `order-1234`
    stream      TEXT    NOT NULL,               -- `1234` of the stream `order-1234`
    version     INTEGER NOT NULL,               -- 1, 2, 3 … in its stream
    previous    INTEGER,                        -- position of the event before it in its stream
    name        TEXT    NOT NULL,
    data        BLOB    NOT NULL,               -- by convention JSON
    metadata    TEXT,                           -- JSON; NULL when there is none
    recorded_at INTEGER NOT NULL                -- microseconds since 1970
) STRICT;
INSERT INTO "freehold_events" VALUES(1,X'DAC2653F513F50EA8329179CFA6B34BB','user','17850',1,NULL,'UserRegistered',X'7B226E616D65223A22437573746F6D6572203137383530222C22656D61696C223A22633137383530406578616D706C652E696E76616C6964227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"8f65ad8e-681b-555c-bcdf-3b31fe76f3d2","actor":"shop"}',1796035955429854);
INSERT INTO "freehold_events" VALUES(2,X'8225C4A0D6225EDF8847F04179E10040','user','13047',1,NULL,'UserRegistered',X'7B226E616D65223A22437573746F6D6572203133303437222C22656D61696C223A22633133303437406578616D706C652E696E76616C6964227D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"3785309b-a32b-544e-8a84-9c05708e2694","actor":"shop"}',1796035955613305);
INSERT INTO "freehold_events" VALUES(3,X'CC1AA7338E0D55DC9EB52D8F32E07A98','user','12583',1,NULL,'UserRegistered',X'7B226E616D65223A22437573746F6D6572203132353833222C22656D61696C223A22633132353833406578616D706C652E696E76616C6964227D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"54700102-70ac-5972-9dee-17b1a96646b7","actor":"shop"}',1796035955778139);
CREATE TABLE freehold_inbox (
    consumer       TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    first_position INTEGER,                     -- NULL when the commit has no events
    last_position  INTEGER,
    token_position INTEGER NOT NULL,
    PRIMARY KEY (consumer, message)
) STRICT, WITHOUT ROWID;
CREATE TABLE freehold_inline (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE freehold_leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    epoch      INTEGER NOT NULL,
    owner      BLOB,                            -- NULL when it was given back
    expires_at INTEGER NOT NULL                 -- microseconds since 1970, on SQLite's clock
) STRICT, WITHOUT ROWID;
CREATE TABLE freehold_log (
    id BLOB NOT NULL
) STRICT;
INSERT INTO "freehold_log" VALUES(X'01A22C15CA3B76D998C176339C30C8A1');
CREATE TABLE freehold_marks (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE freehold_outbox (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id   BLOB    NOT NULL,
    ordering_key TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    envelope     TEXT    NOT NULL,              -- JSON: the whole message
    recorded_at  INTEGER NOT NULL               -- microseconds since 1970
) STRICT;
CREATE TABLE freehold_outbox_later (
    came         INTEGER PRIMARY KEY,
    due          INTEGER NOT NULL,              -- microseconds since 1970
    message_id   BLOB    NOT NULL,
    ordering_key TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    envelope     TEXT    NOT NULL
) STRICT;
CREATE TABLE freehold_schema (
                 version     INTEGER PRIMARY KEY,
                 migrated_at INTEGER NOT NULL    -- microseconds since 1970
             ) STRICT;
INSERT INTO "freehold_schema" VALUES(1,1796035955259435);
INSERT INTO "freehold_schema" VALUES(2,1796035955259609);
INSERT INTO "freehold_schema" VALUES(3,1796035955259675);
INSERT INTO "freehold_schema" VALUES(4,1796035955259879);
CREATE TABLE freehold_streams (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO "freehold_streams" VALUES('user','12583',1,3);
INSERT INTO "freehold_streams" VALUES('user','13047',1,2);
INSERT INTO "freehold_streams" VALUES('user','17850',1,1);
CREATE INDEX freehold_events_category ON freehold_events (category);
CREATE INDEX freehold_outbox_later_due ON freehold_outbox_later (due);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('freehold_events',3);
COMMIT;
