//! The index of flows: what it finds, how far it is, and what goes wrong.

use std::collections::BTreeSet;

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::subscription::SubscriptionOptions;
use freehold::testkit::{Faults, FaultyStore};
use freehold::trail::{Trail, TrailError, scan};
use freehold::{
    Commit, EventId, EventName, EventStore, ExpectedVersion, Fault, Filter, Limits, Metadata,
    NewEvent, Position, RowKey, RowSet, RowStore, RowValue, RowWrite, Store, Token,
};
use uuid::Uuid;

use crate::subscription::fixture::{TokioClock, at_every_call, options, reach, stream};

/// A store whose pages are so small that most answers have several.
fn small() -> MemoryStore {
    let limits = Limits { events_per_page_max: 3, rows_per_page_max: 2, ..Limits::default() };
    MemoryStore::builder().clock(TokioClock).limits(limits).build()
}

/// Records a commit of some events, of one flow or of none.
async fn record(store: &dyn Store, chance: &mut fastrand::Rng) -> Token {
    let mut commit = Commit::new();
    for name in ["order-1", "order-2", "user-1"] {
        let events: Vec<_> = (0..chance.usize(0..3)).map(|_| event(chance)).collect();
        if !events.is_empty() {
            commit = commit.append(&stream(name), ExpectedVersion::Any, events);
        }
    }
    let last = event(chance);
    let commit = commit.append(&stream("last-1"), ExpectedVersion::Any, [last]);
    store.commit(commit).await.unwrap().token()
}

fn event(chance: &mut fastrand::Rng) -> NewEvent {
    let id = EventId::new(Uuid::from_u128(chance.u128(..)));
    let event = NewEvent::new(id, EventName::from_static("Noted").unwrap(), "{}");
    match chance.u128(0..5) {
        0 => event,
        flow => event.with_metadata(Metadata::new().with_correlation(Uuid::from_u128(flow))),
    }
}

/// Every flow of the log: by the index it is what it is by reading all.
async fn check<S: EventStore + RowStore + Clone>(store: &S, what: &str) {
    let (trail, mut flows) = (Trail::new(store.clone()), BTreeSet::from([Uuid::from_u128(99)]));
    let mut after = Position::START;
    loop {
        let page = store.read_all(after, &Filter::all(), usize::MAX).await.unwrap();
        flows.extend(
            page.events
                .iter()
                .map(|event| event.metadata().correlation().unwrap_or(event.id().as_uuid())),
        );
        after = page.upto;
        if !page.has_more {
            break;
        }
    }
    assert!(flows.len() > 4, "{what}");
    let mut found = 0;
    for flow in flows {
        let (by_index, all) = (trail.of(flow).await.unwrap(), scan(store, flow).await.unwrap());
        assert_eq!(by_index.events, all.events, "{what}");
        assert_eq!((by_index.at, by_index.lag), (all.at, all.lag), "{what}");
        found += all.events.len();
    }
    assert_eq!(found as u64, store.head().await.unwrap().get(), "{what}");
}

/// Keeps the index up over such a store, and restarts that once; how many calls it took.
async fn run(faults: Faults, what: &str) -> u64 {
    let (inner, mut chance) = (small(), fastrand::Rng::with_seed(7));
    let store = FaultyStore::new(inner.clone(), faults);
    let trail = Trail::new(store.clone()).clock(TokioClock);
    let few = SubscriptionOptions { batch_events_max: 4, ..options() };
    for _ in 0..2 {
        for _ in 0..4 {
            record(&inner, &mut chance).await;
        }
        let running = trail.subscription().clock(TokioClock).seed(7).options(few).start();
        reach(running.progress(), record(&inner, &mut chance).await).await;
        running.stop().await;
    }
    check(&inner, what).await;
    store.injected().calls
}

#[tokio::test(start_paused = true)]
async fn the_index_finds_what_reading_all_finds_whatever_call_has_failed() {
    at_every_call(20, async |_, faults, what| run(faults, what).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_index_finds_what_reading_all_finds_in_random_trouble() {
    for seed in 0..50 {
        let faults = Faults::seeded(seed).fail_before(0.1).fail_after(0.1).fail_reads(0.1);
        run(faults, &format!("seed {seed}")).await;
    }
}

#[tokio::test]
async fn the_index_in_a_file_finds_what_reading_all_finds() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
    let mut chance = fastrand::Rng::with_seed(3);
    let running = Trail::new(store.clone()).subscription().start();
    for _ in 0..20 {
        record(&store, &mut chance).await;
    }
    running.progress().wait_for(record(&store, &mut chance).await).await.unwrap();
    running.stop().await;
    check(&store, "SQLite").await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_as_of_one_position_and_says_how_far_behind_that_is() {
    let (store, mut chance) = (small(), fastrand::Rng::with_seed(1));
    let trail = Trail::new(store.clone()).clock(TokioClock);
    let running = trail.subscription().start();
    for _ in 0..5 {
        record(&store, &mut chance).await;
    }
    let at = record(&store, &mut chance).await;
    reach(running.progress(), at).await;
    running.stop().await;
    let before = scan(&store, Uuid::from_u128(1)).await.unwrap();
    for _ in 0..10 {
        record(&store, &mut chance).await;
    }
    let behind = store.head().await.unwrap().get() - at.position().get();
    let found = trail.of(Uuid::from_u128(1)).await.unwrap();
    assert_eq!((found.events, found.at), (before.events.clone(), at));
    assert_eq!(found.lag.events, behind);
    assert!(scan(&store, Uuid::from_u128(1)).await.unwrap().events.len() > before.events.len());
    // A row that a newer batch has put there meanwhile is not yet of that position.
    let newer = scan(&store, Uuid::from_u128(1)).await.unwrap().events;
    let (set, newer) = (RowSet::new("freehold_trail").unwrap(), newer.last().unwrap().clone());
    let key = RowKey::new(&format!("{}/{:020}", Uuid::from_u128(1), newer.position().get()));
    let json = format!(r#"{{"stream":"{}","version":{}}}"#, newer.stream(), newer.version());
    let row = RowWrite::put(&set, &key.unwrap(), RowValue::from_json(json).unwrap());
    store.commit(Commit::new().rows([row])).await.unwrap();
    assert_eq!(trail.of(Uuid::from_u128(1)).await.unwrap().events, before.events);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_was_never_kept_up_says_so() {
    let error = Trail::new(small()).of(Uuid::from_u128(1)).await.unwrap_err();
    assert!(matches!(&error, TrailError::Backend(why) if why.fault() == Fault::Missing), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_says_what_the_log_does_not_is_told_and_no_event_is_made_of_it() {
    let (store, mut chance) = (small(), fastrand::Rng::with_seed(1));
    let trail = Trail::new(store.clone());
    let running = trail.subscription().start();
    reach(running.progress(), record(&store, &mut chance).await).await;
    running.stop().await;
    let set = RowSet::new("freehold_trail").unwrap();
    for (position, json, is_astray) in [
        (1, r#"{"stream":"order-1","version":1}"#, false),
        (1, r#"{"stream":"order-1","version":9}"#, true),
        (2, r#"{"stream":"order-1","version":1}"#, true),
        (1, r#"{"stream":"order-7","version":1}"#, true),
    ] {
        let flow = Uuid::from_u128(77 + u128::from(chance.u64(..)));
        let key = RowKey::new(&format!("{flow}/{position:020}")).unwrap();
        let row = RowWrite::put(&set, &key, RowValue::from_json(json).unwrap());
        store.commit(Commit::new().rows([row])).await.unwrap();
        match trail.of(flow).await {
            Ok(found) => assert!(!is_astray && found.events.len() == 1, "{json}"),
            Err(TrailError::Astray { at }) => {
                assert!(is_astray && at == Position::new(position), "{json}");
            }
            Err(error) => panic!("{json}: {error}"),
        }
    }
    let flow = Uuid::from_u128(76);
    let key = RowKey::new(&format!("{flow}/{:020}", 1)).unwrap();
    let row = RowWrite::put(&set, &key, RowValue::from_json("7").unwrap());
    store.commit(Commit::new().rows([row])).await.unwrap();
    let error = trail.of(flow).await.unwrap_err();
    assert!(matches!(error, TrailError::Unreadable { .. }), "{error}");
}
