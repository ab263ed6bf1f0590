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
INSERT INTO "freehold_events" VALUES(1,X'91F562623CC7516B9337BC8403C816DE','product','71053',1,NULL,'ProductDescribed',X'7B226465736372697074696F6E223A225748495445204D4554414C204C414E5445524E227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"fb2da6ee-f606-5639-a74c-7ddceceda2bf","actor":"shop"}',1796035955432004);
INSERT INTO "freehold_events" VALUES(2,X'01A22C15CAE770028C746D508B4E53A5','product','71053',2,1,'ProductPriced',X'7B227072696365223A22332E3339227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"fb2da6ee-f606-5639-a74c-7ddceceda2bf","actor":"shop"}',1796035955432004);
INSERT INTO "freehold_events" VALUES(3,X'01A22C15CAE770028C746D5193EDC92D','product','85123A',1,NULL,'ProductDescribed',X'7B226465736372697074696F6E223A2257484954452048414E47494E4720484541525420542D4C4947485420484F4C444552227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"fb2da6ee-f606-5639-a74c-7ddceceda2bf","actor":"shop"}',1796035955432004);
INSERT INTO "freehold_events" VALUES(4,X'01A22C15CAE770028C746D522662E3B7','product','85123A',2,3,'ProductPriced',X'7B227072696365223A22322E3535227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"fb2da6ee-f606-5639-a74c-7ddceceda2bf","actor":"shop"}',1796035955432004);
INSERT INTO "freehold_events" VALUES(5,X'6567D5DFCCFF54DE8F0D98FDD256FD47','product','22633',1,NULL,'ProductDescribed',X'7B226465736372697074696F6E223A2248414E44205741524D45522C20554E494F4E204A41434B227D','{"correlation":"c0be0a03-d2cd-5b23-8fda-b88f0b69f531","causation":"712aff11-fcfc-5340-a01c-faf8015e662f","actor":"shop"}',1796035955568177);
INSERT INTO "freehold_events" VALUES(6,X'01A22C15CB6E74B4A4F4C6B68AB2ADCE','product','22633',2,5,'ProductPriced',X'7B227072696365223A22312E3835227D','{"correlation":"c0be0a03-d2cd-5b23-8fda-b88f0b69f531","causation":"712aff11-fcfc-5340-a01c-faf8015e662f","actor":"shop"}',1796035955568177);
INSERT INTO "freehold_events" VALUES(7,X'FC72F497D6165E33ADC8638A08B2740F','product','84879',1,NULL,'ProductDescribed',X'7B226465736372697074696F6E223A224153534F5254454420434F4C4F55522042495244204F524E414D454E54227D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"327b4267-819d-5a16-ae14-10f74aa90dd9","actor":"shop"}',1796035955614408);
INSERT INTO "freehold_events" VALUES(8,X'01A22C15CB9D76458EEE45C2484ABB60','product','84879',2,7,'ProductPriced',X'7B227072696365223A2231362E39227D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"327b4267-819d-5a16-ae14-10f74aa90dd9","actor":"shop"}',1796035955614408);
INSERT INTO "freehold_events" VALUES(9,X'0D15E7488534501FA83A6BE168F3771E','product','22728',1,NULL,'ProductDescribed',X'7B226465736372697074696F6E223A225765636B657220E2809E42616B656C6974E2809C227D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"1ec0ffa8-9c89-53b7-bdb8-0212a39495f7","actor":"shop"}',1796035955777687);
INSERT INTO "freehold_events" VALUES(10,X'01A22C15CC41712FBE64E7E3D4DA7191','product','22728',2,9,'ProductPriced',X'7B227072696365223A22332E3735227D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"1ec0ffa8-9c89-53b7-bdb8-0212a39495f7","actor":"shop"}',1796035955777687);
INSERT INTO "freehold_events" VALUES(11,X'78295342B42E56EA98DF7070B1DDBEF7','product','22086',1,NULL,'ProductDescribed',X'7B226465736372697074696F6E223A22504150455220434841494E204B49542035302753204348524953544D4153227D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"473929a0-adae-5213-bcb5-8e74b54e7333","actor":"shop"}',1796035955869129);
INSERT INTO "freehold_events" VALUES(12,X'01A22C15CC9C743A8F3F558D5494DE3F','product','22086',2,11,'ProductPriced',X'7B227072696365223A22302E3035227D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"473929a0-adae-5213-bcb5-8e74b54e7333","actor":"shop"}',1796035955869129);
INSERT INTO "freehold_events" VALUES(13,X'EEBBED8713745AD6AB17ACFFDF1115AA','product','22632',1,NULL,'ProductDescribed',X'7B226465736372697074696F6E223A2248414E44205741524D45522052454420504F4C4B4120444F54227D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"5539b270-1957-5103-9315-5a60cb324014","actor":"shop"}',1796035955949302);
INSERT INTO "freehold_events" VALUES(14,X'01A22C15CCEC76FBB8165D8B6760809C','product','22632',2,13,'ProductPriced',X'7B227072696365223A22313030227D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"5539b270-1957-5103-9315-5a60cb324014","actor":"shop"}',1796035955949302);
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
INSERT INTO "freehold_log" VALUES(X'01A22C15CA52750C8EA225C4D8A4EBD7');
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
INSERT INTO "freehold_schema" VALUES(1,1796035955281904);
INSERT INTO "freehold_schema" VALUES(2,1796035955282069);
INSERT INTO "freehold_schema" VALUES(3,1796035955282134);
INSERT INTO "freehold_schema" VALUES(4,1796035955282325);
CREATE TABLE freehold_streams (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO "freehold_streams" VALUES('product','22086',2,12);
INSERT INTO "freehold_streams" VALUES('product','22632',2,14);
INSERT INTO "freehold_streams" VALUES('product','22633',2,6);
INSERT INTO "freehold_streams" VALUES('product','22728',2,10);
INSERT INTO "freehold_streams" VALUES('product','71053',2,2);
INSERT INTO "freehold_streams" VALUES('product','84879',2,8);
INSERT INTO "freehold_streams" VALUES('product','85123A',2,4);
CREATE INDEX freehold_events_category ON freehold_events (category);
CREATE INDEX freehold_outbox_later_due ON freehold_outbox_later (due);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('freehold_events',14);
COMMIT;
