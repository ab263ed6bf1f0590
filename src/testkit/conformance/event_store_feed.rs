//! E4, E6 and E7: the feed while nobody writes.

use std::collections::HashSet;

use super::Harness;
use super::event_store_pages::feed_page;
use super::kit::{Log, append, event, events, inbox, stream, stream_in};
use crate::types::{
    Commit, EventId,
    ExpectedVersion::{Any, NoStream, StreamExists},
    Filter, NewEvent, PartKind, Position, RecordedEvent, StreamId, StreamVersion,
};

/// E4: positions strictly grow; a commit's events stand in the order of its appends, and a stream's in
/// the order of their versions; every event is there once.
pub async fn e04_the_feed_is_in_commit_order(h: &dyn Harness) {
    let log = Log::open(h, "e04").await;
    let streams = ["c", "a", "b"].map(stream);
    let mut appended = Vec::new();
    for n in 0..10 {
        let mut commit = Commit::new();
        for (m, stream) in streams.iter().cycle().skip(n).take(1 + n % 3).enumerate() {
            let new = events(&format!("{n} {m}"), 1 + (n as u64 + m as u64) % 3);
            appended.extend(new.iter().map(|event| (stream.clone(), event.id())));
            commit = commit.append(stream, Any, new);
        }
        log.commit(commit).await;
    }
    let feed = log.feed().await;
    let found: Vec<_> = feed.iter().map(|event| (event.stream().clone(), event.id())).collect();
    assert_eq!(found, appended, "the feed in the order of the commits");
    is_ordered(&feed);
    for stream in &streams {
        let of_stream: Vec<_> = feed.iter().filter(|e| e.stream() == stream).cloned().collect();
        assert_eq!(of_stream, log.stream(stream).await, "{stream} in the feed and by itself");
    }
}

/// What holds of any feed: positions grow from 1 on, no event is there twice, and each stream counts its
/// versions without a gap.
pub(super) fn is_ordered(feed: &[RecordedEvent]) {
    let mut before = Position::START;
    let mut ids: HashSet<EventId> = HashSet::new();
    let mut streams = std::collections::HashMap::<&StreamId, StreamVersion>::new();
    for event in feed {
        assert!(event.position() > before, "{} stands after {before}", event.position());
        before = event.position();
        assert!(ids.insert(event.id()), "{} is there twice", event.id());
        let version = streams.entry(event.stream()).or_default();
        *version = version.plus(1);
        assert_eq!(event.version(), *version, "the next version of {}", event.stream());
    }
}

/// E6: a filter leaves out the events of other categories and nothing else, with pages of any size, also
/// where one category's name begins another's.
pub async fn e06_a_filter_leaves_out_other_categories_only(h: &dyn Harness) {
    let log = Log::open(h, "e06").await;
    let categories = ["order", "order_line", "orde", "o", "_", "rare"];
    for n in 0..6 {
        let mut commit = Commit::new();
        for category in &categories[..if n == 3 { 6 } else { 5 }] {
            let tag = format!("{category} {n}");
            commit = commit.append(&stream_in(category, "1"), Any, [event(&tag)]);
        }
        // An id that names another category is still of its own.
        commit = commit.append(
            &stream_in("note", &format!("order-{n}")),
            Any,
            events(&format!("n{n}"), 2),
        );
        log.commit(commit).await;
    }
    let feed = log.feed().await;
    let wanted: [&[&str]; 9] = [
        &["order"],
        &["orde"],
        &["rare"],
        &["_"],
        &["order_line", "o"],
        &["absent"],
        &["absent", "rare", "rare"],
        &[],
        &["order", "order_line", "orde", "o", "_", "rare", "note"],
    ];
    for categories in wanted {
        let filter = Filter::categories(categories.iter().copied()).expect("they are well formed");
        let admitted = |event: &&RecordedEvent| categories.contains(&event.stream().category());
        let admitted: Vec<_> = feed.iter().filter(admitted).cloned().collect();
        for limit in [1, 2, 3, 7, 100] {
            let joined = read_filtered(&log, &filter, limit).await;
            assert_eq!(joined, admitted, "{categories:?}, pages of {limit}");
        }
    }
}

/// All events that `filter` wants, by pages; and `upto` has passed over the rest.
async fn read_filtered(log: &Log, filter: &Filter, limit: usize) -> Vec<RecordedEvent> {
    let (mut after, mut joined) = (Position::START, Vec::new());
    loop {
        let page = feed_page(log, after, filter, limit).await;
        assert!(page.events.len() <= limit, "{} events of {limit}", page.events.len());
        let last = page.events.last().map_or(after, RecordedEvent::position);
        assert!(page.upto >= last, "the page ends at {}, before its last event {last}", page.upto);
        joined.extend(page.events);
        if !page.has_more {
            assert_eq!(page.upto, log.head().await, "`upto` after the last page");
            return joined;
        }
        assert!(page.upto > after, "a page that ends where it began, with more to come");
        after = page.upto;
    }
}

/// E6: a reader that wants nothing of what was written is taken to the head all the same, and goes on
/// from there.
pub async fn e06_upto_passes_over_what_was_left_out(h: &dyn Harness) {
    let log = Log::open(h, "e06_upto").await;
    let filter = Filter::categories(["wanted"]).expect("it is well formed");
    let mut after = Position::START;
    for n in 0..4 {
        log.commit(Commit::new().append(&stream_in("other", "1"), Any, events(&format!("{n}"), 5)))
            .await;
        let mut page = feed_page(&log, after, &filter, 2).await;
        while page.has_more {
            assert!(page.events.is_empty() && page.upto > after, "{page:?} after {after}");
            after = page.upto;
            page = feed_page(&log, after, &filter, 2).await;
        }
        assert_eq!((page.events, page.upto), (vec![], log.head().await), "nothing wanted");
        after = page.upto;
        let again = feed_page(&log, after, &filter, 2).await;
        assert_eq!((again.upto, again.has_more), (after, false), "at the head there is no more");
    }
    let wanted: NewEvent = event("wanted");
    log.commit(Commit::new().append(&stream_in("wanted", "1"), NoStream, [wanted.clone()])).await;
    let page = feed_page(&log, after, &filter, 2).await;
    let ids: Vec<_> = page.events.iter().map(RecordedEvent::id).collect();
    assert_eq!(ids, [wanted.id()], "what was wanted at last");
}

/// E7: the head is the start in an empty log and then the position of the newest event; what writes no
/// event leaves it where it is.
pub async fn e07_the_head_is_the_newest_event(h: &dyn Harness) {
    let log = Log::open(h, "e07").await;
    assert_eq!(log.head().await, Position::START, "the head of an empty log");
    let a = stream("a");
    log.refused(append(&a, StreamExists, &["refused"]), &[&a]).await;
    assert_eq!(log.head().await, Position::START, "the head after a refusal");
    for n in 0..4 {
        let commit = Commit::new().append(&a, Any, events(&format!("{n}"), 1 + n));
        let done = log.commit(commit.clone()).await;
        let head = log.head().await;
        assert_eq!(Some(head), log.feed().await.last().map(RecordedEvent::position), "the newest");
        assert_eq!(head, done.token().position(), "the head and the token of the last commit");
        log.commit(commit).await;
        log.refused(append(&a, NoStream, &["refused"]), &[&a]).await;
        if log.keeps(PartKind::Checks).await {
            log.commit(Commit::new().check(&a, Any)).await;
        }
        if log.keeps(PartKind::Inbox).await {
            log.commit(Commit::new().inbox(inbox(&format!("m{n}")))).await;
        }
        assert_eq!(log.head().await, head, "the head after what wrote no event");
    }
}
