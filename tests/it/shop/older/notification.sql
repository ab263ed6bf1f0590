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
INSERT INTO "freehold_events" VALUES(1,X'6FFB7B79F6555AFD965050A52DA46CF9','mail','536365',1,NULL,'ConfirmationMailed',X'7B22637573746F6D6572223A7B224E756D626572223A31373835307D2C2266696C65223A2232613439386234312D663666622D356636322D386137382D6336333135366633616439382E747874227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"acab8045-c679-5eb3-b6f5-f935cc0be3a0","actor":"shop"}',1796035955542223);
INSERT INTO "freehold_events" VALUES(2,X'F27ECFBD56E25CEF8A612A3C24501DC7','mail','536370',1,NULL,'ConfirmationMailed',X'7B22637573746F6D6572223A7B224E756D626572223A31323538337D2C2266696C65223A2237313236636161312D313837342D353564612D383066372D6238316137373239326633392E747874227D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"29e02e84-c227-5e30-96bc-5a0981438bbb","actor":"shop"}',1796035955845382);
INSERT INTO "freehold_events" VALUES(3,X'5226E4796F9E50F5AEB5CC4D1BE5B72A','mail','536371',1,NULL,'ConfirmationMailed',X'7B22637573746F6D6572223A224775657374222C2266696C65223A2238306433626530632D613362382D356566632D386130372D3831363865643235643063302E747874227D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"f14809f4-d0f8-5461-8175-5ca8349bf57b","actor":"shop"}',1796035955920237);
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
INSERT INTO "freehold_log" VALUES(X'01A22C15C9957306BBC71C1DF95961E2');
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
INSERT INTO "freehold_schema" VALUES(1,1796035955090092);
INSERT INTO "freehold_schema" VALUES(2,1796035955090260);
INSERT INTO "freehold_schema" VALUES(3,1796035955090326);
INSERT INTO "freehold_schema" VALUES(4,1796035955093050);
CREATE TABLE freehold_streams (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO "freehold_streams" VALUES('mail','536365',1,1);
INSERT INTO "freehold_streams" VALUES('mail','536370',1,2);
INSERT INTO "freehold_streams" VALUES('mail','536371',1,3);
CREATE INDEX freehold_events_category ON freehold_events (category);
CREATE INDEX freehold_outbox_later_due ON freehold_outbox_later (due);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('freehold_events',3);
COMMIT;
