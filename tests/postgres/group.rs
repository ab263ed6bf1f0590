//! Group commit: commits that wait share transactions, each has its own answer, and there are no more sessions than allowed.

use std::time::Duration;

use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{Commit, CommitError, Committed, ExpectedVersion, RowStore, Store, StreamVersion};
use futures::future::join_all;
use uuid::Uuid;

use crate::server::{Schemas, event, one, pool, put, shown, stream, url};

const COMMITS: u128 = 64;
/// The most transactions that so many commits may take, if they wait at the same time.
const TRANSACTIONS_MAX: i64 = 8;

/// How many transactions have written what is in the log.
async fn transactions(schemas: &Schemas) -> i64 {
    let select = "SELECT count(DISTINCT xmin::text) FROM {s}.events";
    let select = AssertSqlSafe(select.replace("{s}", schemas.name("log").as_str()));
    sqlx::query(select).fetch_one(&pool(1).await).await.unwrap().get(0)
}

/// Commits on so many streams, all of which wait at the same time.
async fn commit_all(store: &PostgresStore) -> Vec<Result<Committed, CommitError>> {
    let new = |n: u128| {
        Commit::new().append(&stream(&n.to_string()), ExpectedVersion::NoStream, [event(n)])
    };
    join_all((1..=COMMITS).map(|n| store.commit(new(n)))).await
}

#[tokio::test]
async fn commits_that_wait_share_transactions_unless_a_group_may_hold_but_one() {
    for (group_commits_max, wanted) in
        [(256, 1..=TRANSACTIONS_MAX), (1, COMMITS as i64..=COMMITS as i64)]
    {
        let schemas = Schemas::new();
        let options = PostgresOptions { group_commits_max, ..schemas.options("log") };
        let store = PostgresStore::open_with(pool(5).await, options).await.unwrap();
        let mut positions = Vec::new();
        for (n, answer) in (1..).zip(commit_all(&store).await) {
            let done: Committed = answer.unwrap();
            let to = stream(&u128::to_string(&n));
            assert_eq!(done.version_of(&to), Some(StreamVersion::new(1)), "its own answer");
            positions.push(done.positions().unwrap().end().get());
        }
        positions.sort_unstable();
        assert_eq!(positions, (1..=COMMITS as u64).collect::<Vec<_>>());
        let transactions = transactions(&schemas).await;
        assert!(wanted.contains(&transactions), "{transactions} transactions");
    }
}

#[tokio::test]
async fn a_stale_neighbour_conflicts_alone_and_the_others_still_share_transactions() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let _ = store.commit(one(1_000, "17")).await.unwrap();
    for (n, answer) in (1..).zip(commit_all(&store).await) {
        match answer {
            Ok(_) => assert_ne!(n, 17),
            Err(CommitError::Conflict(conflict)) => {
                assert_eq!((n, conflict.stream()), (17, &stream("17")));
                assert_eq!(conflict.actual(), StreamVersion::new(1));
            }
            Err(other) => panic!("{n}: {other:?}"),
        }
    }
    // One more is that of the event that was there.
    let transactions = transactions(&schemas).await;
    assert!(transactions <= TRANSACTIONS_MAX + 1, "{transactions} transactions");
}

/// How many sessions of that name are at work.
async fn at_work(watcher: &PgPool, name: &str) -> usize {
    let busy =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'";
    sqlx::query(busy).bind(name).fetch_one(watcher).await.unwrap().get::<i64, _>(0) as usize
}

/// Somebody holds all streams, so that every group that begins stays under way: so many there are, and never more, while far
/// more commits wait than they can hold.
#[tokio::test]
async fn there_are_no_more_sessions_than_groups_of_each_kind_are_allowed() {
    const GROUPS_MAX: usize = 3;
    let schemas = Schemas::new();
    let name = format!("freehold_{}", Uuid::now_v7().simple());
    let options = url().parse::<PgConnectOptions>().unwrap().application_name(&name);
    let many = PgPoolOptions::new().max_connections(20).connect_with(options).await.unwrap();
    let options = PostgresOptions {
        groups_max: GROUPS_MAX,
        group_commits_max: 4,
        lock_timeout: Duration::from_mins(1),
        notify_interval: None,
        ..schemas.options("log")
    };
    let store = PostgresStore::open_with(many, options).await.unwrap();
    store.prepare(&shown()).await.unwrap();
    let (watcher, other) = (pool(1).await, pool(1).await);
    let lock = format!("LOCK TABLE {}.streams IN EXCLUSIVE MODE", schemas.name("log").as_str());
    let mut tx = other.begin().await.unwrap();
    tx.execute(AssertSqlSafe(lock)).await.unwrap();
    let waiting = tokio::spawn(async move {
        let plain = (1..=COMMITS).map(|n| one(n, &n.to_string()));
        let apart = (1..=COMMITS)
            .map(|n| one(100 + n, &format!("apart{n}")).rows([put(&n.to_string(), "1")]));
        join_all(apart.chain(plain).map(|commit| store.commit(commit))).await
    });

    let all_begin = async {
        while at_work(&watcher, &name).await < 2 * GROUPS_MAX {
            tokio::task::yield_now().await;
        }
    };
    let have_begun = tokio::time::timeout(Duration::from_secs(20), all_begin).await;
    let mut most = 0;
    for _ in 0..100 {
        most = most.max(at_work(&watcher, &name).await);
    }
    // Whoever panicked before would leave the table locked, and its schema could not be dropped.
    tx.rollback().await.unwrap();
    have_begun.expect("they do not all begin");
    assert_eq!(most, 2 * GROUPS_MAX);
    for answer in waiting.await.unwrap() {
        let _ = answer.unwrap();
    }
}
