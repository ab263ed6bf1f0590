//! E3: pages.

use super::Harness;
use super::event_store_streams::page;
use super::kit::{Log, append, event, events, stream, within};
use crate::types::{
    Commit,
    ExpectedVersion::{Any, NoStream},
    FeedPage, Filter, NewEvent, Position, ReadFrom, RecordedEvent, StreamVersion,
};

/// A page limit beyond this is too large to be tried.
const PAGE_MAX: usize = 20_000;

/// E3: the pages of a stream, of any size and in both directions, hold at most what was asked for, say
/// whether more follows, and joined are the stream.
pub async fn e03_the_pages_of_a_stream_joined_are_the_stream(h: &dyn Harness) {
    let log = Log::open(h, "e03_stream").await;
    let read = stream("read");
    log.commit(Commit::new().append(&read, NoStream, events("one", 5))).await;
    log.commit(append(&stream("other"), NoStream, &["other"])).await;
    log.commit(Commit::new().append(&read, Any, events("two", 6))).await;
    let whole = log.stream(&read).await;
    assert_eq!(whole.len(), 11, "events in the stream");
    for limit in 1..=12 {
        for backward in [false, true] {
            let mut from =
                if backward { ReadFrom::End } else { ReadFrom::After(StreamVersion::NONE) };
            let mut joined: Vec<RecordedEvent> = Vec::new();
            loop {
                let page = page(&log, &read, from, limit).await;
                assert!(page.events.len() <= limit, "{} events of {limit}", page.events.len());
                joined.extend(page.events);
                assert_eq!(
                    page.has_more,
                    joined.len() < whole.len(),
                    "more after {}",
                    joined.len()
                );
                let Some(last) = joined.last().filter(|_| page.has_more) else { break };
                let at = last.version();
                from = if backward { ReadFrom::Before(at) } else { ReadFrom::After(at) };
            }
            if backward {
                joined.reverse();
            }
            assert_eq!(joined, whole, "pages of {limit} joined, backward: {backward}");
        }
    }
}

pub(super) async fn feed_page(
    log: &Log,
    after: Position,
    filter: &Filter,
    limit: usize,
) -> FeedPage {
    let page = within("reading the feed", log.0.read_all(after, filter, limit)).await;
    page.expect("the feed is readable")
}

/// E3: the same of the feed, from any position in it.
pub async fn e03_the_pages_of_the_feed_joined_are_the_feed(h: &dyn Harness) {
    let log = Log::open(h, "e03_feed").await;
    let empty = feed_page(&log, Position::START, &Filter::all(), 10).await;
    assert_eq!(empty, FeedPage::default(), "the feed of an empty log");
    for n in 0..4 {
        let commit = Commit::new().append(&stream("a"), Any, events(&format!("a{n}"), 2));
        log.commit(commit.append(&stream("b"), Any, events(&format!("b{n}"), 1))).await;
    }
    let whole = log.feed().await;
    assert_eq!(whole.len(), 12, "events in the feed");
    let starts: Vec<_> = whole.iter().map(RecordedEvent::position).collect();
    for (index, start) in [Position::START].into_iter().chain(starts).enumerate() {
        for limit in 1..=13 {
            let (mut after, mut joined) = (start, Vec::new());
            loop {
                let page = feed_page(&log, after, &Filter::all(), limit).await;
                assert!(page.events.len() <= limit, "{} events of {limit}", page.events.len());
                joined.extend(page.events);
                let rest = whole.len() - index - joined.len();
                assert_eq!(page.has_more, rest > 0, "more, with {rest} to come");
                if !page.has_more {
                    assert_eq!(page.upto, log.head().await, "the end of the last page");
                    break;
                }
                let last = joined.last().map_or(after, RecordedEvent::position);
                assert!(page.upto >= last, "the page ends at {}, before {last}", page.upto);
                assert!(page.upto > after, "a page that ends where it began, with more to come");
                after = page.upto;
            }
            assert_eq!(joined, whole[index..], "pages of {limit} after {start} joined");
        }
    }
}

/// E3: whatever the reader asks for, a page is no larger than the store's limit, and says that more
/// follows.
pub async fn e03_a_page_is_bounded_by_the_limits(h: &dyn Harness) {
    let log = Log::open(h, "e03_bound").await;
    let limits = *log.0.limits();
    let max = limits.events_per_page_max.max(1);
    if max > PAGE_MAX {
        return;
    }
    let read = stream("read");
    let all: Vec<_> = (0..=max)
        .map(|n| NewEvent::new(event(&n.to_string()).id(), event("").name().clone(), ""))
        .collect();
    for some in all.chunks(limits.events_per_commit_max.clamp(1, 1_000)) {
        log.commit(Commit::new().append(&read, Any, some.to_vec())).await;
    }
    for asked in [max + 1, usize::MAX] {
        for from in [ReadFrom::After(StreamVersion::NONE), ReadFrom::End] {
            let page = page(&log, &read, from, asked).await;
            assert!(page.events.len() <= max, "{} events, at most {max}", page.events.len());
            assert!(page.has_more, "more follows, {from:?}");
        }
        let page = feed_page(&log, Position::START, &Filter::all(), asked).await;
        assert!(page.events.len() <= max, "{} events, at most {max}", page.events.len());
        assert!(page.has_more, "more of the feed follows");
    }
    assert_eq!(log.stream(&read).await.len(), max + 1, "pages of the stream joined");
    assert_eq!(log.feed().await.len(), max + 1, "pages of the feed joined");
}
