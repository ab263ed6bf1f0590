//! Each event is decoded once for each time that its batch is taken in, though the fold looks at it twice.

use std::sync::atomic::{AtomicU64, Ordering};

use freehold::backend::memory::MemoryStore;
use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use freehold::subscription::SubscriptionOptions;
use freehold::{
    Commit, Event, EventId, EventStore, ExpectedVersion, Store, StreamId, Token, event,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::fixture::reads;
use crate::subscription::fixture::{memory, options, reach, until};

/// How many numbers were read, in the whole process: there is one test here.
static READ: AtomicU64 = AtomicU64::new(0);

/// A number that is counted when it is read.
#[derive(Serialize)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ.fetch_add(1, Ordering::SeqCst);
        u64::deserialize(deserializer).map(Self)
    }
}

#[derive(Serialize, Deserialize)]
enum Drawn {
    Number(Number),
}

impl Event for Drawn {
    const CATEGORY: &'static str = "draw";
}

#[derive(Serialize, Deserialize)]
enum Other {
    Happened,
}

impl Event for Other {
    const CATEGORY: &'static str = "other";
}

/// The sums of the even and of the odd ones, and of all.
struct Sums;

impl Projection for Sums {
    const NAME: &'static str = "sums";
    type View = u64;
    type Events = (Other, Drawn);
    type Level = Eventual<1_000>;
}

impl On<Drawn> for Sums {
    fn on(&self, event: &Recorded<'_, Drawn>, views: &mut Views<'_, u64>) {
        let Drawn::Number(Number(number)) = event.event();
        for key in ["all", if number % 2 == 0 { "even" } else { "odd" }] {
            views.update(key, |sum| *sum += number);
        }
    }
}

impl On<Other> for Sums {
    fn on(&self, _: &Recorded<'_, Other>, _: &mut Views<'_, u64>) {}
}

/// Records so many numbers, and beside each an event of another enum. To record one may read it: that is not counted.
async fn record(store: &MemoryStore, times: u64) -> Token {
    let [numbers, others] = ["draw", "other"].map(|category| StreamId::new(category, "1").unwrap());
    let id = || EventId::new(uuid::Uuid::now_v7());
    let mut token = None;
    for n in 0..times {
        let number = event::encode(&Drawn::Number(Number(n)), id()).unwrap();
        let other = event::encode(&Other::Happened, id()).unwrap();
        let commit = Commit::new().append(&numbers, ExpectedVersion::Any, [number]);
        let commit = commit.append(&others, ExpectedVersion::Any, [other]);
        token = Some(store.commit(commit).await.unwrap().token());
    }
    token.unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_event_is_decoded_once_a_build_however_often_it_is_looked_at() {
    let store = memory();
    let reads = reads(&store);
    let old = record(&store, 100).await;
    READ.store(0, Ordering::SeqCst);
    let options = SubscriptionOptions { batch_events_max: 7, ..options() };
    let kept = reads.upkeep(Sums).options(options).start();
    reach(kept.live().await.unwrap().progress(), old).await;
    assert_eq!(READ.swap(0, Ordering::SeqCst), 100, "while it catches up");
    // As they come, one by one. Nothing is read while the writer writes and nobody else is driven.
    let mut read = 0;
    for _ in 0..20 {
        let token = record(&store, 1).await;
        let by_writer = READ.swap(0, Ordering::SeqCst);
        reach(kept.live().await.unwrap().progress(), token).await;
        read += READ.swap(0, Ordering::SeqCst);
        assert!(by_writer <= 1, "the writer reads {by_writer}");
    }
    assert_eq!(read, 20, "as they come");
    kept.rebuild().await.unwrap();
    until("rebuilt", async || kept.rebuilding().await.unwrap().is_none()).await;
    assert_eq!(READ.swap(0, Ordering::SeqCst), 120, "in a rebuild");
    assert_eq!(reads.view::<Sums>().get("all").await.unwrap().value, Some(4_950));
    assert_eq!(store.head().await.unwrap().get(), 240);
    kept.stop().await;
}
