BEGIN TRANSACTION;
CREATE TABLE freehold_checkpoints (
    lease    TEXT    NOT NULL,
    log      BLOB    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (lease, log)
) STRICT, WITHOUT ROWID;
INSERT INTO "freehold_checkpoints" VALUES('order_details',X'01A22C15C9C675FAB97C6CE5E4B40EC7',78);
INSERT INTO "freehold_checkpoints" VALUES('order_history',X'01A22C15C9C675FAB97C6CE5E4B40EC7',78);
INSERT INTO "freehold_checkpoints" VALUES('order_summary',X'01A22C15C9C675FAB97C6CE5E4B40EC7',78);
INSERT INTO "freehold_checkpoints" VALUES('order_summary',X'01A22C15CA3B76D998C176339C30C8A1',3);
INSERT INTO "freehold_checkpoints" VALUES('product_search.search.01a22c15ca8576d99111b8eee73ecd5f',X'01A22C15CA52750C8EA225C4D8A4EBD7',14);
INSERT INTO "freehold_checkpoints" VALUES('revenue',X'01A22C15C9C675FAB97C6CE5E4B40EC7',78);
INSERT INTO "freehold_checkpoints" VALUES('stock',X'01A22C15C9EE727185C3CCFC439A966B',41);
INSERT INTO "freehold_checkpoints" VALUES('stock',X'01A22C15CA52750C8EA225C4D8A4EBD7',14);
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
INSERT INTO "freehold_leases" VALUES('order_details',1,NULL,1796035959436000);
INSERT INTO "freehold_leases" VALUES('order_details.views',1,NULL,1796035965378000);
INSERT INTO "freehold_leases" VALUES('order_history',1,NULL,1796035959436000);
INSERT INTO "freehold_leases" VALUES('order_history.views',1,NULL,1796035965378000);
INSERT INTO "freehold_leases" VALUES('order_summary',1,NULL,1796035959436000);
INSERT INTO "freehold_leases" VALUES('order_summary.views',1,NULL,1796035965378000);
INSERT INTO "freehold_leases" VALUES('product_search.search.01a22c15ca8576d99111b8eee73ecd5f',1,NULL,1796035959365000);
INSERT INTO "freehold_leases" VALUES('revenue',1,NULL,1796035959415000);
INSERT INTO "freehold_leases" VALUES('revenue.views',1,NULL,1796035965378000);
INSERT INTO "freehold_leases" VALUES('stock',1,NULL,1796035959425000);
INSERT INTO "freehold_leases" VALUES('stock.views',1,NULL,1796035965378000);
CREATE TABLE freehold_log (
    id BLOB NOT NULL
) STRICT;
INSERT INTO "freehold_log" VALUES(X'01A22C15CA727289BFBE97B07BEA5135');
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
INSERT INTO "freehold_schema" VALUES(1,1796035955314025);
INSERT INTO "freehold_schema" VALUES(2,1796035955314200);
INSERT INTO "freehold_schema" VALUES(3,1796035955314269);
INSERT INTO "freehold_schema" VALUES(4,1796035955314454);
CREATE TABLE freehold_streams (
    category TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (category, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE view_freehold_parked (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
CREATE TABLE view_freehold_paused (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
CREATE TABLE view_freehold_views (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
INSERT INTO "view_freehold_views" VALUES('order_details','{"live":0,"building":null,"retired":[],"parts":1,"first_upto":"01a22c15-c9c6-75fa-b97c-6ce5e4b40ec7@0"}');
INSERT INTO "view_freehold_views" VALUES('order_history','{"live":0,"building":null,"retired":[],"parts":1,"first_upto":"01a22c15-c9c6-75fa-b97c-6ce5e4b40ec7@0"}');
INSERT INTO "view_freehold_views" VALUES('order_summary','{"live":0,"building":null,"retired":[],"parts":1,"first_upto":"01a22c15-c9c6-75fa-b97c-6ce5e4b40ec7@0,01a22c15-ca3b-76d9-98c1-76339c30c8a1@0"}');
INSERT INTO "view_freehold_views" VALUES('revenue','{"live":0,"building":null,"retired":[],"parts":1,"first_upto":"01a22c15-c9c6-75fa-b97c-6ce5e4b40ec7@0"}');
INSERT INTO "view_freehold_views" VALUES('stock','{"live":0,"building":null,"retired":[],"parts":1,"first_upto":"01a22c15-c9ee-7271-85c3-ccfc439a966b@0,01a22c15-ca52-750c-8ea2-25c4d8a4ebd7@0"}');
CREATE TABLE view_order_details (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
INSERT INTO "view_order_details" VALUES('536365','{"customer":{"Number":17850},"created_at":"2010-12-01 08:26:00","lines":[{"code":"85123A","units":6,"price":"2.55","description":"WHITE HANGING HEART T-LIGHT HOLDER"},{"code":"71053","units":6,"price":"3.39","description":"WHITE METAL LANTERN"}],"status":"confirmed"}');
INSERT INTO "view_order_details" VALUES('536366','{"customer":"Guest","created_at":"2010-12-01 08:28:00","lines":[{"code":"22633","units":101,"price":"1.85","description":"HAND WARMER, UNION JACK"}],"status":"out_of_stock"}');
INSERT INTO "view_order_details" VALUES('536367','{"customer":{"Number":13047},"created_at":"2010-12-01 08:34:00","lines":[{"code":"84879","units":90,"price":"16.9","description":"ASSORTED COLOUR BIRD ORNAMENT"}],"status":"payment_declined"}');
INSERT INTO "view_order_details" VALUES('536369','{"customer":{"Number":13047},"created_at":"2010-12-01 09:03:00","lines":[],"status":"rejected"}');
INSERT INTO "view_order_details" VALUES('536370','{"customer":{"Number":12583},"created_at":"2010-12-01 09:15:00","lines":[{"code":"22728","units":24,"price":"3.75","description":"Wecker „Bakelit“"}],"status":"confirmed"}');
INSERT INTO "view_order_details" VALUES('536371','{"customer":"Guest","created_at":"2010-12-01 09:41:00","lines":[{"code":"22086","units":80,"price":"0.05","description":"PAPER CHAIN KIT 50''S CHRISTMAS"}],"status":"confirmed"}');
INSERT INTO "view_order_details" VALUES('536372','{"customer":{"Number":13047},"created_at":"2010-12-02 09:01:00","lines":[{"code":"22632","units":6,"price":"100","description":"HAND WARMER RED POLKA DOT"}],"status":"payment_declined"}');
INSERT INTO "view_order_details" VALUES('C536368','{"customer":{"Number":17850},"created_at":"2010-12-01 09:02:00","lines":[{"code":"85123A","units":1,"price":"2.55","description":"WHITE HANGING HEART T-LIGHT HOLDER"}],"status":"returned"}');
CREATE TABLE view_order_history (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
INSERT INTO "view_order_history" VALUES('12583/00000000000000000046','{"at":"2026-11-30T10:52:35.778004Z","order":"536370","status":"pending","amount":"90","note":null}');
INSERT INTO "view_order_history" VALUES('12583/00000000000000000052','{"at":"2026-11-30T10:52:35.829132Z","order":"536370","status":"confirmed","amount":"90","note":null}');
INSERT INTO "view_order_history" VALUES('13047/00000000000000000024','{"at":"2026-11-30T10:52:35.613539Z","order":"536367","status":"pending","amount":"1521","note":null}');
INSERT INTO "view_order_history" VALUES('13047/00000000000000000032','{"at":"2026-11-30T10:52:35.692240Z","order":"536367","status":"payment_declined","amount":null,"note":null}');
INSERT INTO "view_order_history" VALUES('13047/00000000000000000043','{"at":"2026-11-30T10:52:35.769021Z","order":"536369","status":"rejected","amount":null,"note":"line 1 has a quantity that is not above zero"}');
INSERT INTO "view_order_history" VALUES('13047/00000000000000000070','{"at":"2026-11-30T10:52:35.948905Z","order":"536372","status":"pending","amount":"600","note":null}');
INSERT INTO "view_order_history" VALUES('13047/00000000000000000078','{"at":"2026-11-30T10:52:36.019231Z","order":"536372","status":"payment_declined","amount":null,"note":null}');
INSERT INTO "view_order_history" VALUES('17850/00000000000000000003','{"at":"2026-11-30T10:52:35.429353Z","order":"536365","status":"pending","amount":"35.64","note":null}');
INSERT INTO "view_order_history" VALUES('17850/00000000000000000009','{"at":"2026-11-30T10:52:35.520366Z","order":"536365","status":"confirmed","amount":"35.64","note":null}');
INSERT INTO "view_order_history" VALUES('17850/00000000000000000035','{"at":"2026-11-30T10:52:35.706311Z","order":"C536368","status":"returning","amount":"2.55","note":null}');
INSERT INTO "view_order_history" VALUES('17850/00000000000000000042','{"at":"2026-11-30T10:52:35.751982Z","order":"C536368","status":"returned","amount":"2.55","note":null}');
INSERT INTO "view_order_history" VALUES('guest/00000000000000000016','{"at":"2026-11-30T10:52:35.570687Z","order":"536366","status":"pending","amount":"186.85","note":null}');
INSERT INTO "view_order_history" VALUES('guest/00000000000000000021','{"at":"2026-11-30T10:52:35.589730Z","order":"536366","status":"out_of_stock","amount":null,"note":null}');
INSERT INTO "view_order_history" VALUES('guest/00000000000000000059','{"at":"2026-11-30T10:52:35.868836Z","order":"536371","status":"pending","amount":"4","note":null}');
INSERT INTO "view_order_history" VALUES('guest/00000000000000000064','{"at":"2026-11-30T10:52:35.904308Z","order":"536371","status":"confirmed","amount":"4","note":null}');
CREATE TABLE view_order_summary (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
INSERT INTO "view_order_summary" VALUES('12583','{"customer":{"name":"Customer 12583","email":"c12583@example.invalid"}}');
INSERT INTO "view_order_summary" VALUES('12583/536370','{"order":{"order":"536370","customer_name":"Customer 12583","customer_email":"c12583@example.invalid","item_count":24,"total":"90","status":"confirmed","created_at":"2010-12-01 09:15:00"}}');
INSERT INTO "view_order_summary" VALUES('13047','{"customer":{"name":"Customer 13047","email":"c13047@example.invalid"}}');
INSERT INTO "view_order_summary" VALUES('13047/536367','{"order":{"order":"536367","customer_name":"Customer 13047","customer_email":"c13047@example.invalid","item_count":90,"total":"1521","status":"payment_declined","created_at":"2010-12-01 08:34:00"}}');
INSERT INTO "view_order_summary" VALUES('13047/536369','{"order":{"order":"536369","customer_name":"Customer 13047","customer_email":"c13047@example.invalid","item_count":0,"total":"0","status":"rejected","created_at":"2010-12-01 09:03:00"}}');
INSERT INTO "view_order_summary" VALUES('13047/536372','{"order":{"order":"536372","customer_name":"Customer 13047","customer_email":"c13047@example.invalid","item_count":6,"total":"600","status":"payment_declined","created_at":"2010-12-02 09:01:00"}}');
INSERT INTO "view_order_summary" VALUES('17850','{"customer":{"name":"Customer 17850","email":"c17850@example.invalid"}}');
INSERT INTO "view_order_summary" VALUES('17850/536365','{"order":{"order":"536365","customer_name":"Customer 17850","customer_email":"c17850@example.invalid","item_count":12,"total":"35.64","status":"confirmed","created_at":"2010-12-01 08:26:00"}}');
INSERT INTO "view_order_summary" VALUES('17850/C536368','{"order":{"order":"C536368","customer_name":"Customer 17850","customer_email":"c17850@example.invalid","item_count":1,"total":"2.55","status":"returned","created_at":"2010-12-01 09:02:00"}}');
INSERT INTO "view_order_summary" VALUES('guest/536366','{"order":{"order":"536366","customer_name":null,"customer_email":null,"item_count":101,"total":"186.85","status":"out_of_stock","created_at":"2010-12-01 08:28:00"}}');
INSERT INTO "view_order_summary" VALUES('guest/536371','{"order":{"order":"536371","customer_name":null,"customer_email":null,"item_count":80,"total":"4","status":"confirmed","created_at":"2010-12-01 09:41:00"}}');
CREATE TABLE view_revenue (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
INSERT INTO "view_revenue" VALUES('2010-12-01/EIRE','{"day":"2010-12-01","country":"EIRE","orders":1,"revenue":"4","returns":0,"refunded":"0"}');
INSERT INTO "view_revenue" VALUES('2010-12-01/Germany','{"day":"2010-12-01","country":"Germany","orders":1,"revenue":"90","returns":0,"refunded":"0"}');
INSERT INTO "view_revenue" VALUES('2010-12-01/United Kingdom','{"day":"2010-12-01","country":"United Kingdom","orders":1,"revenue":"35.64","returns":1,"refunded":"2.55"}');
CREATE TABLE view_stock (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID;
INSERT INTO "view_stock" VALUES('22086','{"description":"PAPER CHAIN KIT 50''S CHRISTMAS","price":"0.05","is_stocked":true,"available":20,"reserved":0,"sold":80,"restocked":0}');
INSERT INTO "view_stock" VALUES('22632','{"description":"HAND WARMER RED POLKA DOT","price":"100","is_stocked":true,"available":100,"reserved":0,"sold":0,"restocked":0}');
INSERT INTO "view_stock" VALUES('22633','{"description":"HAND WARMER, UNION JACK","price":"1.85","is_stocked":true,"available":100,"reserved":0,"sold":0,"restocked":0}');
INSERT INTO "view_stock" VALUES('22728','{"description":"Wecker „Bakelit“","price":"3.75","is_stocked":true,"available":76,"reserved":0,"sold":24,"restocked":0}');
INSERT INTO "view_stock" VALUES('71053','{"description":"WHITE METAL LANTERN","price":"3.39","is_stocked":true,"available":94,"reserved":0,"sold":6,"restocked":0}');
INSERT INTO "view_stock" VALUES('84879','{"description":"ASSORTED COLOUR BIRD ORNAMENT","price":"16.9","is_stocked":true,"available":100,"reserved":0,"sold":0,"restocked":0}');
INSERT INTO "view_stock" VALUES('85123A','{"description":"WHITE HANGING HEART T-LIGHT HOLDER","price":"2.55","is_stocked":true,"available":95,"reserved":0,"sold":6,"restocked":1}');
CREATE INDEX freehold_events_category ON freehold_events (category);
CREATE INDEX freehold_outbox_later_due ON freehold_outbox_later (due);
DELETE FROM "sqlite_sequence";
COMMIT;
