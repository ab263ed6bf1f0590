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
INSERT INTO "freehold_events" VALUES(1,X'01A22C15CAA5750CA44E4F9E3857663E','inventory_terms','shop',1,NULL,'TermsAgreed',X'7B22756E6974735F7065725F636F6465223A3130307D',NULL,1796035955369350);
INSERT INTO "freehold_events" VALUES(2,X'01A22C15CB147082BBEA89589A0FBA49','saga_barrier','fulfilment/536365:reserve:0:do',1,NULL,'Acted',X'7B226F66223A353833393232363437373631393935373338392C226A736F6E223A6E756C6C7D',NULL,1796035955485747);
INSERT INTO "freehold_events" VALUES(3,X'F98F10E8755F5B42A162B3BF90662EA2','reservation','536365',1,NULL,'ReservationMade',X'7B22676F6F6473223A7B223731303533223A362C22383531323341223A367D7D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"98cfa577-1f04-5045-aca9-8fd80e72863d","actor":"shop"}',1796035955485747);
INSERT INTO "freehold_events" VALUES(4,X'01A22C15CB1D71A28C20C5EB8B05214A','stock','71053',1,NULL,'StockReceived',X'7B22756E697473223A3130307D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"98cfa577-1f04-5045-aca9-8fd80e72863d","actor":"shop"}',1796035955485747);
INSERT INTO "freehold_events" VALUES(5,X'01A22C15CB1D71A28C20C5EC7C186BB2','stock','71053',2,4,'StockReserved',X'7B22696E766F696365223A22353336333635222C22756E697473223A367D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"98cfa577-1f04-5045-aca9-8fd80e72863d","actor":"shop"}',1796035955485747);
INSERT INTO "freehold_events" VALUES(6,X'01A22C15CB1D71A28C20C5ED99153D0D','stock','85123A',1,NULL,'StockReceived',X'7B22756E697473223A3130307D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"98cfa577-1f04-5045-aca9-8fd80e72863d","actor":"shop"}',1796035955485747);
INSERT INTO "freehold_events" VALUES(7,X'01A22C15CB1D71A28C20C5EE6B375B82','stock','85123A',2,6,'StockReserved',X'7B22696E766F696365223A22353336333635222C22756E697473223A367D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"98cfa577-1f04-5045-aca9-8fd80e72863d","actor":"shop"}',1796035955485747);
INSERT INTO "freehold_events" VALUES(8,X'5E76530F70855BD6839D349F3AB53D09','reservation','536365',2,3,'ReservationTaken',X'7B7D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"a45bc55e-ee8c-59aa-81c3-b106db0f4d7b","actor":"shop"}',1796035955522886);
INSERT INTO "freehold_events" VALUES(9,X'01A22C15CB4275BBB659376E907660E6','stock','71053',3,5,'StockTaken',X'7B22696E766F696365223A22353336333635222C22756E697473223A367D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"a45bc55e-ee8c-59aa-81c3-b106db0f4d7b","actor":"shop"}',1796035955522886);
INSERT INTO "freehold_events" VALUES(10,X'01A22C15CB4275BBB659376FCF684372','stock','85123A',3,7,'StockTaken',X'7B22696E766F696365223A22353336333635222C22756E697473223A367D','{"correlation":"80ddd333-4598-565c-9366-6464e991d4ba","causation":"a45bc55e-ee8c-59aa-81c3-b106db0f4d7b","actor":"shop"}',1796035955522886);
INSERT INTO "freehold_events" VALUES(11,X'01A22C15CB797251B61037C142F566BD','saga_barrier','fulfilment/536366:reserve:0:do',1,NULL,'Acted',X'7B226F66223A373039333533383536343034373338323035352C226A736F6E223A6E756C6C7D',NULL,1796035955578027);
INSERT INTO "freehold_events" VALUES(12,X'FFD46D23ED0B5B418B91E8465E50C5ED','reservation','536366',1,NULL,'ReservationRefused',X'7B2273686F7274223A223232363333227D','{"correlation":"c0be0a03-d2cd-5b23-8fda-b88f0b69f531","causation":"921e3b40-a36e-5586-becc-8b4e4dc9ceee","actor":"shop"}',1796035955578027);
INSERT INTO "freehold_events" VALUES(13,X'01A22C15CB797251B61037C22FD1190F','stock','22633',1,NULL,'StockReceived',X'7B22756E697473223A3130307D','{"correlation":"c0be0a03-d2cd-5b23-8fda-b88f0b69f531","causation":"921e3b40-a36e-5586-becc-8b4e4dc9ceee","actor":"shop"}',1796035955578027);
INSERT INTO "freehold_events" VALUES(14,X'01A22C15CBB7709AB3CCEB3D611D8C5E','saga_barrier','fulfilment/536367:reserve:0:do',1,NULL,'Acted',X'7B226F66223A31303533313030303137343137323933383937362C226A736F6E223A6E756C6C7D',NULL,1796035955641216);
INSERT INTO "freehold_events" VALUES(15,X'C4434B9714C258CAAB53F11EFD9344C8','reservation','536367',1,NULL,'ReservationMade',X'7B22676F6F6473223A7B223834383739223A39307D7D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"a040857a-8a74-5996-9365-0f315cecc101","actor":"shop"}',1796035955641216);
INSERT INTO "freehold_events" VALUES(16,X'01A22C15CBB87105909AD3C3C96F5658','stock','84879',1,NULL,'StockReceived',X'7B22756E697473223A3130307D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"a040857a-8a74-5996-9365-0f315cecc101","actor":"shop"}',1796035955641216);
INSERT INTO "freehold_events" VALUES(17,X'01A22C15CBB87105909AD3C4C778732D','stock','84879',2,16,'StockReserved',X'7B22696E766F696365223A22353336333637222C22756E697473223A39307D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"a040857a-8a74-5996-9365-0f315cecc101","actor":"shop"}',1796035955641216);
INSERT INTO "freehold_events" VALUES(18,X'01A22C15CBDB74C4BB3B18C0EB2C583E','saga_barrier','fulfilment/536367:reserve:0:do',2,14,'Undone',X'7B7D',NULL,1796035955676463);
INSERT INTO "freehold_events" VALUES(19,X'95F8E6190CFB5F5BA19F4AD3F93CA0B8','reservation','536367',2,15,'ReservationReleased',X'7B7D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"c6b09f0a-afdb-5aa3-9858-0079f94b1b6e","actor":"shop"}',1796035955676463);
INSERT INTO "freehold_events" VALUES(20,X'01A22C15CBDB74C4BB3B18C1DBA48B72','stock','84879',3,17,'StockReleased',X'7B22696E766F696365223A22353336333637222C22756E697473223A39307D','{"correlation":"a14df726-bb8a-573e-b0ef-513dada430d3","causation":"c6b09f0a-afdb-5aa3-9858-0079f94b1b6e","actor":"shop"}',1796035955676463);
INSERT INTO "freehold_events" VALUES(21,X'262AF4D7EDCA58B0897F694CD121DE95','reservation','C536368',1,NULL,'GoodsRestocked',X'7B22676F6F6473223A7B22383531323341223A317D7D','{"correlation":"4ad32ede-1388-5771-a11d-79abe8fca1c3","causation":"4d0eff7d-42fc-51eb-81c8-6f88c399f5d5","actor":"shop"}',1796035955733849);
INSERT INTO "freehold_events" VALUES(22,X'01A22C15CC1576CE8D0BBFACB28CE634','stock','85123A',4,10,'StockReturned',X'7B22696E766F696365223A2243353336333638222C22756E697473223A317D','{"correlation":"4ad32ede-1388-5771-a11d-79abe8fca1c3","causation":"4d0eff7d-42fc-51eb-81c8-6f88c399f5d5","actor":"shop"}',1796035955733849);
INSERT INTO "freehold_events" VALUES(23,X'01A22C15CC53723FAD845D84C21C4F90','saga_barrier','fulfilment/536370:reserve:0:do',1,NULL,'Acted',X'7B226F66223A3330323539303531343631393935383336302C226A736F6E223A6E756C6C7D',NULL,1796035955796853);
INSERT INTO "freehold_events" VALUES(24,X'4A5DAE814F615C05B79B8F1110765ED7','reservation','536370',1,NULL,'ReservationMade',X'7B22676F6F6473223A7B223232373238223A32347D7D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"ac47cd8a-d654-55c4-99e0-e5ba30c3fff4","actor":"shop"}',1796035955796853);
INSERT INTO "freehold_events" VALUES(25,X'01A22C15CC5471FD8303FC506F3A85E3','stock','22728',1,NULL,'StockReceived',X'7B22756E697473223A3130307D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"ac47cd8a-d654-55c4-99e0-e5ba30c3fff4","actor":"shop"}',1796035955796853);
INSERT INTO "freehold_events" VALUES(26,X'01A22C15CC5471FD8303FC51B97C38AE','stock','22728',2,25,'StockReserved',X'7B22696E766F696365223A22353336333730222C22756E697473223A32347D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"ac47cd8a-d654-55c4-99e0-e5ba30c3fff4","actor":"shop"}',1796035955796853);
INSERT INTO "freehold_events" VALUES(27,X'FE81316085D1588E9A3CDFA1099AEDF8','reservation','536370',2,24,'ReservationTaken',X'7B7D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"83ac3143-2247-5bfa-9b62-dea5e97775a4","actor":"shop"}',1796035955837160);
INSERT INTO "freehold_events" VALUES(28,X'01A22C15CC7C752884DC8CDB015E902A','stock','22728',3,26,'StockTaken',X'7B22696E766F696365223A22353336333730222C22756E697473223A32347D','{"correlation":"643303d3-107d-5707-8c00-ba209c176460","causation":"83ac3143-2247-5bfa-9b62-dea5e97775a4","actor":"shop"}',1796035955837160);
INSERT INTO "freehold_events" VALUES(29,X'01A22C15CCA576CF9D5D1A1D72C3A86B','saga_barrier','fulfilment/536371:reserve:0:do',1,NULL,'Acted',X'7B226F66223A31373436363531353736383039393932343431332C226A736F6E223A6E756C6C7D',NULL,1796035955878506);
INSERT INTO "freehold_events" VALUES(30,X'3B7AF1B758E356AE864A7B05983E3199','reservation','536371',1,NULL,'ReservationMade',X'7B22676F6F6473223A7B223232303836223A38307D7D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"26fcfab3-6e8d-5f54-a641-d094db454718","actor":"shop"}',1796035955878506);
INSERT INTO "freehold_events" VALUES(31,X'01A22C15CCA6764586AC7E74F7901295','stock','22086',1,NULL,'StockReceived',X'7B22756E697473223A3130307D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"26fcfab3-6e8d-5f54-a641-d094db454718","actor":"shop"}',1796035955878506);
INSERT INTO "freehold_events" VALUES(32,X'01A22C15CCA6764586AC7E759DC0217A','stock','22086',2,31,'StockReserved',X'7B22696E766F696365223A22353336333731222C22756E697473223A38307D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"26fcfab3-6e8d-5f54-a641-d094db454718","actor":"shop"}',1796035955878506);
INSERT INTO "freehold_events" VALUES(33,X'41DEC392150453DF8D2D884F9CA6FEEB','reservation','536371',2,30,'ReservationTaken',X'7B7D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"cf1ec284-7bea-5eff-b942-531954320b1c","actor":"shop"}',1796035955907289);
INSERT INTO "freehold_events" VALUES(34,X'01A22C15CCC2715199B21B6A7A840000','stock','22086',3,32,'StockTaken',X'7B22696E766F696365223A22353336333731222C22756E697473223A38307D','{"correlation":"19502b20-80c0-5244-9020-7d5579212efb","causation":"cf1ec284-7bea-5eff-b942-531954320b1c","actor":"shop"}',1796035955907289);
INSERT INTO "freehold_events" VALUES(35,X'01A22C15CD03719899CAEFFCF00BDF6B','saga_barrier','fulfilment/536372:reserve:0:do',1,NULL,'Acted',X'7B226F66223A31303836353234353431313330383134313334362C226A736F6E223A6E756C6C7D',NULL,1796035955976451);
INSERT INTO "freehold_events" VALUES(36,X'7FE05E0871895D999569C8BA1A44D6BE','reservation','536372',1,NULL,'ReservationMade',X'7B22676F6F6473223A7B223232363332223A367D7D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"6b9be064-04d4-58ad-ad62-a28af355461b","actor":"shop"}',1796035955976451);
INSERT INTO "freehold_events" VALUES(37,X'01A22C15CD0770A88640E6CA06DF6049','stock','22632',1,NULL,'StockReceived',X'7B22756E697473223A3130307D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"6b9be064-04d4-58ad-ad62-a28af355461b","actor":"shop"}',1796035955976451);
INSERT INTO "freehold_events" VALUES(38,X'01A22C15CD0770A88640E6CB1FDA7E84','stock','22632',2,37,'StockReserved',X'7B22696E766F696365223A22353336333732222C22756E697473223A367D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"6b9be064-04d4-58ad-ad62-a28af355461b","actor":"shop"}',1796035955976451);
INSERT INTO "freehold_events" VALUES(39,X'01A22C15CD2375BF962B1E0A328E9D10','saga_barrier','fulfilment/536372:reserve:0:do',2,35,'Undone',X'7B7D',NULL,1796035956004422);
INSERT INTO "freehold_events" VALUES(40,X'0C6C83F505E653FBB951C127B677BDF6','reservation','536372',2,36,'ReservationReleased',X'7B7D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"ffe17284-38a5-59b0-bcd4-da0e2a09f52c","actor":"shop"}',1796035956004422);
INSERT INTO "freehold_events" VALUES(41,X'01A22C15CD2375BF962B1E0B789E0C20','stock','22632',3,38,'StockReleased',X'7B22696E766F696365223A22353336333732222C22756E697473223A367D','{"correlation":"47e07487-4e76-54af-af4d-bc21415b8a9c","causation":"ffe17284-38a5-59b0-bcd4-da0e2a09f52c","actor":"shop"}',1796035956004422);
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
INSERT INTO "freehold_log" VALUES(X'01A22C15C9EE727185C3CCFC439A966B');
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
INSERT INTO "freehold_schema" VALUES(1,1796035955181964);
INSERT INTO "freehold_schema" VALUES(2,1796035955182124);
INSERT INTO "freehold_schema" VALUES(3,1796035955182186);
INSERT INTO "freehold_schema" VALUES(4,1796035955182360);
CREATE TABLE freehold_streams (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO "freehold_streams" VALUES('inventory_terms','shop',1,1);
INSERT INTO "freehold_streams" VALUES('reservation','536365',2,8);
INSERT INTO "freehold_streams" VALUES('reservation','536366',1,12);
INSERT INTO "freehold_streams" VALUES('reservation','536367',2,19);
INSERT INTO "freehold_streams" VALUES('reservation','536370',2,27);
INSERT INTO "freehold_streams" VALUES('reservation','536371',2,33);
INSERT INTO "freehold_streams" VALUES('reservation','536372',2,40);
INSERT INTO "freehold_streams" VALUES('reservation','C536368',1,21);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536365:reserve:0:do',1,2);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536366:reserve:0:do',1,11);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536367:reserve:0:do',2,18);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536370:reserve:0:do',1,23);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536371:reserve:0:do',1,29);
INSERT INTO "freehold_streams" VALUES('saga_barrier','fulfilment/536372:reserve:0:do',2,39);
INSERT INTO "freehold_streams" VALUES('stock','22086',3,34);
INSERT INTO "freehold_streams" VALUES('stock','22632',3,41);
INSERT INTO "freehold_streams" VALUES('stock','22633',1,13);
INSERT INTO "freehold_streams" VALUES('stock','22728',3,28);
INSERT INTO "freehold_streams" VALUES('stock','71053',3,9);
INSERT INTO "freehold_streams" VALUES('stock','84879',3,20);
INSERT INTO "freehold_streams" VALUES('stock','85123A',4,22);
CREATE INDEX freehold_events_category ON freehold_events (category);
CREATE INDEX freehold_outbox_later_due ON freehold_outbox_later (due);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('freehold_events',41);
COMMIT;
