//! What a projection cannot take in is never passed over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::consistency::Behind;
use freehold::projection::{Eventual, On, Projection, ReadError, Recorded, Views};
use freehold::{
    Commit, Event, EventId, EventName, ExpectedVersion, Limits, NewEvent, RowKey, RowSet, RowStore,
    RowValue, RowWrite, Store, StreamId,
};
use serde::{Deserialize, Serialize};

use super::fixture::{put, reads};
use crate::subscription::fixture::{TokioClock, memory, options, parking, reach};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Odd {
    /// Counts under these keys.
    Counted {
        keys: Vec<String>,
    },
    /// Touches another key whenever it is asked.
    Wandered,
    /// Changes all under another prefix whenever it is asked.
    Strayed,
    Panicked,
}

impl Event for Odd {
    const CATEGORY: &'static str = "odd";
}

#[derive(Default)]
struct Counts(AtomicU64);

impl Projection for Counts {
    const NAME: &'static str = "counts";
    type View = u64;
    type Events = Odd;
    type Level = Eventual<5_000>;
}

impl On<Odd> for Counts {
    fn on(&self, event: &Recorded<'_, Odd>, views: &mut Views<'_, u64>) {
        let other = format!("k{}", self.0.fetch_add(1, Ordering::SeqCst));
        match event.event() {
            Odd::Counted { keys } => keys.iter().for_each(|key| views.update(key, |n| *n += 1)),
            Odd::Wandered => views.set(other, 1),
            Odd::Strayed => views.change_under(other, |_, n| *n += 1),
            Odd::Panicked => panic!("of all things"),
        }
    }
}

fn counted(keys: &[&str]) -> Odd {
    Odd::Counted { keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

/// What is written of `bad` when it is parked; what comes before and after it is taken in.
async fn parked(store: &MemoryStore, bad: Odd) -> String {
    put(store, "1", counted(&["a"])).await;
    put(store, "2", bad).await;
    put(store, "2", counted(&["a"])).await;
    let token = put(store, "3", counted(&["a"])).await;
    let reads = reads(store);
    let running = reads.upkeep(Counts::default()).options(parking()).start();
    reach(running.live().await.unwrap().progress(), token).await;
    assert_eq!(reads.view::<Counts>().get("a").await.unwrap().value, Some(2));
    let parked = running.live().await.unwrap().parked(10).await.unwrap();
    let at: Vec<_> = parked.iter().map(|parked| parked.position.get()).collect();
    assert_eq!(at, [2, 3]);
    running.stop().await;
    parked[0].error.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn keys_that_do_not_come_from_the_event_alone_are_an_error() {
    for bad in [Odd::Wandered, Odd::Strayed] {
        let error = parked(&memory(), bad).await;
        assert!(error.contains("only when it folded"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_no_view_can_have_is_an_error() {
    for key in ["", "a\nb", &"x".repeat(513)] {
        let error = parked(&memory(), counted(&["fine", key])).await;
        assert!(error.contains("1 to 512 bytes"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_projection_that_panics_has_the_event_parked() {
    let error = parked(&memory(), Odd::Panicked).await;
    assert!(error.contains("panicked: of all things"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_rows_are_too_many_for_one_commit_is_parked() {
    let limits = Limits { rows_per_commit_max: 5, ..Limits::default() };
    let store = MemoryStore::builder().limits(limits).clock(TokioClock).build();
    let error = parked(&store, counted(&["a", "b", "c", "d", "e", "f"])).await;
    assert!(error.contains("rows"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_decoded_is_parked_with_the_reason() {
    for (name, data) in [("Counted", "{\"keys\":7}"), ("Unheard", "{}"), ("Counted", "\"\"")] {
        let store = memory();
        put(&store, "1", counted(&["a"])).await;
        let id = EventId::new(uuid::Uuid::now_v7());
        let event = NewEvent::new(id, EventName::new(name).unwrap(), data);
        let stream = StreamId::new("odd", "2").unwrap();
        let commit = Commit::new().append(&stream, ExpectedVersion::Any, [event]);
        store.commit(commit).await.unwrap();
        let token = put(&store, "3", counted(&["a"])).await;
        let reads = reads(&store);
        let running = reads.upkeep(Counts::default()).options(parking()).start();
        reach(running.live().await.unwrap().progress(), token).await;
        assert_eq!(reads.view::<Counts>().get("a").await.unwrap().value, Some(2));
        let parked = running.live().await.unwrap().parked(10).await.unwrap();
        let error = parked[0].error.clone().unwrap();
        assert!(error.contains(": ") || name == "Unheard", "no source: {error}");
        assert_eq!((parked.len(), parked[0].position.get()), (1, 2));
        running.stop().await;
    }
}

/// No event is to blame, so none is parked.
#[tokio::test(start_paused = true)]
async fn a_view_of_another_shape_stops_the_projection_and_reads_say_so() {
    let store = memory();
    let (set, key) = (RowSet::new("counts").unwrap(), RowKey::new("a").unwrap());
    store.prepare(&set).await.unwrap();
    let row = RowWrite::put(&set, &key, RowValue::of(&"a text").unwrap());
    store.commit(Commit::new().rows([row])).await.unwrap();
    let token = put(&store, "1", counted(&["a", "b"])).await;
    let reads = reads(&store);
    let running = reads.upkeep(Counts::default()).options(parking()).start();
    let view = reads.view::<Counts>();
    let behind = view.wait_for(token, Duration::from_mins(1)).await;
    assert!(matches!(behind, Err(Behind::Stopped { .. })), "{behind:?}");
    assert!(running.live().await.unwrap().parked(10).await.unwrap().is_empty());
    assert!(matches!(view.get("a").await, Err(ReadError::Shape(_))));
    assert!(view.get("b").await.unwrap().value.is_none());
    assert!(matches!(view.get("").await, Err(ReadError::Key(_))));
    // Without a policy for parking it is the same.
    running.stop().await;
    let running = reads.upkeep(Counts::default()).options(options()).start();
    let behind = view.wait_for(token, Duration::from_mins(1)).await;
    assert!(matches!(behind, Err(Behind::Stopped { .. })), "{behind:?}");
    running.stop().await;
}
