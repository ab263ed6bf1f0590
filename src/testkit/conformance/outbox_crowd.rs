//! O3: the outbox while many write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::OutboxHarness;
use super::kit::{all, event, message, rounds, stream, within};
use super::outbox_kit::{OutboxLog, grows, ids, told};
use crate::ports::CommitError;
use crate::types::{Commit, MessageId, Position, RecordedEvent, StreamVersion};

/// Writes commits of one to three messages. Two of three go with an event for a stream that all writers share, whose
/// version they expect, and so are often refused. What was acknowledged, in order.
async fn write(log: OutboxLog, writer: u32, commits: u32) -> Vec<MessageId> {
    let (hot, mut known) = (stream("hot"), StreamVersion::NONE);
    let mut acknowledged = Vec::new();
    for n in 0..commits {
        let mut commit = Commit::new();
        let mut sent = Vec::new();
        for m in 0..=n % 3 {
            // Some share a key with all writers.
            let key = if m == 1 { "shared".to_owned() } else { format!("of {writer}") };
            let message = message(&format!("{writer} {n} {m}"), &key);
            commit = commit.send(&message);
            sent.push(message.id());
        }
        if log.appends && n % 3 != 0 {
            commit = commit.append(&hot, known, [event(&format!("{writer} {n}"))]);
        }
        match log.answer(commit).await {
            Ok(done) => {
                known = done.version_of(&hot).unwrap_or(known);
                acknowledged.extend(sent);
            }
            Err(CommitError::Conflict(conflict)) => known = conflict.actual(),
            Err(other) => panic!("a writer was answered {other:?}"),
        }
        // Some writers hurry, and some are slow: neither may matter to a reader.
        if (n + writer).is_multiple_of(4) {
            yield_now().await;
        }
    }
    acknowledged
}

/// Follows the outbox by `upto`, with small pages, until the writers are done and all is read.
async fn follow(log: OutboxLog, done: Arc<AtomicBool>) -> Vec<RecordedEvent> {
    let (mut after, mut seen) = (Position::START, Vec::new());
    for limit in [1, 2, 3, 7, 1, 50].into_iter().cycle() {
        // Looked at before the page is read: what was acknowledged by then must be in reach.
        let over = done.load(Ordering::Acquire);
        let page = log.page(after, limit).await;
        assert!(page.upto >= after, "the reader was sent back from {after} to {}", page.upto);
        let last = page.events.last().map_or(after, RecordedEvent::position);
        assert!(page.upto >= last, "the page ends at {}, before its last message", page.upto);
        after = page.upto;
        seen.extend(page.events);
        if page.has_more {
            continue;
        }
        if over {
            break;
        }
        // At the end of the log is where a message can be missed: the reader keeps close to it.
        yield_now().await;
    }
    seen
}

/// O3: while many write, and often are refused, a reader that goes on from `upto` sees every message that was
/// acknowledged, once, each writer's in its order, and nothing else; so does one that comes later.
pub async fn o03_a_reader_that_follows_the_outbox_misses_nothing(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o03").await;
    let (count, commits) = (rounds(16, 64), rounds(30, 250));
    let together = Arc::new(Barrier::new(count as usize));
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3).map(|_| tokio::spawn(follow(log.clone(), done.clone()))).collect();
    let mut writers = JoinSet::new();
    for writer in 0..count {
        let (log, together) = (log.clone(), together.clone());
        writers.spawn(async move {
            together.wait().await;
            write(log, writer, commits).await
        });
    }
    let acknowledged = all("the writers", writers).await;
    done.store(true, Ordering::Release);
    let later = log.log().await;
    grows(&later);
    let place = |id: &MessageId| later.iter().position(|recorded| told(recorded).id() == *id);
    for of_writer in &acknowledged {
        let places: Vec<_> = of_writer.iter().filter_map(place).collect();
        assert_eq!(places.len(), of_writer.len(), "messages that were acknowledged and are there");
        assert!(places.is_sorted(), "a writer's messages in its order: {places:?}");
    }
    let told: usize = acknowledged.iter().map(Vec::len).sum();
    assert_eq!(later.len(), told, "messages that are there, and that were acknowledged");
    for reader in readers {
        let seen = match within("a reader that follows the outbox", reader).await {
            Ok(seen) => seen,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        assert_eq!(ids(&seen).len(), later.len(), "messages that a follower saw");
        assert_eq!(seen, later, "what a follower saw, and what is there");
    }
}
