//! A1 to A6: what is moved, and how it reads.

use super::ArchiveHarness;
use super::archive_kit::{ArchiveLog, close};
use super::kit::{append, stream_in};
use crate::ports::CommitError;
use crate::types::{
    Archived, Commit,
    ExpectedVersion::{Any, NoStream},
    PartKind, StreamVersion,
};

/// A1: streams in both directions, pages of the feed with and without a filter, the head and outcomes read the same after every
/// step; and so does what is written between steps.
pub async fn a01_everything_reads_the_same_after_every_step(h: &dyn ArchiveHarness) {
    let log = ArchiveLog::open(h, "a01_steps").await;
    let written = log.write().await;
    let before = log.read(&written).await;
    let mut moved = 0;
    for size in [1, 2, 30].into_iter().cycle() {
        let step = log.archive(size).await;
        moved += step.events;
        let after = log.read(&written).await;
        assert!(before == after, "after {moved} events: {before:#?} is now {after:#?}");
        if !step.has_more {
            break;
        }
    }
    assert!(moved > 150, "only {moved} events were moved");
    // The newest event of the log is one that is moved, too.
    let late = stream_in("cart", "late");
    let head = log.log.commit(close(&late, "late")).await.token().position();
    assert_eq!(log.archive_all(5).await.events, 1);
    assert_eq!(log.log.head().await, head, "the head is an event that was moved");
    let next = log.log.commit(append(&stream_in("cart", "next"), NoStream, &["next"])).await;
    assert!(next.token().position() > head, "{next:?} is not behind {head}");
    assert_eq!(log.log.stream(&late).await.len(), 1, "events of the last stream that was closed");
}

/// A2: nothing is moved while no stream is closed, and then nothing but the events of those that are.
pub async fn a02_no_event_of_an_open_stream_is_moved(h: &dyn ArchiveHarness) {
    let log = ArchiveLog::open(h, "a02").await;
    let [over, open] = ["over", "open"].map(|id| stream_in("order", id));
    for n in 0..4 {
        let commit = append(&over, Any, &[&format!("over {n}")]);
        log.log.commit(commit.and(append(&open, Any, &[&format!("open {n}")]))).await;
    }
    assert_eq!(log.archive(100).await, Archived::default(), "no stream is closed");
    log.log.commit(close(&over, "over")).await;
    assert_eq!(log.archive_all(100).await, Archived::new(5, 1, false), "of the closed stream");
    log.log.commit(append(&open, StreamVersion::new(4), &["open 4"])).await;
    assert_eq!(log.archive(100).await, Archived::default(), "the other stream is open");
    assert_eq!(log.log.stream(&open).await.len(), 5, "events of the open stream");
}

/// A3: a step moves what was asked for, at most; 0 counts as 1, and the limits of a page hold; it says of how many streams
/// the last events were among them, and whether more is left.
pub async fn a03_a_step_moves_what_was_asked_for_and_says_whether_more_is_left(
    h: &dyn ArchiveHarness,
) {
    let log = ArchiveLog::open(h, "a03").await;
    let written = log.write().await;
    let all = log.events_of(&written.closed).await.len() as u64;
    let page_max = log.log.0.limits().events_per_page_max as u64;
    let (mut moved, mut streams) = (0, 0);
    for size in [0, 1, 2, 3, 50].into_iter().chain([usize::MAX].into_iter().cycle()) {
        let step = log.archive(size).await;
        let most = (size as u64).clamp(1, page_max);
        assert_eq!(step.events, most.min(all - moved), "events in a step of {size}");
        moved += step.events;
        streams += step.streams;
        assert_eq!(step.has_more, moved < all, "more after {moved} of {all}");
        if !step.has_more {
            break;
        }
    }
    assert_eq!(streams, written.closed.len() as u64, "streams that were moved to their ends");
    assert_eq!(log.archive(1).await, Archived::default(), "nothing is left");
}

/// A5: of what was moved, wholly or in part, repetitions are answered as the first time, ids are taken, and streams are closed.
pub async fn a05_what_was_moved_is_known_as_before(h: &dyn ArchiveHarness) {
    let log = ArchiveLog::open(h, "a05").await;
    let written = log.write().await;
    for size in [20, 100, usize::MAX] {
        let _ = log.archive(size).await;
        for (commit, first) in &written.commits {
            log.log.repeated(commit.clone(), first).await;
            for key in commit.dedup_keys().take(3) {
                assert!(log.log.outcome(&key).await.is_some(), "no outcome of {key:?}");
            }
        }
        for (n, over) in written.closed.iter().enumerate() {
            let other = stream_in("cart", &format!("other {n} {size}"));
            let tag = format!("{over} last");
            let reused = append(&other, Any, &[&format!("fresh {n} {size}"), &tag]);
            let error = log.log.refused(reused, &[over, &other]).await;
            assert!(matches!(error, CommitError::IdReused(_)), "a taken id was {error:?}");
            let late = append(over, Any, &[&format!("late {n} {size}")]);
            let error = log.log.refused(late, &[over]).await;
            assert!(matches!(error, CommitError::Closed(_)), "a late event was {error:?}");
            if log.log.keeps(PartKind::Checks).await {
                let version = log.log.stream(over).await.len() as u64;
                log.log.commit(Commit::new().check(over, StreamVersion::new(version))).await;
            }
        }
    }
}

/// A6: with every handle dropped in the middle and the log opened again, all reads as it was, what was moved is not moved again, and
/// the rest is.
pub async fn a06_what_was_moved_is_there_after_reopening_and_is_not_moved_again(
    h: &dyn ArchiveHarness,
) {
    let log = ArchiveLog::open(h, "a06").await;
    let written = log.write().await;
    let all = log.events_of(&written.closed).await.len() as u64;
    let before = log.read(&written).await;
    let mut moved = log.archive(60).await.events;
    drop(log);
    let log = ArchiveLog::open(h, "a06").await;
    let after = log.read(&written).await;
    assert!(before == after, "reopening changed {before:#?} to {after:#?}");
    moved += log.archive_all(60).await.events;
    drop(log);
    let log = ArchiveLog::open(h, "a06").await;
    assert_eq!(log.archive(60).await, Archived::default(), "all was moved before");
    assert_eq!(moved, all, "events that were moved, and those of closed streams");
    assert!(before == log.read(&written).await, "it reads otherwise when all is moved");
}
