//! The outbox on PostgreSQL: draining it into a broker, and sending in a transaction of one's own and by groups. Needs
//! `DATABASE_URL`.

use std::time::{Duration, Instant};

use crate::harness::{Bar, interleave, median, rate, timed};
use crate::postgres::{Log, Uuid, url};
use freehold::backend::memory::MemoryBroker;
use freehold::backend::postgres::Staged;
use freehold::backend::postgres::sqlx::{self, Connection, Executor, PgConnection, Row, SqlStr};
use freehold::outbox::{Relay, RelayOptions};
use freehold::{
    Commit, Deliveries, Envelope, LeaseName, MessageId, MessageType, OrderingKey, Settle, Source,
    Store,
};

/// Enough that it counts little that a relay begins with a lease, its marks and what is parked, some fifteen statements.
const MESSAGES: usize = 200_000;
const KEYS: usize = 1_000;
const PAGE: i64 = 1_000;
const TASKS: usize = 64;
const SENT: usize = 200;
const CONNECTIONS: usize = 16;
const IDLE: usize = 200;
const IDLE_BAR: Duration = Duration::from_millis(5);
const PAYLOAD: &str =
    r#"{"cents":1250,"by":"alice@example.org","reference":"invoice 1, paid by transfer"}"#;

pub(crate) fn run() -> bool {
    let Some(url) = url("outbox") else { return false };
    drain(&url) & enqueue(&url) & grouped(&url) & idle(&url)
}

/// A message of one of a thousand keys.
pub(crate) fn envelope(nth: usize) -> Envelope {
    let id = MessageId::new(uuid::Uuid::now_v7());
    let key = OrderingKey::new(&format!("key-{}", nth % KEYS)).unwrap();
    Envelope::new(id, MessageType::new("bench.said.v1").unwrap(), key, PAYLOAD)
}

/// A log whose outbox holds `messages`.
pub(crate) fn filled(url: &str, messages: usize) -> Log {
    let log = Log::fresh(url, CONNECTIONS);
    log.runtime.block_on(async {
        for first in (0..messages).step_by(1_000) {
            let commit = (first..first + 1_000)
                .fold(Commit::new(), |commit, nth| commit.send(&envelope(nth)));
            log.store.commit(commit).await.unwrap();
        }
    });
    log.run("VACUUM ANALYZE {s}.outbox");
    log
}

/// From the outbox into a broker in memory, against a cursor that reads the same rows and moves a checkpoint for each thousand.
fn drain(url: &str) -> bool {
    let log = filled(url, MESSAGES);
    log.run("CREATE TABLE {s}.cursor (at bigint NOT NULL); INSERT INTO {s}.cursor VALUES (0)");
    let mut nth = 0;
    let mut relay = || {
        nth += 1;
        relayed(&log, nth)
    };
    let rates = interleave(&mut [&mut relay, &mut || cursor(&log)]);
    let what = "outbox_drain: a relay into a broker in memory, 200,000 messages of 1,000 keys";
    let floor = "a bare cursor of 1,000 rows";
    let quiet = Bar { what, floor, at_least: 0.8, unit: "messages/s" }.judge(&rates[0], &rates[1]);
    quiet & disturbed(url, &log)
}

fn relayed(log: &Log, nth: usize) -> f64 {
    let name = LeaseName::new(&format!("relay_{nth}")).unwrap();
    let options = RelayOptions { batch_messages_max: 1_000, ..RelayOptions::default() };
    log.runtime.block_on(async {
        let broker = MemoryBroker::new();
        let began = Instant::now();
        let relay = Relay::new(name, Source::new("/bench").unwrap(), log.store.clone())
            .publish_to(broker.clone())
            .options(options)
            .start();
        relay.drained().await.unwrap();
        let rate = rate(MESSAGES, began.elapsed());
        assert_eq!(broker.messages().len(), MESSAGES);
        relay.stop().await;
        rate
    })
}

/// Like every reader that knows only the largest position it saw, it would lose messages if others wrote meanwhile.
fn cursor(log: &Log) -> f64 {
    let read = log.sql(
        "SELECT position, message_id, ordering_key, type, envelope::text, recorded_at FROM {s}.outbox
         WHERE position > $1 ORDER BY position LIMIT $2",
    );
    let moved = log.sql("UPDATE {s}.cursor SET at = $1");
    timed(MESSAGES, || {
        log.runtime.block_on(async {
            let (mut after, mut all) = (0_i64, Vec::with_capacity(MESSAGES));
            loop {
                let select = sqlx::query(read.clone()).bind(after).bind(PAGE);
                let rows = select.fetch_all(&log.pool).await.unwrap();
                let Some(last) = rows.last() else { break };
                after = last.get(0);
                for row in &rows {
                    let _: (Uuid, &str, &str) = (row.get(1), row.get(2), row.get(3));
                    all.push(Envelope::stored(&row.get::<String, _>(4).into()).unwrap());
                }
                sqlx::query(moved.clone()).bind(after).execute(&log.pool).await.unwrap();
            }
            assert_eq!(all.len(), MESSAGES);
        });
    })
}

/// The same with a stranger's transaction open, and with 500,000 dead rows in the database.
fn disturbed(url: &str, log: &Log) -> bool {
    log.run(
        "CREATE TABLE {s}.dead (n int); INSERT INTO {s}.dead SELECT generate_series(1, 500000)",
    );
    let mut stranger = log.runtime.block_on(async {
        let mut stranger = PgConnection::connect(url).await.unwrap();
        // It has a transaction id, and a snapshot that keeps everything that dies from now on.
        stranger.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        stranger.execute("SELECT txid_current()").await.unwrap();
        stranger
    });
    log.run("DELETE FROM {s}.dead");
    let mut nth = 1_000;
    let mut relay = || {
        nth += 1;
        relayed(log, nth)
    };
    let rates = interleave(&mut [&mut relay, &mut || cursor(log)]);
    log.runtime.block_on(async { stranger.execute("ROLLBACK").await.unwrap() });
    let what = "outbox_drain: the same, a stranger's transaction open and 500,000 dead rows";
    let floor = "the same cursor";
    Bar { what, floor, at_least: 0.8, unit: "messages/s" }.judge(&rates[0], &rates[1])
}

/// A message in a transaction of one's own, against the same transaction without it.
///
/// The transaction is one that places an order of three lines, as tuned as a service would have it, by four statements: it reads
/// the customer, inserts the order, inserts its lines by one statement, and takes them from the stock by another. A single insert
/// would tell what a statement costs beside one statement, and nobody's business is that.
fn enqueue(url: &str) -> bool {
    let log = Log::fresh(url, CONNECTIONS);
    log.run(
        "CREATE TABLE {s}.customers (id bigint PRIMARY KEY, name text NOT NULL, credit bigint NOT NULL);
         INSERT INTO {s}.customers SELECT n, 'alice@example.org', 100000 FROM generate_series(0, 999) AS n;
         CREATE TABLE {s}.stock (product bigint PRIMARY KEY, pieces bigint NOT NULL) WITH (fillfactor = 50);
         INSERT INTO {s}.stock SELECT n, 1000000 FROM generate_series(0, 999) AS n;
         CREATE TABLE {s}.orders (id uuid PRIMARY KEY, customer bigint NOT NULL, cents bigint NOT NULL);
         CREATE TABLE {s}.lines (of_order uuid NOT NULL, product bigint NOT NULL, pieces bigint NOT NULL,
                                 PRIMARY KEY (of_order, product))",
    );
    log.run("VACUUM ANALYZE {s}.stock");
    let statements = Business::of(&log);
    let mut ours = || business(&log, &statements, true);
    let rates = interleave(&mut [&mut ours, &mut || business(&log, &statements, false)]);
    let what =
        "outbox_enqueue: an order of three lines by four statements, and a message, 16 tasks";
    let floor = "the same transaction without the message";
    Bar { what, floor, at_least: 0.9, unit: "transactions/s" }.judge(&rates[0], &rates[1])
}

/// The statements that place an order.
#[derive(Clone)]
struct Business {
    customer: SqlStr,
    order: SqlStr,
    lines: SqlStr,
    stock: SqlStr,
}

impl Business {
    fn of(log: &Log) -> Self {
        Self {
            customer: log.sql("SELECT credit FROM {s}.customers WHERE id = $1"),
            order: log.sql("INSERT INTO {s}.orders VALUES ($1, $2, $3)"),
            lines: log.sql("INSERT INTO {s}.lines SELECT $1, p, 1 FROM unnest($2) AS p"),
            stock: log.sql("UPDATE {s}.stock SET pieces = pieces - 1 WHERE product = ANY ($1)"),
        }
    }

    /// Places an order of products that no other task sells: what is measured is not how tasks wait for each other.
    async fn place(&self, conn: &mut PgConnection, task: usize, nth: usize) {
        let id = Uuid(uuid::Uuid::now_v7());
        let customer = ((task * 61 + nth) % 1_000) as i64;
        let first = task * 60 + nth % 20 * 3;
        let products: Vec<i64> = (first..first + 3).map(|product| product as i64).collect();
        let credit = sqlx::query(self.customer.clone()).bind(customer).fetch_one(&mut *conn);
        assert!(credit.await.unwrap().get::<i64, _>(0) > 0);
        let order = sqlx::query(self.order.clone()).bind(id).bind(customer).bind(1_250_i64);
        order.execute(&mut *conn).await.unwrap();
        let lines = sqlx::query(self.lines.clone()).bind(id).bind(products.clone());
        assert_eq!(lines.execute(&mut *conn).await.unwrap().rows_affected(), 3);
        let stock = sqlx::query(self.stock.clone()).bind(products);
        assert_eq!(stock.execute(&mut *conn).await.unwrap().rows_affected(), 3);
    }
}

fn business(log: &Log, statements: &Business, sends: bool) -> f64 {
    log.rate(CONNECTIONS, SENT, |task, range| {
        let (store, pool, statements) = (log.store.clone(), log.pool.clone(), statements.clone());
        async move {
            for nth in range {
                let mut tx = pool.begin().await.unwrap();
                statements.place(&mut tx, task, nth).await;
                let commit = Commit::new().send(&envelope(task + nth));
                let staged = if sends {
                    Some(store.commit_in(&mut tx, commit).await.unwrap())
                } else {
                    None
                };
                tx.commit().await.unwrap();
                staged.map(Staged::committed);
            }
        }
    })
}

/// Messages of 64 tasks that share transactions, against a transaction for each.
fn grouped(url: &str) -> bool {
    let log = Log::fresh(url, CONNECTIONS);
    let insert = log.sql(
        "INSERT INTO {s}.outbox (message_id, ordering_key, type, envelope) VALUES ($1, $2, $3, $4::json)",
    );
    let mut ours = || {
        log.rate(TASKS, SENT, |task, range| {
            let store = log.store.clone();
            async move {
                for nth in range {
                    store.commit(Commit::new().send(&envelope(task + nth))).await.unwrap();
                }
            }
        })
    };
    let mut alone = || {
        log.rate(TASKS, SENT, |task, range| {
            let (pool, insert) = (log.pool.clone(), insert.clone());
            async move {
                for nth in range {
                    let envelope = envelope(task + nth);
                    let stored = String::from_utf8(envelope.to_stored().unwrap()).unwrap();
                    let insert = sqlx::query(insert.clone())
                        .bind(Uuid(envelope.id().as_uuid()))
                        .bind(envelope.key().as_str())
                        .bind(envelope.kind().as_str())
                        .bind(stored);
                    insert.execute(&pool).await.unwrap();
                }
            }
        })
    };
    let rates = interleave(&mut [&mut ours, &mut alone]);
    let what = "outbox_group: one message a commit, 64 tasks";
    let floor = "one transaction a message";
    Bar { what, floor, at_least: 2.5, unit: "messages/s" }.judge(&rates[0], &rates[1])
}

/// From the commit of a message to the broker's answer, where nothing else happens.
fn idle(url: &str) -> bool {
    let log = Log::fresh(url, CONNECTIONS);
    let mut took = log.runtime.block_on(async {
        let broker = MemoryBroker::new();
        let relay = Relay::new(
            LeaseName::new("relay").unwrap(),
            Source::new("/bench").unwrap(),
            log.store.clone(),
        )
        .publish_to(broker.clone())
        .start();
        relay.drained().await.unwrap();
        let deliveries = broker.consumer("bench", []);
        let mut took = Vec::new();
        for nth in 0..IDLE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            log.store.commit(Commit::new().send(&envelope(nth))).await.unwrap();
            let began = Instant::now();
            let delivery = deliveries.receive(1).await.unwrap().remove(0);
            took.push(began.elapsed().as_secs_f64());
            deliveries.settle(delivery.tag, Settle::Done).await.unwrap();
        }
        relay.stop().await;
        took
    });
    let middle = Duration::from_secs_f64(median(&mut took));
    let holds = middle <= IDLE_BAR;
    let word = if holds { "pass" } else { "FAIL" };
    println!(
        "outbox_idle: from the commit to the broker, median {middle:.1?}, bar {IDLE_BAR:?}: {word}"
    );
    holds
}
