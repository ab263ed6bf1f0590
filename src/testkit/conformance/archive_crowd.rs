//! A1 and A4: archiving while others write, read and archive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::ArchiveHarness;
use super::archive_kit::{ArchiveLog, close};
use super::event_store_feed::is_ordered;
use super::event_store_follow::follow;
use super::kit::{Log, all, event, rounds, stream_in, within};
use crate::types::{
    Commit,
    ExpectedVersion::{Any, NoStream},
    Filter, Position, RecordedEvent, StreamId, StreamVersion,
};

/// Writes short streams and closes each, and one that stays open.
async fn write(log: Log, writer: u32, streams: u32) {
    let open = stream_in("cart", &writer.to_string());
    for n in 0..streams {
        let name = stream_in("order", &format!("{writer} {n}"));
        let events = [0, 1].map(|m| event(&format!("{writer} {n} {m}")));
        log.commit(Commit::new().append(&name, NoStream, events)).await;
        log.commit(Commit::new().append(&open, Any, [event(&format!("{writer} {n} open"))])).await;
        log.commit(close(&name, &format!("{writer} {n} over"))).await;
        // Some writers hurry, and some are slow.
        if (n + writer).is_multiple_of(3) {
            yield_now().await;
        }
    }
}

/// Reads the same streams again and again: what was there stays there.
async fn look(log: Log, name: StreamId, done: Arc<AtomicBool>) {
    let mut before: Vec<RecordedEvent> = Vec::new();
    while !done.load(Ordering::Acquire) {
        let now = log.stream(&name).await;
        assert!(now.starts_with(&before), "{name} was {before:#?} and is now {now:#?}");
        before = now;
        yield_now().await;
    }
}

/// Archives in small steps until all is written and nothing is left. How many events it has moved.
async fn archive(log: ArchiveLog, steps: usize, done: Arc<AtomicBool>) -> u64 {
    let mut moved = 0;
    for size in (1..=steps).cycle() {
        let is_over = done.load(Ordering::Acquire);
        let step = log.archive(size).await;
        moved += step.events;
        if is_over && !step.has_more {
            return moved;
        }
        yield_now().await;
    }
    moved
}

/// A1: while many write and close streams, and somebody moves them, readers that follow the feed, with and without a
/// filter, see every event once and in order, and so does whoever comes later; streams only ever grow.
pub async fn a01_readers_miss_nothing_that_is_moved_meanwhile(h: &dyn ArchiveHarness) {
    let log = ArchiveLog::open(h, "a01_crowd").await;
    let (count, streams) = (rounds(4, 16), rounds(25, 250));
    let [written, moved] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let orders = Filter::categories(["order"]).expect("it is well formed");
    let several = Filter::categories(["order", "cart"]).expect("they are well formed");
    let mut readers = JoinSet::new();
    for filter in [Filter::all(), several, orders.clone()] {
        let follow = follow(log.log.clone(), filter.clone(), moved.clone());
        readers.spawn(async move { (filter, follow.await) });
    }
    let name = stream_in("order", "0 0");
    let looking = tokio::spawn(look(log.log.clone(), name, moved.clone()));
    let archiving = tokio::spawn(archive(log.clone(), 5, written.clone()));
    let mut writers = JoinSet::new();
    for writer in 0..count {
        writers.spawn(write(log.log.clone(), writer, streams));
    }
    all("the writers", writers).await;
    written.store(true, Ordering::Release);
    let archived = joined(within("archiving", archiving).await);
    moved.store(true, Ordering::Release);
    joined(within("a reader of a stream", looking).await);
    assert_eq!(archived, u64::from(3 * count * streams), "events of closed streams");
    let later = log.log.feed().await;
    is_ordered(&later);
    assert_eq!(later.len(), (4 * count * streams) as usize, "events in the feed");
    for (filter, seen) in all("the readers", readers).await {
        is_ordered(&seen);
        let wanted = later.iter().filter(|event| filter.admits(event.stream().category()));
        assert_eq!(seen.len(), wanted.clone().count(), "events that a follower of {filter:?} saw");
        assert!(seen.iter().eq(wanted), "a follower of {filter:?} saw others than are there");
    }
}

/// A4: of many who archive at once, each event is moved by one, and none is left, lost or there twice.
pub async fn a04_of_racing_archivers_each_event_is_moved_by_one(h: &dyn ArchiveHarness) {
    let log = ArchiveLog::open(h, "a04").await;
    let (mut whole, mut moved) = (0, 0);
    for round in 0..rounds(3, 20) {
        for n in 0..20 {
            let name = stream_in("order", &format!("{round} {n}"));
            let events = (0..n).map(|m| event(&format!("{round} {n} {m}")));
            let last = close(&name, &format!("{round} {n} over"));
            let commit = Commit::new().append(&name, NoStream, events);
            log.log.commit(if n == 0 { last.clone() } else { commit }).await;
            if n > 0 {
                log.log.commit(last).await;
            }
            whole += n + 1;
        }
        let before = log.log.feed().await;
        let together = Arc::new(Barrier::new(6));
        let done = Arc::new(AtomicBool::new(true));
        let mut archivers = JoinSet::new();
        for steps in 1..=6 {
            let (log, together, done) = (log.clone(), together.clone(), done.clone());
            archivers.spawn(async move {
                together.wait().await;
                archive(log, steps, done).await
            });
        }
        moved += all("those who archive", archivers).await.into_iter().sum::<u64>();
        assert_eq!(moved, whole, "events that were moved, and those of closed streams");
        assert!(before == log.log.feed().await, "the feed reads otherwise");
        let last = log.log.stream(&stream_in("order", &format!("{round} 19"))).await;
        let versions: Vec<_> = last.iter().map(RecordedEvent::version).collect();
        assert_eq!(versions, (1..=20).map(StreamVersion::new).collect::<Vec<_>>());
        assert_eq!(
            log.log.head().await,
            Position::new(before.last().map_or(0, |e| e.position().get()))
        );
    }
}

fn joined<T>(task: Result<T, tokio::task::JoinError>) -> T {
    match task {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
