//! Projections of streams that are closed and archived: what closes them is passed over, and what is archived is folded as before,
//! also from the start.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Strong, Views, Want};
use freehold::{
    Archive, Closing, Commit, Event, EventId, EventStore, ExpectedVersion, InlineStore, RowStore,
    event,
};
use serde::{Deserialize, Serialize};

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Serialize, Deserialize)]
enum Paid {
    Paid { cents: u64 },
}

impl Event for Paid {
    const CATEGORY: &'static str = "order";
}

/// What was paid, and how many events that were.
struct Sums;

/// The same, within the append.
struct StrongSums;

impl Projection for Sums {
    const NAME: &'static str = "sums";
    type View = (u64, u64);
    type Events = Paid;
    type Level = Eventual<1_000>;
}

impl Projection for StrongSums {
    const NAME: &'static str = "strong_sums";
    type View = (u64, u64);
    type Events = Paid;
    type Level = Strong;
}

fn add(event: &Recorded<'_, Paid>, views: &mut Views<'_, (u64, u64)>) {
    let Paid::Paid { cents } = event.event();
    for key in [event.id(), "all"] {
        views.update(key, |(sum, events)| {
            *sum += cents;
            *events += 1;
        });
    }
}

impl On<Paid> for Sums {
    fn on(&self, event: &Recorded<'_, Paid>, views: &mut Views<'_, (u64, u64)>) {
        add(event, views);
    }
}

impl On<Paid> for StrongSums {
    fn on(&self, event: &Recorded<'_, Paid>, views: &mut Views<'_, (u64, u64)>) {
        add(event, views);
    }
}

/// Orders of one to three events, every other one of which is closed. Returns the sum and the number of all.
async fn some(store: &impl EventStore, from: u64) -> (u64, u64) {
    let (mut sum, mut all) = (0, 0);
    let id = || EventId::new(uuid::Uuid::now_v7());
    for n in from..from + 20 {
        let paid = (0..=n % 3).map(|m| {
            (sum, all) = (sum + n * m, all + 1);
            event::encode(&Paid::Paid { cents: n * m }, id()).unwrap()
        });
        let mut events: Vec<_> = paid.collect();
        if n % 2 == 0 {
            events.push(Closing::new().event(id()));
        }
        let stream = event::stream::<Paid>(n.to_string()).unwrap();
        store
            .commit(Commit::new().append(&stream, ExpectedVersion::NoStream, events))
            .await
            .unwrap();
    }
    (sum, all)
}

async fn are_folded<S: RowStore + InlineStore + Archive + Clone>(store: S) {
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let kept = reads.upkeep(Sums).start();
    let strong = reads.inline(StrongSums, store.clone()).await.unwrap();
    let view = reads.view::<Sums>();
    let mut wanted = (0, 0);
    for round in 0..3 {
        let (sum, all) = some(&store, 1 + round * 20).await;
        wanted = (wanted.0 + sum, wanted.1 + all);
        let found = view.get("all").want(Want::Head).within(PATIENCE).await.unwrap();
        assert_eq!(found.value, Some(wanted), "what is kept up, in round {round}");
        assert_eq!(strong.get("all").await.unwrap().value, Some(wanted), "within the append");
        let mut moved = 0;
        loop {
            let step = store.archive(7).await.unwrap();
            moved += step.events;
            if !step.has_more {
                break;
            }
        }
        assert!(moved > 20, "only {moved} events were moved");
        // From the start, of which much is in the archive by now.
        kept.rebuild().await.unwrap();
        let rebuilt = async {
            while kept.rebuilding().await.unwrap().is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, rebuilt).await.expect("it is rebuilt");
        let found = view.get("all").want(Want::Head).within(PATIENCE).await.unwrap();
        assert_eq!(found.value, Some(wanted), "from the start, in round {round}");
    }
    kept.stop().await;
}

#[tokio::test]
async fn closed_and_archived_streams_are_folded_as_others_in_memory() {
    are_folded(MemoryStore::new()).await;
}

#[tokio::test]
async fn closed_and_archived_streams_are_folded_as_others_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    are_folded(SqliteStore::open(folder.path().join("log.db")).await.unwrap()).await;
}
