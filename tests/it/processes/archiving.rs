//! Processes that archive, two at a time, and those who kill them at any moment, and look at what they leave: every event is
//! there once, at its place.

use std::sync::Arc;
use std::time::Duration;

use freehold::{
    Archive, Closing, Commit, EventId, EventName, EventStoreExt, ExpectedVersion, Filter, NewEvent,
    Position, RecordedEvent, StreamId, StreamVersion,
};
use tokio::time::sleep;
use uuid::Uuid;

use super::projector::{PATIENCE, Projector, chance, until_alone, within};

/// The streams of a round, and the events of each with the one that closes it.
const STREAMS: u64 = 30;
const EVENTS: u64 = 9;

pub(super) type Kept = Arc<dyn Archive>;

/// Archives in small steps until the process is killed.
pub(super) async fn archive(store: Kept) {
    let steps = async {
        loop {
            // Whoever was killed may hold a stream for a moment.
            let step = store.archive(4).await;
            if !step.is_ok_and(|step| step.has_more) {
                sleep(Duration::from_millis(1)).await;
            }
        }
    };
    tokio::select! {
        () = steps => {}
        () = until_alone() => {}
    }
}

fn stream(round: u64, n: u64) -> StreamId {
    StreamId::new("done", format!("{round}/{n}")).unwrap()
}

/// Writes streams, and closes each with its last event. What it was told, in the order of the positions.
async fn write(store: Kept, round: u64) -> Vec<(Position, StreamId)> {
    let fresh = || EventId::new(Uuid::now_v7());
    let mut written = Vec::new();
    for n in 0..STREAMS {
        let stream = stream(round, n);
        for event in 1..EVENTS {
            let name = EventName::from_static("Happened").unwrap();
            let mut events = vec![NewEvent::new(fresh(), name, format!("{event}"))];
            if event == EVENTS - 1 {
                events.push(Closing::new().event(fresh()));
            }
            let commit = Commit::new().append(&stream, ExpectedVersion::Any, events);
            let done = store.commit(commit).await.unwrap();
            let (first, last) = done.positions().unwrap().clone().into_inner();
            written.push((first, stream.clone()));
            if last > first {
                written.push((last, stream.clone()));
            }
        }
    }
    written
}

/// The whole feed, in pages that no step is as long as.
async fn feed(store: &Kept) -> Vec<RecordedEvent> {
    let (mut after, mut all, mut more) = (Position::START, Vec::new(), true);
    while more {
        let page = store.read_all(after, &Filter::all(), 7).await.unwrap();
        (after, more) = (page.upto, page.has_more);
        all.extend(page.events);
    }
    all
}

fn places(feed: &[RecordedEvent]) -> Vec<(Position, StreamId)> {
    feed.iter().map(|event| (event.position(), event.stream().clone())).collect()
}

/// Two who archive are killed in each round, one in the middle of the writing and one at a moment behind it.
pub(super) async fn are_killed(store: &Kept, start: impl Fn() -> Projector, rounds: u64) {
    let (mut chance, mut all) = (chance(), Vec::new());
    for round in 0..rounds {
        let (first, second) = (start(), start());
        let writing = tokio::spawn(write(Arc::clone(store), round));
        sleep(Duration::from_micros(chance.u64(..60_000))).await;
        drop(first);
        all.extend(writing.await.unwrap());
        sleep(Duration::from_micros(chance.u64(..20_000))).await;
        drop(second);
        let found = feed(store).await;
        assert!(places(&found) == all, "round {round}: {} of {} events", found.len(), all.len());
        for n in 0..STREAMS {
            let tail = store.read_tail(&stream(round, n), StreamVersion::NONE).await.unwrap();
            let versions = tail.iter().map(|event| event.version().get());
            assert!(versions.eq(1..=EVENTS), "round {round}: stream {n} is {tail:#?}");
        }
    }
    // A last one, which nobody kills, moves what is left.
    let before = feed(store).await;
    let last = start();
    let is_done = async || store.archive(1).await.is_ok_and(|step| !step.has_more);
    assert!(within(PATIENCE, is_done).await, "it does not come to an end");
    drop(last);
    assert!(before == feed(store).await, "the feed is another one when all is moved");
}
