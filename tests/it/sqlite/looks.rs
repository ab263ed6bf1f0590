//! Who waits for what other processes write looks seldom while they write nothing, and soon again when they do.

use std::time::Duration;

use freehold::backend::sqlite::SqliteStore;
use freehold::backend::sqlite::rusqlite::TransactionBehavior;
use freehold::{EventStore, Position};
use tokio::time::{Instant, sleep};

use super::{File, one};

/// The interval of the options, by default.
const LONGEST: Duration = Duration::from_millis(50);
const SOON: Duration = Duration::from_millis(10);

/// How long it takes until somebody here knows what was written elsewhere. No time passes while it is written.
async fn noticed(here: &SqliteStore, there: &SqliteStore, file: &File, n: u64) -> Duration {
    let waiting = tokio::spawn({
        let here = here.clone();
        async move { here.changed(Position::new(n - 1)).await }
    });
    // The one who waits has looked by then.
    sleep(Duration::from_millis(3)).await;
    let mut connection = file.connection();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    drop(there.commit_in(&tx, one(n.into(), "a")).unwrap());
    tx.commit().unwrap();
    let began = Instant::now();
    waiting.await.unwrap().unwrap();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn what_another_process_writes_is_noticed_sooner_after_it_has_written() {
    let file = File::new();
    let (here, there) = (file.store().await, file.store().await);
    let first = noticed(&here, &there, &file, 1).await;
    assert!(first <= LONGEST, "{first:?}");
    for n in 2..40 {
        let next = noticed(&here, &there, &file, n).await;
        assert!(next <= SOON, "event {n} was noticed after {next:?}");
    }
}
