//! K1, I1 and G1: what the world gives, and what a fold is.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chrono::DateTime;

use super::kit::{Log, append, stream};
use crate::ports::{EventStore, Ids, InlineFold};
use crate::testkit::ManualClock;
use crate::types::{ExpectedVersion::Any, RecordedEvent, Row};

/// K1: `store` records the times that `clock` tells, which it was given, be it that they jump forth and
/// back or stand still; and what happens later does not change them.
///
/// ```
/// use std::sync::Arc;
///
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{ManualClock, conformance};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
///
/// let clock = ManualClock::new();
/// let store = MemoryStore::builder().clock(clock.clone()).build();
/// conformance::k01_a_store_records_the_times_it_was_told(Arc::new(store), &clock).await;
/// # }
/// ```
pub async fn k01_a_store_records_the_times_it_was_told(
    store: Arc<dyn EventStore>,
    clock: &ManualClock,
) {
    let log = Log(store);
    let mut told = Vec::new();
    for (n, micros) in
        [1_700_000_000_123_456, 1_700_000_000_123_456, 7, 1_700_000_000_123_457, 0, -1_000_001]
            .into_iter()
            .enumerate()
    {
        let now = DateTime::from_timestamp_micros(micros).expect("a time within range");
        clock.set(now);
        told.extend([now, now]);
        let tags = ["first", "second"].map(|end| format!("{n} {end}"));
        log.commit(append(&stream("timed"), Any, &[&tags[0], &tags[1]])).await;
        clock.advance(Duration::from_secs(1));
    }
    let recorded: Vec<_> = log.feed().await.iter().map(RecordedEvent::recorded_at).collect();
    assert_eq!(recorded, told, "the times that were recorded, and those that were told");
}

/// I1: many threads draw many ids, and none is drawn twice.
///
/// ```
/// use std::sync::Arc;
///
/// use freehold::{Ids, SystemIds};
/// use freehold::testkit::conformance;
///
/// let ids: Arc<dyn Ids> = Arc::new(SystemIds);
/// conformance::i01_no_id_is_drawn_twice(&ids);
/// ```
pub fn i01_no_id_is_drawn_twice(ids: &Arc<dyn Ids>) {
    let drawing: Vec<_> = (0..8)
        .map(|_| {
            let ids = Arc::clone(ids);
            thread::spawn(move || (0..10_000).map(|_| ids.draw()).collect::<Vec<_>>())
        })
        .collect();
    let mut drawn = HashSet::new();
    for thread in drawing {
        for id in thread.join().expect("drawing an id does not panic") {
            assert!(drawn.insert(id), "{id} was drawn twice");
        }
    }
}

/// G1: the same events and rows lead to the same wishes and the same rows, however often they are folded.
pub fn g01_a_fold_is_pure(fold: &dyn InlineFold, events: &[RecordedEvent], before: &[Row]) {
    let once = || {
        let folding = fold.begin(events).expect("the events can be taken in");
        let wanted = folding.wanted().to_vec();
        let rows = folding.fold(before.to_vec()).expect("the events can be folded");
        (wanted, rows)
    };
    let first = once();
    for again in 0..3 {
        assert_eq!(once(), first, "folded anew, for the {again}. time");
    }
}
