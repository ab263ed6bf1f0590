//! Leases in PostgreSQL, raced: whoever is fenced has written nothing, whoever is granted has nobody beside him.

use std::time::Duration;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    Claim, Commit, CommitError, Epoch, Fault, Lease, Leases, Position, RowStore, Store,
};

use crate::server::{
    Schemas, advance, all_rows, granted, job, owner, pid, pool, put, shown, wait_for,
};

const LONG: Duration = Duration::from_mins(10);

async fn prepared(schemas: &Schemas) -> (PostgresStore, PgPool) {
    let store = schemas.store("log").await;
    store.prepare(&shown()).await.unwrap();
    let (pool, schema) = (pool(3).await, schemas.name("log"));
    let create = format!("CREATE TABLE {}.mine (n int)", schema.as_str());
    pool.execute(AssertSqlSafe(create)).await.unwrap();
    (store, pool)
}

fn insert(schemas: &Schemas) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("INSERT INTO {}.mine VALUES (1)", schemas.name("log").as_str()))
}

async fn mine(schemas: &Schemas, pool: &PgPool) -> i64 {
    let count = format!("SELECT count(*) FROM {}.mine", schemas.name("log").as_str());
    sqlx::query(AssertSqlSafe(count)).fetch_one(pool).await.unwrap().get(0)
}

#[tokio::test]
async fn own_tables_and_a_checkpoint_move_together_and_a_fence_leaves_the_transaction_alive() {
    let schemas = Schemas::new();
    let (store, pool) = prepared(&schemas).await;
    let old = granted(&store, owner(1), LONG).await;
    let commit = |from, to| Commit::new().advance(advance(&store, &old, from, to));

    let mut tx = pool.begin().await.unwrap();
    tx.execute(insert(&schemas)).await.unwrap();
    let _ = store.commit_in(&mut tx, commit(0, 5).rows([put("a", "1")])).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    tx.execute(insert(&schemas)).await.unwrap();
    let staged = store.commit_in(&mut tx, commit(0, 5)).await.unwrap();
    let again = store.commit_in(&mut tx, commit(0, 5)).await.unwrap();
    assert!(again.is_duplicate());
    tx.commit().await.unwrap();
    assert!(!staged.committed().is_duplicate());
    assert_eq!(mine(&schemas, &pool).await, 1);
    assert!(all_rows(&store).await.is_empty());

    let new = granted(&store, owner(1), LONG).await;
    let mut tx = pool.begin().await.unwrap();
    let fenced = store.commit_in(&mut tx, commit(5, 6).rows([put("a", "1")])).await.unwrap_err();
    let CommitError::Fenced(fenced) = fenced else { panic!("{fenced:?}") };
    assert_eq!((fenced.epoch_held, fenced.epoch), (old.epoch(), new.epoch()));
    assert_eq!(
        (fenced.checkpoint_expected, fenced.checkpoint),
        (Position::new(5), Position::new(5))
    );
    tx.execute(insert(&schemas)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(mine(&schemas, &pool).await, 2, "the transaction lives on");
    let state = store.lease(&job()).await.unwrap();
    assert_eq!(
        (state.epoch, state.checkpoint(store.identity())),
        (Epoch::new(2), Position::new(5))
    );
    assert!(all_rows(&store).await.is_empty());
}

#[tokio::test]
async fn a_claim_waits_for_a_commit_that_is_under_way() {
    let schemas = Schemas::new();
    let (store, pool) = prepared(&schemas).await;
    // It has expired, and nobody has claimed it.
    let old = granted(&store, owner(1), Duration::ZERO).await;
    let mut tx = pool.begin().await.unwrap();
    let commit = Commit::new().advance(advance(&store, &old, 0, 5));
    let staged = store.commit_in(&mut tx, commit).await.unwrap();
    let claim = tokio::spawn({
        let store = store.clone();
        async move { granted(&store, owner(2), LONG).await }
    });
    // Whoever panicked here would leave the transaction open, and its schema could not be dropped.
    let waited = wait_for(pid(&mut tx).await, 1).await;
    tx.commit().await.unwrap();
    assert!(waited, "the claim did not wait");
    let _ = staged.committed();
    let new = claim.await.unwrap();
    assert!(new.epoch() > old.epoch());
    let state = store.lease(&job()).await.unwrap();
    assert_eq!(state.checkpoint(store.identity()), Position::new(5), "the new owner sees it");
    let late = Commit::new().rows([put("a", "1")]).advance(advance(&store, &old, 5, 6));
    let late = store.commit(late).await.unwrap_err();
    assert!(matches!(late, CommitError::Fenced(_)), "{late:?}");
}

#[tokio::test]
async fn a_commit_waits_for_a_claim_that_is_under_way_and_is_fenced() {
    let schemas = Schemas::new();
    let (store, pool) = prepared(&schemas).await;
    let old = granted(&store, owner(1), LONG).await;
    let mut tx = pool.begin().await.unwrap();
    let claim = "SELECT granted FROM {s}.claim('shown', '00000000-0000-0000-0000-000000000001', 1000000, '0')";
    let claim = AssertSqlSafe(claim.replace("{s}", schemas.name("log").as_str()));
    tx.execute(claim).await.unwrap();
    let commit = tokio::spawn({
        let (store, commit) = (store.clone(), Commit::new().advance(advance(&store, &old, 0, 5)));
        async move { store.commit(commit.rows([put("a", "1")])).await }
    });
    let waited = wait_for(pid(&mut tx).await, 1).await;
    tx.commit().await.unwrap();
    assert!(waited, "the commit did not wait");
    let fenced = commit.await.unwrap().unwrap_err();
    assert!(matches!(fenced, CommitError::Fenced(_)), "{fenced:?}");
    assert!(all_rows(&store).await.is_empty());
    assert!(store.lease(&job()).await.unwrap().checkpoints.is_empty());
}

/// The number of grants of a lease that was never granted is none, and nobody holds it by that.
#[tokio::test]
async fn a_lease_that_was_never_granted_moves_nothing() {
    let schemas = Schemas::new();
    let (store, _) = prepared(&schemas).await;
    let never = Lease::new(job(), Epoch::NONE);
    let commit = Commit::new().rows([put("a", "1")]).advance(advance(&store, &never, 0, 1));
    let fenced = store.commit(commit).await.unwrap_err();
    assert!(matches!(fenced, CommitError::Fenced(_)), "{fenced:?}");
    assert!(all_rows(&store).await.is_empty());
}

/// Two under one epoch, as after a restart that forgot the first: one of them moves the checkpoint.
#[tokio::test]
async fn two_commits_from_one_checkpoint_do_not_both_happen() {
    let schemas = Schemas::new();
    let (store, _) = prepared(&schemas).await;
    let others: Vec<_> = [schemas.store("log").await, schemas.store("log").await].into();
    let lease = granted(&store, owner(1), LONG).await;
    for n in 0..30 {
        let commits = others.iter().zip([1, 2]).map(|(other, more)| {
            let commit = Commit::new().advance(advance(&store, &lease, n * 10, n * 10 + more));
            other.commit(commit.rows([put(&format!("{n}-{more}"), "1")]))
        });
        let answers = futures::future::join_all(commits).await;
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(done, 1, "{answers:?}");
        let at = store.lease(&job()).await.unwrap().checkpoint(store.identity()).get();
        let align = Commit::new().advance(advance(&store, &lease, at, n * 10 + 10));
        let _ = store.commit(align).await.unwrap();
    }
    assert_eq!(all_rows(&store).await.len(), 30);
}

#[tokio::test]
async fn of_many_who_claim_at_once_one_is_granted_and_epochs_only_grow() {
    let schemas = Schemas::new();
    let (store, _) = prepared(&schemas).await;
    let mut newest = Epoch::NONE;
    for _ in 0..10 {
        let claims = (1..=8).map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.claim(&job(), owner(n), LONG).await.unwrap() })
        });
        let mut granted = Vec::new();
        for claim in futures::future::join_all(claims).await {
            match claim.unwrap() {
                Claim::Granted(lease) => granted.push(lease),
                Claim::Held { expires_in, .. } => {
                    assert!(expires_in <= LONG && expires_in > LONG / 2, "{expires_in:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        let [lease] = &granted[..] else { panic!("{granted:?}") };
        assert!(lease.epoch() > newest);
        newest = lease.epoch();
        store.release(lease).await.unwrap();
    }
}

/// A transaction that has the lease and does not end: whoever wants it is told, and does not wait for ever.
#[tokio::test]
async fn a_lease_that_somebody_holds_locked_is_busy() {
    let schemas = Schemas::new();
    let (store, pool) = prepared(&schemas).await;
    let options =
        PostgresOptions { lock_timeout: Duration::from_millis(20), ..schemas.options("log") };
    let lease = granted(&store, owner(1), LONG).await;
    let impatient = PostgresStore::open_with(pool.clone(), options).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    let commit = Commit::new().advance(advance(&store, &lease, 0, 5));
    let _ = store.commit_in(&mut tx, commit).await.unwrap();
    let asked = async {
        [
            impatient.claim(&job(), owner(1), LONG).await.err(),
            impatient.renew(&lease, LONG).await.err(),
            impatient.release(&lease).await.err(),
        ]
    };
    let asked = tokio::time::timeout(Duration::from_secs(20), asked).await;
    tx.rollback().await.unwrap();
    let told = asked.expect("they wait for ever").map(|error| error.map(|error| error.fault()));
    assert_eq!(told, [Some(Fault::Busy); 3]);
    assert!(impatient.renew(&lease, LONG).await.unwrap());
}

/// The driver can leave a connection of the pool within a transaction of the user's. A lease that is granted over it would
/// be granted again, under the same epoch.
#[tokio::test]
async fn a_connection_that_was_left_within_a_transaction_takes_no_lease_down() {
    let schemas = Schemas::new();
    let pool = pool(1).await;
    let store = PostgresStore::open_with(pool.clone(), schemas.options("log")).await.unwrap();
    let left = async || {
        pool.acquire().await.unwrap().execute("BEGIN").await.unwrap();
    };
    left().await;
    let lease = granted(&store, owner(1), LONG).await;
    left().await;
    store.prepare(&shown()).await.unwrap();
    left().await;
    assert!(store.renew(&lease, LONG).await.unwrap());
    pool.close().await;
    let elsewhere = schemas.store("log").await;
    let state = elsewhere.lease(&job()).await.unwrap();
    assert_eq!((state.holder, state.epoch), (Some(owner(1)), lease.epoch()));
    assert!(all_rows(&elsewhere).await.is_empty(), "it is prepared");
}

/// PostgreSQL's own times end; a lease may not be granted for longer than they go.
#[tokio::test]
async fn a_lease_for_ever_is_a_long_lease() {
    let schemas = Schemas::new();
    let (store, _) = prepared(&schemas).await;
    let lease = granted(&store, owner(1), Duration::MAX).await;
    assert!(store.renew(&lease, Duration::MAX).await.unwrap());
    let held = store.claim(&job(), owner(2), LONG).await.unwrap();
    assert!(matches!(held, Claim::Held { by, expires_in } if by == owner(1) && expires_in > LONG));
}
