//! O7 and O9: what goes, and what stays.

use chrono::TimeDelta;

use super::OutboxHarness;
use super::kit::message;
use super::outbox_kit::{OutboxLog, SOON, ids, later, sent};
use crate::types::{Commit, Position, RecordedEvent};

/// O7: trimming removes the messages up to a position, says how many those were, and removes no other, be that one that
/// is not due yet.
pub async fn o07_trimming_removes_what_is_up_to_a_position(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o07_trimmed").await;
    assert_eq!(log.trim(Position::new(9)).await, 0, "trimmed of an empty outbox");
    let due = log.now().await + TimeDelta::hours(1);
    log.commit(Commit::new().send(&later("late", due))).await;
    for n in 0..4 {
        log.commit(sent(&n.to_string(), "key", 3)).await;
    }
    let whole = log.log().await;
    let at: Vec<_> = whole.iter().map(RecordedEvent::position).collect();
    for (upto, trimmed, first) in
        [(Position::START, 0, 0), (at[4], 5, 5), (at[4], 0, 5), (at[0], 0, 5), (at[5], 1, 6)]
    {
        assert_eq!(log.trim(upto).await, trimmed, "trimmed up to {upto}");
        assert_eq!(log.log().await, whole[first..], "what is there after trimming up to {upto}");
        let page = log.page(at[6], 2).await;
        assert_eq!((page.events, page.has_more), (whole[7..9].to_vec(), true), "a page in it");
    }
    assert_eq!(log.trim(Position::new(u64::MAX)).await, 6, "trimmed beyond the head");
    log.holds(&[]).await;
    log.send(&["after"]).await;
    log.holds(&[message("after", "key")]).await;
    assert_eq!(log.due(10).await, Some(due), "what is not due is not trimmed");
}

/// O7: a position is never given to another message, though its own was trimmed and the log opened again.
pub async fn o07_positions_are_never_given_out_again(h: &dyn OutboxHarness) {
    let mut newest = Position::START;
    for generation in 0..3 {
        let log = OutboxLog::open(h, "o07_again").await;
        for n in 0..3 {
            log.commit(sent(&format!("{generation} {n}"), "key", 2)).await;
            let there = log.log().await;
            assert_eq!(there.len(), 2, "messages since the last trimming");
            for recorded in there {
                assert!(recorded.position() > newest, "{} after {newest}", recorded.position());
                newest = recorded.position();
            }
            log.trim(newest).await;
        }
    }
}

/// O9: with every handle dropped and the log opened again, all messages are there, those that are not due included.
pub async fn o09_what_was_acknowledged_is_there_after_reopening(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o09").await;
    let now = log.now().await;
    let [soon, late] = [later("soon", now + SOON), later("late", now + TimeDelta::hours(1))];
    log.commit(sent("a", "key", 3).send(&soon).send(&late)).await;
    log.commit(log.laden(sent("b", "key", 2), "beside")).await;
    let before = log.seen().await;
    drop(log);
    for _ in 0..2 {
        let log = OutboxLog::open(h, "o09").await;
        assert_eq!(before, log.seen().await, "what is there after reopening");
    }
    let log = OutboxLog::open(h, "o09").await;
    log.passed(now + SOON).await;
    let next = log.due(10).await;
    assert_eq!(next, Some(now + TimeDelta::hours(1)), "when the next one is due");
    assert_eq!(ids(&log.log().await), [soon.id()], "what was due");
    drop(log);
    let log = OutboxLog::open(h, "o09").await;
    log.holds(&[soon]).await;
    assert_eq!(log.due(10).await, next, "when the next one is due, opened again");
}
