//! What waits to be published: sent with commits, moved when it is due, and trimmed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::testkit::ManualClock;
use freehold::{
    Commit, CommitError, Envelope, EventStore, EventStoreExt, ExpectedVersion, FeedPage, InboxKey,
    MessageId, MessageType, OrderingKey, Outbox, Position, RowStore, Store, StreamVersion,
};
use uuid::Uuid;

use crate::errors::{Role, backend_error};
use crate::proxy::{Cut, Proxy};
use crate::server::{
    Schemas, advance, all_rows, event, granted, one, owner, pool, put, shown, stream,
};

pub(crate) fn message(id: u128, key: &str) -> Envelope {
    let kind = MessageType::new("shop.written.v1").unwrap();
    let key = OrderingKey::new(key).unwrap();
    Envelope::json(MessageId::new(Uuid::from_u128(id)), kind, key, &id.to_string()).unwrap()
}

/// A commit of one message, and nothing else.
pub(crate) fn sends(id: u128, key: &str) -> Commit {
    Commit::new().send(&message(id, key))
}

/// A statement of somebody who knows nothing of positions and locks.
pub(crate) fn insert_by_hand(schema: &str, message: &Envelope) -> AssertSqlSafe<String> {
    let stored = String::from_utf8(message.to_stored().unwrap()).unwrap();
    AssertSqlSafe(format!(
        "INSERT INTO {schema}.outbox (message_id, ordering_key, type, envelope)
         VALUES ('{}', '{}', '{}', '{stored}')",
        message.id(),
        message.key(),
        message.kind()
    ))
}

async fn all(store: &PostgresStore) -> FeedPage {
    store.outbox_page(Position::START, usize::MAX).await.unwrap()
}

/// The ids of all messages that can be read.
async fn ids(store: &PostgresStore) -> Vec<u128> {
    all(store).await.events.iter().map(|message| message.id().as_uuid().as_u128()).collect()
}

async fn count(pool: &PgPool, from: &str) -> i64 {
    let count = AssertSqlSafe(format!("SELECT count(*) FROM {from}"));
    sqlx::query(count).fetch_one(pool).await.unwrap().get(0)
}

/// A store whose clock is set by hand.
async fn at(schemas: &Schemas, clock: &ManualClock) -> PostgresStore {
    let options = PostgresOptions { clock: Arc::new(clock.clone()), ..schemas.options("log") };
    PostgresStore::open_with(pool(4).await, options).await.unwrap()
}

fn second(n: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(n, 0).unwrap()
}

/// This is how a service that keeps its state in tables of its own sends.
#[tokio::test]
async fn messages_and_own_rows_become_durable_together_or_not_at_all() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let (pool, schema) = (pool(4).await, schemas.name("log").as_str().to_owned());
    pool.execute(AssertSqlSafe(format!("CREATE TABLE {schema}.orders (id serial)"))).await.unwrap();
    let insert = || AssertSqlSafe(format!("INSERT INTO {schema}.orders DEFAULT VALUES"));

    let mut tx = pool.begin().await.unwrap();
    tx.execute(insert()).await.unwrap();
    let _ = store.commit_in(&mut tx, sends(1, "a")).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(count(&pool, &format!("{schema}.orders")).await, 0);
    assert_eq!(count(&pool, &format!("{schema}.outbox")).await, 0);

    let waiting = store.outbox_changed(Position::START);
    let mut tx = pool.begin().await.unwrap();
    tx.execute(insert()).await.unwrap();
    let staged = store.commit_in(&mut tx, sends(2, "a").send(&message(3, "b"))).await.unwrap();
    let seen_before = ids(&store).await;
    let outbox_holders = count(&pool, &format!("{schema}.outbox_holders")).await;
    let feed_holders = count(&pool, &format!("{schema}.feed_holders")).await;
    tx.commit().await.unwrap();
    // Judged when nothing is open any more that the clearing away would wait for.
    assert_eq!(seen_before, [0; 0], "it is not committed yet");
    assert_eq!((outbox_holders, feed_holders), (1, 0), "events do not wait for it");
    let committed = staged.committed();
    assert_eq!((committed.positions(), committed.versions().len()), (None, 0));
    waiting.await.unwrap();
    assert_eq!(count(&pool, &format!("{schema}.orders")).await, 1);
    let page = all(&store).await;
    assert_eq!(ids(&store).await, [2, 3]);
    assert_eq!(page.upto, store.outbox_head().await.unwrap());
    assert_eq!(Envelope::stored(page.events[1].data()).unwrap(), message(3, "b"));
    assert_eq!(store.head().await.unwrap(), Position::START, "events have a log of their own");
}

#[tokio::test]
async fn of_a_group_the_commits_that_happen_send_and_the_others_do_not() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let key = InboxKey::new("tests", "m").unwrap();
    let _ = store.commit(one(1, "a").inbox(key.clone()).send(&message(1, "a"))).await.unwrap();
    let stale = Commit::new().append(&stream("a"), ExpectedVersion::NoStream, [event(2)]);
    let guarded = Commit::new().check(&stream("b"), ExpectedVersion::StreamExists);
    let group = [
        sends(2, "x"),
        stale.send(&message(3, "x")),
        one(4, "c").send(&message(4, "x")).send(&message(5, "y")),
        guarded.send(&message(6, "x")),
        Commit::new().inbox(key).send(&message(7, "x")),
        sends(8, "x"),
    ];
    // All are in the queue before the first of them is taken from it.
    let answers = futures::future::join_all(group.map(|commit| store.commit(commit))).await;
    let answers: Vec<_> = answers.into_iter().map(|a| a.map(|done| done.is_duplicate())).collect();
    assert!(matches!(
        &*answers,
        [
            Ok(false),
            Err(CommitError::Conflict(_)),
            Ok(false),
            Err(CommitError::Conflict(_)),
            Ok(true),
            Ok(false),
        ]
    ));
    assert_eq!(ids(&store).await, [1, 2, 4, 5, 8]);
    // Nor does the repetition of an event.
    assert!(store.commit(one(4, "c").send(&message(9, "x"))).await.unwrap().is_duplicate());
    assert_eq!(store.outbox_end().await.unwrap(), all(&store).await.events[4].position());
}

#[tokio::test]
async fn messages_go_with_rows_and_an_advance_or_stay_with_them() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    store.prepare(&shown()).await.unwrap();
    let hour = Duration::from_hours(1);
    let lease = granted(&store, owner(1), hour).await;
    let commit = |id, value: &str| sends(id, "a").rows([put("row", value)]);
    let from_start = advance(&store, &lease, 0, 5);
    let _ = store.commit(commit(1, "1").advance(from_start.clone())).await.unwrap();
    let again = store.commit(commit(2, "2").advance(from_start)).await.unwrap();
    assert!(again.is_duplicate());
    let elsewhere = store.commit(commit(3, "3").advance(advance(&store, &lease, 3, 9))).await;
    assert!(matches!(elsewhere, Err(CommitError::Fenced(_))), "{elsewhere:?}");
    let _ = store.commit(commit(4, "4")).await.unwrap();
    assert_eq!(ids(&store).await, [1, 4]);
    assert_eq!(all_rows(&store).await, [("row".to_owned(), "4".to_owned())]);
}

/// A message alone has nothing by which its repetition would be known.
#[tokio::test]
async fn a_message_whose_connection_is_lost_is_unknown_and_never_sent_twice() {
    let schemas = Schemas::new();
    let proxy = Proxy::start().await;
    // Nothing but the commits goes through the proxy.
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let store = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    let reader = schemas.store("log").await;
    let mut wanted = Vec::new();
    for n in 1..=40 {
        let arrives = n % 2 == 0;
        proxy.cut(if arrives { Cut::Reply } else { Cut::Statement });
        // Beside it in the group, one that is known again.
        let with_event = one(n, "a").send(&message(1_000 + n, "a"));
        let (alone, known) = tokio::join!(store.commit(sends(n, "a")), store.commit(with_event));
        assert!(!proxy.is_armed(), "nothing was cut");
        assert!(matches!(alone, Err(CommitError::Unknown(_))), "{alone:?}");
        assert_eq!(known.unwrap().is_duplicate(), arrives);
        wanted.extend(arrives.then_some(n));
        wanted.push(1_000 + n);
    }
    assert_eq!(ids(&reader).await, wanted);
    assert_eq!(reader.version(&stream("a")).await.unwrap(), StreamVersion::new(40));
}

#[tokio::test]
async fn what_is_due_is_moved_once_and_in_order_whoever_asks_for_it() {
    let schemas = Schemas::new();
    let clock = ManualClock::at(second(0));
    let stores = [at(&schemas, &clock).await, at(&schemas, &clock).await];
    // What comes later is due earlier, and three are due at a time.
    for n in 1..=120_i64 {
        let late = message(n as u128, "a").with_delivery_at(second(50 - (n / 3)));
        let _ = stores[0].commit(Commit::new().send(&late)).await.unwrap();
    }
    let far = message(500, "a").with_delivery_at(second(1_000) + TimeDelta::nanoseconds(1));
    let past = message(501, "a").with_delivery_at(second(-1));
    let _ = stores[0].commit(Commit::new().send(&far).send(&past)).await.unwrap();
    assert_eq!(ids(&stores[0]).await, [501], "only what is due");
    assert_eq!(stores[1].outbox_due(9).await.unwrap(), Some(second(10)));

    clock.set(second(1_000));
    let waiting = tokio::spawn({
        let store = stores[0].clone();
        async move { store.outbox_changed(Position::new(1)).await }
    });
    let movers = (0..6).map(|n| {
        let store = stores[n % 2].clone();
        tokio::spawn(async move {
            while store.outbox_due(7).await.unwrap().is_some_and(|next| next <= second(1_000)) {}
        })
    });
    for mover in movers.collect::<Vec<_>>() {
        mover.await.unwrap();
    }
    waiting.await.unwrap().unwrap();
    let mut wanted: Vec<u128> = (1..=120).collect();
    wanted.sort_by_key(|n| (50 - (n / 3), *n));
    wanted.insert(0, 501);
    assert_eq!(ids(&stores[1]).await, wanted);
    // A nanosecond is less than the server's clock knows: it is never too early.
    let next = stores[1].outbox_due(9).await.unwrap();
    assert_eq!(next, Some(second(1_000) + TimeDelta::microseconds(1)));
    assert_eq!(all(&stores[0]).await.events[1].recorded_at(), second(1_000));
}

#[tokio::test]
async fn trimming_all_moves_neither_head_nor_end_and_no_position_comes_again() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    assert_eq!(store.outbox_trim(Position::new(9)).await.unwrap(), 0);
    for n in 1..=5 {
        let _ = store.commit(sends(n, "a")).await.unwrap();
    }
    let head = store.outbox_head().await.unwrap();
    let third = all(&store).await.events[2].position();
    assert_eq!(store.outbox_trim(third).await.unwrap(), 3);
    assert_eq!(ids(&store).await, [4, 5]);
    assert_eq!(store.outbox_trim(Position::new(u64::MAX)).await.unwrap(), 2);
    for store in [store, schemas.store("log").await, schemas.store("log").await] {
        let page = all(&store).await;
        assert_eq!((page.events.len(), page.upto, page.has_more), (0, head, false));
        assert_eq!(store.outbox_head().await.unwrap(), head);
        assert_eq!(store.outbox_end().await.unwrap(), head);
        store.outbox_changed(third).await.unwrap();
    }
    let store = schemas.store("log").await;
    let _ = store.commit(sends(6, "a")).await.unwrap();
    assert!(all(&store).await.events[0].position() > head);
}

/// More than one transaction removes.
#[tokio::test]
async fn a_long_log_is_trimmed_in_several_transactions() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let long = (1..=9_999).fold(Commit::new(), |commit, n| commit.send(&message(n, "a")));
    let _ = store.commit(long).await.unwrap();
    let _ =
        store.commit((10_000..=12_000).fold(Commit::new(), |c, n| c.send(&message(n, "a")))).await;
    assert_eq!(store.outbox_trim(Position::new(11_999)).await.unwrap(), 11_999);
    assert_eq!(ids(&store).await, [12_000]);
}

/// Nobody should: what others may still write is not read yet. It is not lost even so.
#[tokio::test]
async fn trimming_beyond_a_message_that_is_not_committed_yet_does_not_lose_it() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let mut tx = pool(1).await.begin().await.unwrap();
    let staged = store.commit_in(&mut tx, sends(1, "a")).await.unwrap();
    let _ = store.commit(sends(2, "a")).await.unwrap();
    let trimmed = store.outbox_trim(Position::new(u64::MAX)).await.unwrap();
    let other = schemas.store("log").await;
    let mut seen_before = Vec::new();
    for store in [&store, &other] {
        let (head, end) = (store.outbox_head().await.unwrap(), store.outbox_end().await.unwrap());
        seen_before.push([head.get(), end.get(), all(store).await.upto.get()]);
    }
    tx.commit().await.unwrap();
    let _ = staged.committed();
    // Judged when nothing is open any more that the clearing away would wait for.
    assert_eq!((trimmed, seen_before), (1, vec![[0, 2, 0]; 2]));
    for store in [&store, &other, &schemas.store("log").await] {
        assert_eq!(ids(store).await, [1]);
        assert_eq!(store.outbox_head().await.unwrap(), Position::new(2));
    }
}

/// Else what was trimmed would be a gap to it, which that writer might fill.
#[tokio::test]
async fn a_store_that_is_opened_beside_an_open_writer_reads_on_where_the_log_begins() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    for n in 1..=4 {
        let _ = store.commit(sends(n, "a")).await.unwrap();
    }
    let mut tx = pool(1).await.begin().await.unwrap();
    let staged = store.commit_in(&mut tx, sends(6, "a")).await.unwrap();
    let mut seen_before = Vec::new();
    for upto in [3, 4] {
        let trimmed = store.outbox_trim(Position::new(upto)).await.unwrap();
        let other = schemas.store("log").await;
        seen_before.push((trimmed, ids(&other).await, all(&other).await.upto.get()));
    }
    tx.rollback().await.unwrap();
    drop(staged);
    // Judged when nothing is open any more that the clearing away would wait for.
    assert_eq!(seen_before, [(3, vec![4], 4), (1, vec![], 4)]);
}

/// A reader that is not told looks after 2, 4, 8 milliseconds and so on: after 4.1 seconds, and then after 8.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_wakes_those_who_wait_for_messages_at_other_handles() {
    let schemas = Schemas::new();
    let writer = schemas.store("log").await;
    let hour = Duration::from_hours(1);
    let options = PostgresOptions { poll_interval: hour, ..schemas.options("log") };
    let reader = PostgresStore::open_with(pool(2).await, options).await.unwrap();
    let began = Instant::now();
    let waiting = tokio::spawn(async move {
        reader.outbox_changed(Position::START).await.unwrap();
        began.elapsed()
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let _ = writer.commit(sends(1, "a")).await.unwrap();
    let woken_after = waiting.await.unwrap();
    assert!(woken_after < Duration::from_secs(8), "it has found out by itself");
}

#[tokio::test]
async fn a_message_that_was_inserted_by_hand_is_found() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.outbox_changed(Position::START).await }
    });
    let insert = insert_by_hand(schemas.name("log").as_str(), &message(1, "a"));
    pool(1).await.execute(insert).await.unwrap();
    let time_limit = Duration::from_mins(1);
    tokio::time::timeout(time_limit, waiting).await.expect("not found").unwrap().unwrap();
    let page = all(&store).await;
    assert_eq!(Envelope::stored(page.events[0].data()).unwrap(), message(1, "a"));
    assert_eq!(page.events[0].stream().to_string(), "outbox-a");
}

#[tokio::test]
async fn a_role_sends_and_relays_with_the_rights_that_the_guide_names() {
    let schemas = Schemas::new();
    let schema = schemas.name("log").as_str().to_owned();
    drop(schemas.store("log").await);
    let role = Role::new().await;
    let grant = |what: &str| {
        let grant = what.replace("{s}", &schema).replace("{role}", &role.0);
        async move {
            let pool = pool(1).await;
            pool.execute(sqlx::raw_sql(AssertSqlSafe(grant))).await.unwrap();
        }
    };
    grant(
        "GRANT USAGE ON SCHEMA {s} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {s} TO {role}",
    )
    .await;
    let clock = ManualClock::at(second(0));
    let options = PostgresOptions { clock: Arc::new(clock.clone()), ..schemas.options("log") };
    let store = PostgresStore::open_with(role.pool().await, options).await.unwrap();
    let denied = backend_error(store.commit(sends(1, "a")).await);
    assert_eq!(denied.fault(), freehold::Fault::Denied);
    grant("GRANT INSERT ON {s}.outbox, {s}.outbox_later TO {role}; GRANT USAGE ON SEQUENCE {s}.outbox_positions TO {role}").await;
    let soon = message(2, "a").with_delivery_at(second(1));
    let _ = store.commit(sends(1, "a").send(&soon)).await.unwrap();
    assert_eq!(ids(&store).await, [1]);
    assert!(store.outbox_trim(Position::new(1)).await.is_err());
    grant("GRANT DELETE ON {s}.outbox, {s}.outbox_later TO {role}; GRANT UPDATE ON {s}.outbox_trimmed TO {role}").await;
    clock.set(second(1));
    assert_eq!(store.outbox_due(9).await.unwrap(), None);
    assert_eq!(store.outbox_trim(Position::new(2)).await.unwrap(), 2);
    drop(store);
    role.drop_it().await;
}
