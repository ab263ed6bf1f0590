//! E5: the feed while many write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::Harness;
use super::event_store_feed::is_ordered;
use super::event_store_pages::feed_page;
use super::kit::{Log, all, event, rounds, stream_in, within};
use crate::ports::CommitError;
use crate::types::{
    Commit, EventId, ExpectedVersion::Any, Filter, Position, RecordedEvent, StreamId, StreamVersion,
};

/// What one writer was told: the ids of each commit that was acknowledged.
type Acknowledged = Vec<(Vec<EventId>, Position)>;

/// Writes commits of one to three events, to a stream of its own and to streams that all writers share;
/// those expect a version, and so are often refused.
async fn write(log: Log, writer: u32, commits: u32) -> Acknowledged {
    let hot = ["x", "y"].map(|id| stream_in("hot", id));
    let own = stream_in("own", &writer.to_string());
    let mut acknowledged = Vec::new();
    let mut known = [StreamVersion::NONE; 2];
    for n in 0..commits {
        let shared = (n + writer) as usize % 2;
        let tag = |part: &str| event(&format!("{writer} {n} {part}"));
        let mut commit = Commit::new();
        let mut ids = Vec::new();
        if n % 3 != 0 {
            ids.push(tag("hot").id());
            commit = commit.append(&hot[shared], known[shared], [tag("hot")]);
        }
        if n % 3 != 1 {
            ids.extend([tag("own").id(), tag("own too").id()]);
            commit = commit.append(&own, Any, [tag("own"), tag("own too")]);
        }
        match log.answer(commit).await {
            Ok(done) => {
                if let Some(version) = done.version_of(&hot[shared]) {
                    known[shared] = version;
                }
                acknowledged.push((ids, done.token().position()));
            }
            Err(CommitError::Conflict(conflict)) => known[shared] = conflict.actual(),
            Err(other) => panic!("a writer was answered {other:?}"),
        }
        // Some writers hurry, and some are slow: neither may matter to a reader.
        if (n + writer).is_multiple_of(4) {
            yield_now().await;
        }
    }
    acknowledged
}

/// Follows the feed by `upto`, with small pages, until the writers are done and all is read.
pub(super) async fn follow(log: Log, filter: Filter, done: Arc<AtomicBool>) -> Vec<RecordedEvent> {
    let (mut after, mut seen) = (Position::START, Vec::new());
    for limit in [1, 2, 3, 7, 1, 50].into_iter().cycle() {
        // Looked at before the page is read: what was acknowledged by then must be in reach.
        let over = done.load(Ordering::Acquire);
        let page = feed_page(&log, after, &filter, limit).await;
        assert!(page.upto >= after, "the reader was sent back from {after} to {}", page.upto);
        let last = page.events.last().map_or(after, RecordedEvent::position);
        assert!(page.upto >= last, "the page ends at {}, before its last event {last}", page.upto);
        after = page.upto;
        seen.extend(page.events);
        if page.has_more {
            continue;
        }
        if over {
            break;
        }
        // At the end of the feed is where an event can be missed: the reader keeps close to it.
        yield_now().await;
    }
    seen
}

/// Lets writers and readers run at once. What was acknowledged, and what each reader has seen.
async fn crowd(log: &Log, filters: [Filter; 3]) -> (Acknowledged, Vec<Vec<RecordedEvent>>) {
    let (count, commits) = (rounds(16, 64), rounds(30, 250));
    let together = Arc::new(Barrier::new(count as usize));
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for filter in filters {
        readers.push(tokio::spawn(follow(log.clone(), filter, done.clone())));
    }
    let mut writers = JoinSet::new();
    for writer in 0..count {
        let (log, together) = (log.clone(), together.clone());
        writers.spawn(async move {
            together.wait().await;
            write(log, writer, commits).await
        });
    }
    let acknowledged = all("the writers", writers).await.into_iter().flatten().collect();
    done.store(true, Ordering::Release);
    let mut seen = Vec::new();
    for reader in readers {
        match within("a reader that follows the feed", reader).await {
            Ok(events) => seen.push(events),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    (acknowledged, seen)
}

/// E5: while many write, and often are refused, a reader that goes on from `upto` sees every event that
/// was acknowledged, once, in order, and nothing else; so does one that comes later.
pub async fn e05_a_reader_that_follows_the_feed_misses_nothing(h: &dyn Harness) {
    let log = Log::open(h, "e05").await;
    let (acknowledged, readers) = crowd(&log, [Filter::all(), Filter::all(), Filter::all()]).await;
    let later = log.feed().await;
    for seen in readers.iter().chain([&later]) {
        is_ordered(seen);
        let mut told: Vec<_> = acknowledged.iter().flat_map(|(ids, _)| ids.clone()).collect();
        let mut found: Vec<_> = seen.iter().map(RecordedEvent::id).collect();
        told.sort_unstable();
        found.sort_unstable();
        let lost = told.iter().filter(|id| found.binary_search(id).is_err()).count();
        let strange = found.iter().filter(|id| told.binary_search(id).is_err()).count();
        assert_eq!((lost, strange), (0, 0), "lost and unacknowledged of {} events", told.len());
        assert_eq!(seen, &later, "what a follower saw, and what is there");
    }
    for (ids, last) in &acknowledged {
        let places = ids.iter().map(|id| later.iter().find(|event| event.id() == *id));
        let places: Vec<_> = places.flatten().map(RecordedEvent::position).collect();
        assert!(places.is_sorted(), "a commit's events in its order: {places:?}");
        assert_eq!(places.last(), Some(last), "where the commit's last event landed");
    }
}

/// E5: the same holds for readers that filter: what they are spared does not cost them what they want.
pub async fn e05_a_reader_that_filters_misses_nothing(h: &dyn Harness) {
    let log = Log::open(h, "e05_filter").await;
    let wanted = ["hot", "own", "absent"];
    let filters = wanted.map(|category| Filter::categories([category]).expect("it is well formed"));
    let (_, readers) = crowd(&log, filters).await;
    let all = log.feed().await;
    for (category, seen) in wanted.into_iter().zip(readers) {
        let of_category = |event: &&RecordedEvent| StreamId::category(event.stream()) == category;
        let there: Vec<_> = all.iter().filter(of_category).cloned().collect();
        assert_eq!(seen.len(), there.len(), "events of `{category}`");
        assert_eq!(seen, there, "what a follower of `{category}` saw, and what is there");
    }
}
