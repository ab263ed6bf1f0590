//! Replies that never come, and statements that are lost on their way.

use freehold::backend::postgres::sqlx::Executor;
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{Commit, CommitError, EventStoreExt, ExpectedVersion, Store, StreamVersion};

use crate::proxy::{Cut, Proxy};
use crate::server::{Schemas, event, one, pool, stream};
use crate::sum::{sum, summed};

/// How many replies are lost; and half as many statements.
const REPLIES: u128 = 200;

/// The connection is lost around each commit, after the server had replied or before it heard of it. Each is answered as
/// done, and is there once.
#[tokio::test]
async fn a_commit_whose_connection_is_lost_happens_once() {
    let schemas = Schemas::new();
    let proxy = Proxy::start().await;
    // Nothing but the commits goes through the proxy.
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let store = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    let mut replies = 0;
    for n in 1..=REPLIES * 3 / 2 {
        let is_reply = n % 3 != 0;
        replies += u128::from(is_reply);
        proxy.cut(if is_reply { Cut::Reply } else { Cut::Statement });
        let committed = store.commit(one(n, "a")).await.unwrap();
        assert!(!proxy.is_armed(), "nothing was cut");
        assert_eq!(committed.is_duplicate(), is_reply, "the second try finds the first");
        assert_eq!(committed.version_of(&stream("a")), Some(StreamVersion::new(n as u64)));
    }
    assert_eq!(replies, REPLIES);
    assert_eq!(all_ids(&store).await, (1..=REPLIES * 3 / 2).collect::<Vec<_>>());
}

/// The numbers of all events of the stream that the tests write, in their order.
async fn all_ids(store: &PostgresStore) -> Vec<u128> {
    let events = store.read_tail(&stream("a"), StreamVersion::NONE).await.unwrap();
    events.iter().map(|event| event.id().as_uuid().as_u128()).collect()
}

#[tokio::test]
async fn a_stale_commit_whose_connection_is_lost_is_a_conflict_and_writes_nothing() {
    let schemas = Schemas::new();
    let proxy = Proxy::start().await;
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let store = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    let _ = store.commit(one(1, "a")).await.unwrap();
    for n in 2..22 {
        proxy.cut(if n % 2 == 0 { Cut::Statement } else { Cut::Reply });
        let stale = Commit::new().append(&stream("a"), ExpectedVersion::NoStream, [event(n)]);
        let refused = store.commit(stale).await.unwrap_err();
        assert!(!proxy.is_armed(), "nothing was cut");
        let CommitError::Conflict(conflict) = refused else { panic!("{refused:?}") };
        assert_eq!(conflict.actual(), StreamVersion::new(1));
    }
    assert_eq!(all_ids(&store).await, [1]);
}

#[tokio::test]
async fn a_server_that_stays_away_leaves_the_outcome_unknown_until_the_same_commit_finds_it() {
    let schemas = Schemas::new();
    let proxy = Proxy::start().await;
    let options =
        PostgresOptions { notify_interval: None, retries_max: 2, ..schemas.options("log") };
    let store = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    for n in 1..=6 {
        let is_reply = n % 2 == 1;
        proxy.cut_and_stay_away(if is_reply { Cut::Reply } else { Cut::Statement });
        let answer = store.commit(one(n, "a")).await;
        proxy.come_back();
        let error = answer.unwrap_err();
        assert!(matches!(error, CommitError::Unknown(_)) && error.is_transient(), "{error:?}");
        let committed = store.commit(one(n, "a")).await.unwrap();
        assert_eq!(committed.is_duplicate(), is_reply);
        assert_eq!(committed.version_of(&stream("a")), Some(StreamVersion::new(n as u64)));
    }
    assert_eq!(all_ids(&store).await, [1, 2, 3, 4, 5, 6]);
}

/// A commit that is folded is a transaction of several statements, whose end has a reply of its own.
#[tokio::test]
async fn a_folded_commit_whose_end_is_lost_happens_once() {
    let schemas = Schemas::new();
    let proxy = Proxy::start().await;
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let store = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    let view = summed(&store).await;
    for n in 1..=60 {
        let cut = [Cut::Commit, Cut::CommitReply, Cut::Statement][n as usize % 3];
        proxy.cut(cut);
        let committed = store.commit(one(n, "a")).await.unwrap();
        assert!(!proxy.is_armed(), "nothing was cut");
        assert_eq!(committed.is_duplicate(), cut == Cut::CommitReply);
    }
    assert_eq!(all_ids(&store).await, (1..=60).collect::<Vec<_>>());
    assert_eq!(sum(&view).await, (1..=60_u64).sum::<u64>(), "each is folded once");
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
