//! Leases of a file: on whose clock they expire, and what becomes of those who missed it.

use std::time::Duration;

use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::{Claim, Commit, CommitError, Epoch, EventStore, Fault, Leases, Position, Store};

use super::group::together;
use super::{File, advance, granted, name, one, owner, put, set, transactions};

const LONG: Duration = Duration::from_hours(1);

/// As if the time of all leases were over.
fn expire(file: &File) {
    file.connection().execute_batch("UPDATE freehold_leases SET expires_at = 1").unwrap();
}

async fn epoch(store: &SqliteStore, of: &str) -> u64 {
    store.lease(&name(of)).await.unwrap().epoch.get()
}

#[tokio::test]
async fn a_lease_of_one_process_is_held_against_another_and_told_for_how_long() {
    let file = File::new();
    let (here, there) = (file.store().await, file.store().await);
    granted(&here, "job").await;
    let claim = there.claim(&name("job"), owner(2), LONG).await.unwrap();
    let Claim::Held { by, expires_in } = claim else { panic!("{claim:?}") };
    assert_eq!(by, owner(1));
    assert!((Duration::from_mins(50)..=LONG).contains(&expires_in), "{expires_in:?}");
    assert_eq!(there.lease(&name("job")).await.unwrap().holder, Some(owner(1)));
}

/// It believes that it holds the lease; only the file can tell it that it does not.
#[tokio::test]
async fn a_process_that_was_frozen_beyond_its_lease_is_fenced() {
    let file = File::new();
    let (frozen, awake) = (file.store().await, file.store().await);
    let stale = granted(&frozen, "job").await;
    let _ = frozen.commit(Commit::new().advance(advance(&stale, &frozen, 0, 3))).await.unwrap();
    expire(&file);
    let claim = awake.claim(&name("job"), owner(2), LONG).await.unwrap();
    let Claim::Granted(fresh) = claim else { panic!("{claim:?}") };
    assert_eq!(fresh.epoch(), Epoch::new(2));
    let late = one(1, "a").advance(advance(&stale, &frozen, 3, 4));
    let error = frozen.commit(late).await.unwrap_err();
    let CommitError::Fenced(fenced) = error else { panic!("{error:?}") };
    assert_eq!((fenced.epoch_held, fenced.epoch), (Epoch::new(1), Epoch::new(2)));
    assert_eq!(fenced.checkpoint, Position::new(3));
    assert_eq!(frozen.head().await.unwrap(), Position::START);
    assert!(!frozen.renew(&stale, LONG).await.unwrap());
    frozen.release(&stale).await.unwrap();
    assert_eq!(awake.lease(&name("job")).await.unwrap().holder, Some(owner(2)));
    let _ = awake.commit(Commit::new().advance(advance(&fresh, &awake, 3, 4))).await.unwrap();
}

#[tokio::test]
async fn an_expired_lease_has_no_holder_and_can_be_renewed_while_nobody_has_claimed_it() {
    let file = File::new();
    let store = file.store().await;
    let lease = granted(&store, "job").await;
    expire(&file);
    assert_eq!(store.lease(&name("job")).await.unwrap().holder, None);
    assert!(store.renew(&lease, LONG).await.unwrap());
    assert_eq!(store.lease(&name("job")).await.unwrap().holder, Some(owner(1)));
    store.release(&lease).await.unwrap();
    assert!(!store.renew(&lease, LONG).await.unwrap());
    assert_eq!(store.lease(&name("job")).await.unwrap().holder, None);
}

/// The clock of the options tells when an event was recorded, and tests turn it as they like.
#[tokio::test]
async fn a_lease_lasts_on_the_clock_of_sqlite_and_not_on_that_of_the_options() {
    #[derive(Debug)]
    struct Never;
    impl freehold::Clock for Never {
        fn now(&self) -> chrono::DateTime<chrono::Utc> {
            chrono::DateTime::from_timestamp(0, 0).unwrap()
        }
    }
    let file = File::new();
    let options = SqliteOptions { clock: std::sync::Arc::new(Never), ..SqliteOptions::default() };
    let behind = file.store_with(options).await;
    granted(&behind, "job").await;
    let until = "SELECT expires_at / 1000000 - unixepoch() FROM freehold_leases";
    let seconds: i64 = file.connection().query_row(until, [], |row| row.get(0)).unwrap();
    assert!((3_000..=3_600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_lease_for_all_time_is_held_and_one_for_no_time_is_free() {
    let file = File::new();
    let store = file.store().await;
    for (time, is_held) in [(Duration::MAX, true), (Duration::ZERO, false)] {
        let of = format!("job/{is_held}");
        store.claim(&name(&of), owner(1), time).await.unwrap();
        assert_eq!(store.lease(&name(&of)).await.unwrap().holder.is_some(), is_held);
        let claim = store.claim(&name(&of), owner(2), LONG).await.unwrap();
        assert_eq!(matches!(claim, Claim::Held { .. }), is_held, "{claim:?}");
    }
}

#[tokio::test]
async fn claims_of_many_processes_grant_one_lease() {
    let file = File::new();
    let stores = [file.store().await, file.store().await, file.store().await];
    let long = Duration::from_hours(1);
    let job = name("job");
    let claims = (0..12).map(|n| stores[n % 3].claim(&job, owner(n as u128), long));
    let claims = futures::future::try_join_all(claims).await.unwrap();
    let granted = claims.iter().filter(|claim| matches!(claim, Claim::Granted(_))).count();
    assert_eq!((granted, epoch(&stores[0], "job").await), (1, 1));
}

/// A claim is written in the transaction of the commits that wait, and they do not notice.
#[tokio::test]
async fn a_lease_shares_the_transaction_of_the_commits_that_wait() {
    let file = File::new();
    let store = file.store().await;
    let before = transactions(&file);
    let job = name("job");
    let lock = file.lock();
    let mut commit = store.commit(one(1, "a"));
    let mut claim = store.claim(&job, owner(1), LONG);
    let mut last = store.commit(one(2, "a"));
    assert!(futures::poll!(commit.as_mut()).is_pending());
    assert!(futures::poll!(claim.as_mut()).is_pending());
    assert!(futures::poll!(last.as_mut()).is_pending());
    drop(lock);
    let (commit, claim, last) = futures::join!(commit, claim, last);
    assert!(commit.is_ok() && last.is_ok() && matches!(claim, Ok(Claim::Granted(_))));
    assert_eq!(transactions(&file) - before, 1);
}

#[tokio::test]
async fn a_claim_while_somebody_holds_the_file_for_too_long_is_busy() {
    let file = File::new();
    let options =
        SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = file.store_with(options).await;
    let lock = file.lock();
    let error = store.claim(&name("job"), owner(1), LONG).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Busy);
    drop(lock);
    granted(&store, "job").await;
}

/// A few errors take back the whole transaction, with all that others have written in it. A trigger can do so too.
#[tokio::test]
async fn a_claim_that_rolls_the_transaction_back_takes_no_neighbour_with_it() {
    let file = File::new();
    let store = file.store().await;
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON freehold_leases WHEN new.name = 'refused'
                   BEGIN SELECT raise(ROLLBACK, 'no'); END";
    file.connection().execute_batch(trigger).unwrap();
    let (refused, job) = (name("refused"), name("job"));
    let lock = file.lock();
    let mut first = store.commit(one(1, "a"));
    let mut refused = store.claim(&refused, owner(1), LONG);
    let mut claim = store.claim(&job, owner(1), LONG);
    let mut last = store.commit(one(2, "a"));
    assert!(futures::poll!(first.as_mut()).is_pending());
    assert!(futures::poll!(refused.as_mut()).is_pending());
    assert!(futures::poll!(claim.as_mut()).is_pending());
    assert!(futures::poll!(last.as_mut()).is_pending());
    drop(lock);
    let (first, refused, claim, last) = futures::join!(first, refused, claim, last);
    assert_eq!(refused.unwrap_err().fault(), Fault::Other);
    assert!(first.is_ok() && matches!(claim, Ok(Claim::Granted(_))) && last.is_ok());
    assert_eq!(store.head().await.unwrap(), Position::new(2));
    assert_eq!(epoch(&store, "job").await, 1);
}

#[tokio::test]
async fn one_fenced_commit_in_a_batch_fails_only_itself() {
    let file = File::new();
    let store = file.store().await;
    let orders = set("orders");
    freehold::RowStore::prepare(&store, &orders).await.unwrap();
    let lease = granted(&store, "job").await;
    let step = |n: u128, from, to| {
        let row = put(&orders, &format!("k{n}"), "1");
        one(n, &format!("s{n}")).rows([row]).advance(advance(&lease, &store, from, to))
    };
    // The second one is late: the first has moved the checkpoint, though it is not durable yet.
    let commits = [step(1, 0, 5), step(2, 0, 6), step(3, 5, 9), step(3, 5, 9), one(4, "s4")];
    let before = transactions(&file);
    let answers = together(&file, &store, commits).await;
    assert_eq!(transactions(&file) - before, 1);
    let [first, late, next, again, plain] = &answers[..] else { panic!() };
    assert!(first.is_ok() && plain.is_ok());
    let Err(CommitError::Fenced(fenced)) = late else { panic!("{late:?}") };
    assert_eq!(
        (fenced.checkpoint_expected, fenced.checkpoint),
        (Position::START, Position::new(5))
    );
    assert_eq!(again.as_ref().unwrap(), &next.clone().unwrap().as_duplicate());
    let state = store.lease(&name("job")).await.unwrap();
    assert_eq!(state.checkpoint(store.identity()), Position::new(9));
    assert_eq!(
        store.head().await.unwrap(),
        Position::new(3),
        "the one that was fenced leaves no gap"
    );
    let keys = "SELECT group_concat(key, ' ') FROM view_orders";
    let keys: String = file.connection().query_row(keys, [], |row| row.get(0)).unwrap();
    assert_eq!(keys, "k1 k3");
}
