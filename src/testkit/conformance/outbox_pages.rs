//! O4 and O5: pages, and where the log ends.

use super::OutboxHarness;
use super::kit::{append, stream};
use super::outbox_kit::{OutboxLog, ids, sent};
use crate::types::{
    ExpectedVersion::{Any, StreamExists},
    FeedPage, Position, RecordedEvent,
};

/// A page limit beyond this is too large to be tried.
const PAGE_MAX: usize = 20_000;
/// A commit of so many messages is within any limits.
const COMMIT_MAX: usize = 1_000;

/// O4: pages of any size, from any position, hold at most what was asked for, say whether more follows, and joined are
/// the log.
pub async fn o04_the_pages_joined_are_the_log(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o04_joined").await;
    assert_eq!(log.page(Position::START, 10).await, FeedPage::default(), "an empty outbox");
    for n in 0..4 {
        log.commit(sent(&format!("{n}"), "key", 3)).await;
    }
    let whole = log.log().await;
    assert_eq!(whole.len(), 12, "messages in the log");
    let starts: Vec<_> = whole.iter().map(RecordedEvent::position).collect();
    for (index, start) in [Position::START].into_iter().chain(starts).enumerate() {
        for limit in 0..=13_usize {
            let (mut after, mut joined) = (start, Vec::new());
            loop {
                let page = log.page(after, limit).await;
                let count = page.events.len();
                assert!(count <= limit.max(1), "{count} messages of {limit}");
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

/// O4: whatever the reader asks for, a page is no larger than the store's limit, and says that more follows.
pub async fn o04_a_page_of_the_outbox_is_bounded_by_the_limits(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o04_bound").await;
    let limits = *log.store.limits();
    let max = limits.events_per_page_max.max(1);
    if max > PAGE_MAX {
        return;
    }
    let (mut count, each) = (0, limits.messages_per_commit_max.clamp(1, COMMIT_MAX));
    while count <= max {
        let some = each.min(max + 1 - count);
        let some = u32::try_from(some).expect("a commit of the suite is small");
        log.commit(sent(&count.to_string(), "key", some)).await;
        count += some as usize;
    }
    for asked in [max + 1, usize::MAX] {
        let page = log.page(Position::START, asked).await;
        assert!(page.events.len() <= max, "{} messages, at most {max}", page.events.len());
        assert!(page.has_more, "more of the log follows");
    }
    assert_eq!(ids(&log.log().await).len(), max + 1, "pages joined");
}

/// O5: head and end are the start in an empty outbox and then the position of the newest message; what sends none leaves
/// them where they are.
pub async fn o05_the_head_is_the_newest_message(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o05").await;
    assert_eq!([log.head().await, log.end().await], [Position::START; 2], "an empty outbox");
    for n in 0..4_u32 {
        log.commit(sent(&n.to_string(), "key", 1 + n)).await;
        let newest = log.log().await.last().map(RecordedEvent::position);
        let head = log.head().await;
        assert_eq!(newest, Some(head), "the head is the newest message");
        assert_eq!(log.end().await, head, "the end, with nobody writing");
        let tag = format!("without {n}");
        if log.appends {
            log.commit(append(&stream(&tag), Any, &[&tag])).await;
            let stale = append(&stream("absent"), StreamExists, &["absent"]);
            log.refused(stale.and(sent("refused", "key", 1))).await;
        } else if log.inbox {
            log.commit(log.laden(crate::types::Commit::new(), &tag)).await;
        }
        assert_eq!(log.head().await, head, "the head after what sent nothing");
    }
}

/// O5: head and end stay where they are when messages are trimmed, be it all of them, and when the log is opened again.
pub async fn o05_trimming_does_not_move_the_head(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o05_trimmed").await;
    log.commit(sent("a", "key", 3)).await;
    let head = log.head().await;
    let first = log.log().await[0].position();
    for upto in [first, head] {
        log.trim(upto).await;
        assert_eq!([log.head().await, log.end().await], [head; 2], "trimmed up to {upto}");
        let page = log.page(Position::START, 10).await;
        assert_eq!((page.upto, page.has_more), (head, false), "how far a page reaches");
    }
    let page = log.page(head, 10).await;
    assert_eq!(page, FeedPage::new(Vec::new(), head, false), "a page at the head");
    drop(log);
    let log = OutboxLog::open(h, "o05_trimmed").await;
    assert_eq!([log.head().await, log.end().await], [head; 2], "opened again");
    log.commit(sent("b", "key", 1)).await;
    let newest = log.log().await[0].position();
    assert!(newest > head, "{newest} after {head}");
    assert_eq!(log.head().await, newest, "the head after the next message");
}
