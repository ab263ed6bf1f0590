//! What JSON has not is refused where it would be written, and says where it comes from.

use std::convert::Infallible;
use std::time::Duration;

use freehold::aggregate::{ExecuteError, Options, SnapshotPolicy, Snapshotted};
use freehold::backend::memory::MemoryStore;
use freehold::event::EventError;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
use freehold::subscription::{Health, SubscriptionOptions};
use freehold::{
    Aggregate, Event, EventStore, Fault, Position, Repository, RowSet, RowStore, RowsWanted,
};
use serde::{Deserialize, Serialize};

use super::ledger::causes;

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Sample {
    Taken { value: Option<f64> },
    Counted { sum: u32, n: u32 },
}

impl Event for Sample {
    const CATEGORY: &'static str = "sample";
}

/// The mean of nothing is nothing that JSON has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Mean(Option<f64>);

impl Aggregate for Mean {
    type Event = Sample;

    fn apply(&mut self, sample: &Sample) {
        self.0 = match sample {
            Sample::Taken { value } => *value,
            Sample::Counted { sum, n } => Some(f64::from(*sum) / f64::from(*n)),
        };
    }
}

impl Snapshotted for Mean {
    const STATE_VERSION: u32 = 1;
}

struct Means;

impl Projection for Means {
    const NAME: &'static str = "means";
    type View = Mean;
    type Events = Sample;
    type Level = Eventual<5_000>;
}

impl On<Sample> for Means {
    fn on(&self, event: &Recorded<'_, Sample>, views: &mut Views<'_, Mean>) {
        views.update(event.id(), |mean| mean.apply(event.event()));
    }
}

async fn take(store: &MemoryStore, sample: Sample) {
    let means = Repository::<Mean>::new(store.clone());
    means.execute("1", |_| Ok::<_, Infallible>(vec![sample.clone()])).await.unwrap();
}

#[tokio::test]
async fn a_command_whose_event_json_has_not_is_refused_and_writes_nothing() {
    let store = MemoryStore::new();
    let means = Repository::<Mean>::new(store.clone());
    let taken = Sample::Taken { value: Some(f64::NAN) };
    let taken = means.execute("1", |_| Ok::<_, Infallible>(vec![taken.clone()])).await;
    let Err(ExecuteError::Event(EventError::Encode { .. })) = taken else { panic!("{taken:?}") };
    assert_eq!(store.head().await.unwrap(), Position::START);
}

/// It would read as another state, and be taken for the right one.
#[tokio::test]
async fn a_state_that_json_has_not_is_not_stored() {
    let store = MemoryStore::new();
    let policy = SnapshotPolicy { every_events: 1, ..SnapshotPolicy::default() };
    let options = || Options { cached_states_max: 0, ..Options::default() };
    let begin = || Repository::<Mean>::with_snapshots(store.clone(), options(), policy);
    take(&store, Sample::Counted { sum: 0, n: 0 }).await;
    for _ in 0..3 {
        let mean = begin().load("1").await.unwrap();
        assert!(mean.0.is_some_and(f64::is_nan), "{mean:?}");
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    let set = RowSet::new("freehold_snapshots").unwrap();
    let wanted = RowsWanted::Page { prefix: "".into(), after: None, limit: 9 };
    match store.rows(&set, &wanted, None).await {
        Ok(page) => assert!(page.rows.is_empty(), "{page:?}"),
        Err(error) => assert_eq!(error.fault(), Fault::Missing),
    }
    // Another state is.
    take(&store, Sample::Taken { value: None }).await;
    assert_eq!(begin().load("1").await.unwrap().0, None);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.rows(&set, &wanted, None).await.unwrap().rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_json_has_not_stops_the_projection_at_its_event() {
    let store = MemoryStore::new();
    take(&store, Sample::Taken { value: Some(0.5) }).await;
    take(&store, Sample::Counted { sum: 0, n: 0 }).await;
    take(&store, Sample::Taken { value: None }).await;
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let options =
        SubscriptionOptions { resume_interval: None, batch_events_max: 1, ..Default::default() };
    let kept = reads.upkeep(Means).options(options).start();
    let why = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Health::Stopped(why) = kept.health().await {
            break why;
        }
    };
    assert!(why.to_string().contains("the event at 2"), "{why}");
    let said: Vec<String> = causes(&*why).iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.contains("JSON has no NaN")), "{said:?}");
    assert_eq!(reads.view::<Means>().get("1").await.unwrap().value.unwrap().0, Some(0.5));
    kept.stop().await;
}
