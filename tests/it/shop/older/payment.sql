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
INSERT INTO "freehold_events" VALUES(1,X'01A22C15CAAD7561B40D3D9EC0A7E374','payment_terms','shop',1,NULL,'TermsAgreed',X'7B22636172645F6C696D6974223A22353030227D',NULL,1796035955374084);
INSERT INTO "freehold_events" VALUES(2,X'A30197381DB05BB6AED14779541646FC','payment','536365',1,NULL,'PaymentProcessed',X'7B22616D6F756E74223A2233352E3634222C226465626974223A7B2243617264223A7B224E756D626572223A31373835307D7D2C22637265646974223A2253616C6573227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"37e8ef20-3c30-58e2-90e5-223c87072997","actor":"shop"}',1796035955509893);
INSERT INTO "freehold_events" VALUES(3,X'A30197381DB05BB6AED14779541646FD','account','card-17850',1,NULL,'Debited',X'7B22616D6F756E74223A2233352E3634227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"37e8ef20-3c30-58e2-90e5-223c87072997","actor":"shop"}',1796035955509893);
INSERT INTO "freehold_events" VALUES(4,X'A30197381DB05BB6AED14779541646FE','account','sales',1,NULL,'Credited',X'7B22616D6F756E74223A2233352E3634227D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"37e8ef20-3c30-58e2-90e5-223c87072997","actor":"shop"}',1796035955509893);
INSERT INTO "freehold_events" VALUES(5,X'01A22C15CB357456A9735E0D751E0447','saga_barrier','fulfilment/536365:charge:0:do',1,NULL,'Acted',X'7B226F66223A31333733383338343536383230313330333935332C226A736F6E223A2243686172676564227D',NULL,1796035955509893);
INSERT INTO "freehold_events" VALUES(6,X'6BBC4B217B4459CE858064EAD6DC1CC0','payment','536367',1,NULL,'PaymentFailed',X'7B22616D6F756E74223A2231353231222C226C696D6974223A22353030227D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"f9a358ae-422a-5bcc-9b8a-3b6507c43361","actor":"shop"}',1796035955661981);
INSERT INTO "freehold_events" VALUES(7,X'01A22C15CBC8727993B417CEC1705713','saga_barrier','fulfilment/536367:charge:0:do',1,NULL,'Acted',X'7B226F66223A343633323234363437373635323533323836362C226A736F6E223A224465636C696E6564227D',NULL,1796035955661981);
INSERT INTO "freehold_events" VALUES(8,X'39DD17E4578F5296A5862C07943BF9D2','payment','C536368',1,NULL,'PaymentRefunded',X'7B22616D6F756E74223A22322E3535222C226465626974223A22526566756E6473222C22637265646974223A7B2243617264223A7B224E756D626572223A31373835307D7D7D','{"correlation":"4ad32ede-1388-5771-a11d-79abe8fca1c3","causation":"7d31ec7d-6ee7-5d3b-9a7c-bae92f82596b","actor":"shop"}',1796035955718274);
INSERT INTO "freehold_events" VALUES(9,X'39DD17E4578F5296A5862C07943BF9D3','account','refunds',1,NULL,'Debited',X'7B22616D6F756E74223A22322E3535227D','{"correlation":"4ad32ede-1388-5771-a11d-79abe8fca1c3","causation":"7d31ec7d-6ee7-5d3b-9a7c-bae92f82596b","actor":"shop"}',1796035955718274);
INSERT INTO "freehold_events" VALUES(10,X'39DD17E4578F5296A5862C07943BF9D4','account','card-17850',2,3,'Credited',X'7B22616D6F756E74223A22322E3535227D','{"correlation":"4ad32ede-1388-5771-a11d-79abe8fca1c3","causation":"7d31ec7d-6ee7-5d3b-9a7c-bae92f82596b","actor":"shop"}',1796035955718274);
INSERT INTO "freehold_events" VALUES(11,X'7C9D4B8D0332513FA0F3BC89008A663B','payment','536370',1,NULL,'PaymentProcessed',X'7B22616D6F756E74223A223930222C226465626974223A7B2243617264223A7B224E756D626572223A31323538337D7D2C22637265646974223A2253616C6573227D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"22b3dd4e-dc99-5502-9692-3dd9bce9b5ac","actor":"shop"}',1796035955812888);
INSERT INTO "freehold_events" VALUES(12,X'7C9D4B8D0332513FA0F3BC89008A663C','account','card-12583',1,NULL,'Debited',X'7B22616D6F756E74223A223930227D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"22b3dd4e-dc99-5502-9692-3dd9bce9b5ac","actor":"shop"}',1796035955812888);
INSERT INTO "freehold_events" VALUES(13,X'7C9D4B8D0332513FA0F3BC89008A663D','account','sales',2,4,'Credited',X'7B22616D6F756E74223A223930227D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"22b3dd4e-dc99-5502-9692-3dd9bce9b5ac","actor":"shop"}',1796035955812888);
INSERT INTO "freehold_events" VALUES(14,X'01A22C15CC64756BBAFB7760DF2F429E','saga_barrier','fulfilment/536370:charge:0:do',1,NULL,'Acted',X'7B226F66223A31333132393331303833313135343437313934322C226A736F6E223A2243686172676564227D',NULL,1796035955812888);
INSERT INTO "freehold_events" VALUES(15,X'05C9A2ED40EB58D09EFE21261B317657','payment','536371',1,NULL,'PaymentProcessed',X'7B22616D6F756E74223A2234222C226465626974223A7B2243617264223A224775657374227D2C22637265646974223A2253616C6573227D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"93168be6-56eb-52a6-9ce4-a094b701ecc2","actor":"shop"}',1796035955893599);
INSERT INTO "freehold_events" VALUES(16,X'05C9A2ED40EB58D09EFE21261B317658','account','card-guest',1,NULL,'Debited',X'7B22616D6F756E74223A2234227D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"93168be6-56eb-52a6-9ce4-a094b701ecc2","actor":"shop"}',1796035955893599);
INSERT INTO "freehold_events" VALUES(17,X'05C9A2ED40EB58D09EFE21261B317659','account','sales',3,13,'Credited',X'7B22616D6F756E74223A2234227D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"93168be6-56eb-52a6-9ce4-a094b701ecc2","actor":"shop"}',1796035955893599);
INSERT INTO "freehold_events" VALUES(18,X'01A22C15CCB47301946B0825650F3248','saga_barrier','fulfilment/536371:charge:0:do',1,NULL,'Acted',X'7B226F66223A353337343431393236303337363631393235372C226A736F6E223A2243686172676564227D',NULL,1796035955893599);
INSERT INTO "freehold_events" VALUES(19,X'372CB65EE1315F2C9736981658DB7C1C','payment','536372',1,NULL,'PaymentFailed',X'7B22616D6F756E74223A22363030222C226C696D6974223A22353030227D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"6335b5df-64d7-5bb5-b68d-95c5a224d38e","actor":"shop"}',1796035955990953);
INSERT INTO "freehold_events" VALUES(20,X'01A22C15CD1672F5AD1AE436A378311D','saga_barrier','fulfilment/536372:charge:0:do',1,NULL,'Acted',X'7B226F66223A373632363439353435373838353935353636332C226A736F6E223A224465636C696E6564227D',NULL,1796035955990953);
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
INSERT INTO "freehold_log" VALUES(X'01A22C15CA1976E8B718EFA33187CD9F');
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
INSERT INTO "freehold_schema" VALUES(1,1796035955224447);
INSERT INTO "freehold_schema" VALUES(2,1796035955224628);
INSERT INTO "freehold_schema" VALUES(3,1796035955224694);
INSERT INTO "freehold_schema" VALUES(4,1796035955225000);
CREATE TABLE freehold_streams (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO "freehold_streams" VALUES('account','card-12583',1,12);
INSERT INTO "freehold_streams" VALUES('account','card-17850',2,10);
INSERT INTO "freehold_streams" VALUES('account','card-guest',1,16);
INSERT INTO "freehold_streams" VALUES('account','refunds',1,9);
INSERT INTO "freehold_streams" VALUES('account','sales',3,17);
INSERT INTO "freehold_streams" VALUES('payment','536365',1,2);
INSERT INTO "freehold_streams" VALUES('payment','536367',1,6);
INSERT INTO "freehold_streams" VALUES('payment','536370',1,11);
INSERT INTO "freehold_streams" VALUES('payment','536371',1,15);
INSERT INTO "freehold_streams" VALUES('payment','536372',1,19);
INSERT INTO "freehold_streams" VALUES('payment','C536368',1,8);
INSERT INTO "freehold_streams" VALUES('payment_terms','shop',1,1);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536365:charge:0:do',1,5);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536367:charge:0:do',1,7);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536370:charge:0:do',1,14);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536371:charge:0:do',1,18);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536372:charge:0:do',1,20);
CREATE INDEX freehold_events_category ON freehold_events (category);
CREATE INDEX freehold_outbox_later_due ON freehold_outbox_later (due);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('freehold_events',20);
COMMIT;
