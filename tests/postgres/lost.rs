//! Replies that never come, and callers that do not wait for them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::sqlx::{self, Executor, PgPool, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    DedupKey, EventStore, EventStoreExt, Filter, Position, ReadFrom, Store, StreamVersion,
};
use uuid::Uuid;

use crate::proxy::{Cut, Proxy};
use crate::server::{Schemas, event, one, pool, stream, url};

/// The connection is lost around 200 commits, before the server heard of them or after it had replied. Each is
/// answered as done, and is there once.
#[tokio::test]
async fn a_commit_whose_connection_is_lost_happens_once() {
    let schemas = Schemas::new();
    let proxy = Proxy::start().await;
    // Nothing but the commits goes through the proxy.
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let store = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    for n in 1..=200 {
        proxy.cut(if n % 2 == 0 { Cut::Statement } else { Cut::Reply });
        let committed = store.commit(one(n, "a")).await.unwrap();
        assert!(!proxy.is_armed(), "nothing was cut");
        assert_eq!(committed.is_duplicate(), n % 2 == 1, "the second try finds the first");
        assert_eq!(committed.version_of(&stream("a")), Some(StreamVersion::new(n as u64)));
    }
    let events = store.read_tail(&stream("a"), StreamVersion::NONE).await.unwrap();
    let ids: Vec<_> = events.iter().map(freehold::RecordedEvent::id).collect();
    assert_eq!(ids, (1..=200).map(|n| event(n).id()).collect::<Vec<_>>());
}

/// The driver can leave a connection of the pool within a transaction of the user's. A commit over it would be
/// acknowledged, and lost with it.
#[tokio::test]
async fn a_connection_that_was_left_within_a_transaction_takes_no_commit_down() {
    let schemas = Schemas::new();
    let pool = pool(1).await;
    let store = PostgresStore::open_with(pool.clone(), schemas.options("log")).await.unwrap();
    pool.acquire().await.unwrap().execute("BEGIN").await.unwrap();
    let _ = store.commit(one(1, "a")).await.unwrap();
    pool.close().await;
    let elsewhere = schemas.store("log").await;
    assert_eq!(elsewhere.version(&stream("a")).await.unwrap(), StreamVersion::new(1));
}

/// While there is work it stays with the store; when there is none, the pool has all of its connections.
#[tokio::test]
async fn a_connection_goes_back_to_the_pool_when_the_work_is_done() {
    let schemas = Schemas::new();
    let pool = pool(2).await;
    let store = PostgresStore::open_with(pool.clone(), schemas.options("log")).await.unwrap();
    let _ = store.commit(one(1, "a")).await.unwrap();
    let all = futures::future::try_join(pool.acquire(), pool.acquire());
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(10), all).await;
    assert!(in_time.is_ok_and(|all| all.is_ok()));
}

/// A commit in the user's transaction, dropped at each await: after a rollback nothing of it is left, and the connection
/// is as good as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_commit_in_a_transaction_goes_with_it() {
    let schemas = Schemas::new();
    let name = format!("freehold_{}", Uuid::now_v7().simple());
    let pool = named_pool(&name).await;
    let store = PostgresStore::open_with(pool.clone(), schemas.options("log")).await.unwrap();
    // How many polls it takes to its end is for the machine to say: on a busy one, few.
    let (mut polls, mut dropped, mut finished) = (1, 0, 0);
    while dropped < 6 || finished < 3 {
        let mut tx = pool.begin().await.unwrap();
        let has_ended = drop_after(polls, store.commit_in(&mut tx, one(1, "a"))).await;
        tx.rollback().await.unwrap();
        all_is_quiet(&name).await;
        assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::NONE);
        if has_ended {
            (polls, finished) = (1, finished + 1);
        } else {
            (polls, dropped) = (polls + 1, dropped + 1);
        }
    }
    let _ = store.commit(one(1, "a")).await.unwrap();
    let page = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
    assert_eq!(page.events.len(), 1, "the feed goes on");
}

/// Polls a future so many times, and drops it. Between the polls the rest of the world moves on.
async fn drop_after(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        let ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
        if ready {
            return true;
        }
        // What it waits for comes from the server, and takes its time.
        tokio::time::sleep(std::time::Duration::from_micros(300)).await;
    }
    false
}

/// A pool whose sessions can be told from all others.
async fn named_pool(name: &str) -> PgPool {
    let options = url().parse::<PgConnectOptions>().unwrap().application_name(name);
    PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap()
}

/// Waits until no session of that name is within a transaction or holds a lock; for ever if one is left behind.
async fn all_is_quiet(name: &str) {
    let watcher = pool(1).await;
    let busy = "SELECT count(*) FROM pg_stat_activity AS a
                WHERE application_name = $1
                  AND (state LIKE 'idle in transaction%'
                       OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND locktype = 'advisory'))";
    let quiet = async {
        loop {
            let row = sqlx::query(busy).bind(name).fetch_one(&watcher).await.unwrap();
            if row.get::<i64, _>(0) == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let time_limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(time_limit, quiet).await.expect("a transaction is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_futures_leave_no_transaction_and_no_lock_behind() {
    let schemas = Schemas::new();
    let name = format!("freehold_{}", Uuid::now_v7().simple());
    let pool = named_pool(&name).await;
    for polls in 1..30 {
        let options = schemas.options(&format!("open{polls}"));
        drop_after(polls, PostgresStore::open_with(pool.clone(), options)).await;
    }
    all_is_quiet(&name).await;

    let store = PostgresStore::open_with(pool.clone(), schemas.options("log")).await.unwrap();
    let filter = Filter::categories(["account"]).unwrap();
    let mut n = 0;
    for polls in 1..25 {
        for _ in 0..4 {
            n += 1;
            drop_after(polls, store.commit(one(n, "a"))).await;
        }
        drop_after(polls, store.read_stream(&stream("a"), ReadFrom::End, 9)).await;
        drop_after(polls, store.read_all(Position::START, &Filter::all(), 9)).await;
        drop_after(polls, store.read_all(Position::START, &filter, 9)).await;
        drop_after(polls, store.head()).await;
        drop_after(polls, store.changed(Position::new(u64::MAX))).await;
        drop_after(polls, store.outcome(&DedupKey::Event(event(n).id()))).await;
    }
    // Each is there once, whether or not somebody waited for it.
    for n in 1..=n {
        let _ = store.commit(one(n, "a")).await.unwrap();
    }
    assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::new(n as u64));
    all_is_quiet(&name).await;
    // No connection of the pool is in a transaction: what is written now is committed.
    for n in 1_001..1_020 {
        let _ = store.commit(one(n, "b")).await.unwrap();
    }
    let elsewhere = schemas.store("log").await;
    assert_eq!(elsewhere.version(&stream("b")).await.unwrap(), StreamVersion::new(19));
    pool.close().await;
}
