//! What a projection costs while nothing happens: its log is not asked at all, and its store now and then.

use std::time::Duration;

use freehold::backend::sqlite::SqliteStore;
use freehold::testkit::{Faults, FaultyStore};
use freehold::{EventStore, RowStore};
use tokio::time::{sleep, timeout};

use super::fixture::{Accounts, User, put};
use crate::subscription::fixture::{TokioClock, memory, options};

const SECOND: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_mins(10);

/// How often a projection that is idle for so long asks its log, and the store of its views.
async fn idle<S: EventStore + RowStore + Clone>(store: S) -> (u64, u64) {
    let log = FaultyStore::new(store.clone(), Faults::seeded(0));
    let views = FaultyStore::new(store.clone(), Faults::seeded(0));
    let reads = freehold::projection::ReadSide::new(views.clone()).follow(log.clone());
    let reads = reads.clock(TokioClock);
    let kept = reads.upkeep(Accounts).options(options()).start();
    let view = reads.view::<Accounts>();
    let token = put(&store, "a", User::Named { name: "Ada".into() }).await;
    view.wait_for(token, 10 * SECOND).await.unwrap();
    // It comes to rest.
    sleep(SECOND).await;
    let before = (log.injected().calls, views.injected().calls);
    sleep(IDLE).await;
    let idle = (log.injected().calls - before.0, views.injected().calls - before.1);
    // It sleeps, and is not dead.
    let token = put(&store, "a", User::Closed).await;
    let woken = timeout(10 * SECOND, view.wait_for(token, 10 * SECOND)).await;
    woken.expect("it is not woken").unwrap();
    kept.stop().await;
    idle
}

/// The lease is renewed, it is asked whether the job is paused, and which build is read, and who else shares the work.
fn is_seldom(store: &str, (log, views): (u64, u64)) {
    println!("{store}: {log} calls of the log and {views} of the views in {IDLE:?}");
    assert_eq!(log, 0, "{store}: the log is asked though it has not woken anybody");
    assert!(views <= 2 * IDLE.as_secs(), "{store}: {views} calls of the views in {IDLE:?}");
    assert!(views >= IDLE.as_secs() / 4, "{store}: the lease cannot have been kept");
}

#[tokio::test(start_paused = true)]
async fn a_projection_that_is_idle_does_not_ask_its_log_and_its_store_seldom() {
    is_seldom("memory", idle(memory()).await);
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(folder.path().join("accounts.db")).await.unwrap();
    is_seldom("sqlite", idle(file).await);
}
