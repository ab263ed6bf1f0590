//! O6: wake-ups of those who publish.

use std::pin::pin;
use std::sync::Arc;

use futures::poll;
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::OutboxHarness;
use super::kit::{all, append, inbox, rounds, stream, within};
use super::outbox_kit::{OutboxLog, SOON, later, sent};
use crate::types::{
    Commit,
    ExpectedVersion::{Any, StreamExists},
    Position,
};

/// O6: beyond a position behind the head there is nothing to wait for, be the messages there or trimmed.
pub async fn o06_a_wait_behind_the_head_ends_at_once(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o06_behind").await;
    let mut passed = vec![Position::START];
    for n in 0..3 {
        log.commit(sent(&n.to_string(), "key", 1)).await;
        passed.push(log.head().await);
        for after in &passed[..passed.len() - 1] {
            log.changed(*after).await;
            log.changed(*after).await;
        }
    }
    log.trim(log.head().await).await;
    log.changed(passed[2]).await;
}

/// O6: at the head, a wait ends after the next commit of messages, and neither before nor for a commit without
/// messages.
pub async fn o06_a_wait_at_the_head_ends_with_the_next_message(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o06_next").await;
    for n in 0..3 {
        let after = log.head().await;
        let mut waiting = pin!(log.store.outbox_changed(after));
        for step in 0..4 {
            for _ in 0..20 {
                let is_pending = poll!(waiting.as_mut()).is_pending();
                assert!(is_pending, "woken with nothing new, after step {step}");
                yield_now().await;
            }
            let tag = format!("{n} {step}");
            match step {
                0 if log.appends => {
                    let stale = append(&stream("absent"), StreamExists, &["absent"]);
                    drop(log.refused(stale.and(sent(&tag, "key", 1))).await);
                }
                1 if log.appends => drop(log.commit(append(&stream("a"), Any, &[&tag])).await),
                2 if log.inbox => drop(log.commit(Commit::new().inbox(inbox(&tag))).await),
                _ => {}
            }
        }
        log.commit(sent(&n.to_string(), "key", 1)).await;
        within("waiting for a message", waiting).await.expect("the outbox can be waited for");
    }
}

/// O6: however a wait and a commit cross, the wait ends; so do all waits of several.
pub async fn o06_no_wake_up_is_lost_in_a_race(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o06_race").await;
    for round in 0..rounds(100, 5_000) {
        let after = log.head().await;
        let together = Arc::new(Barrier::new(4));
        let mut tasks = JoinSet::new();
        for waiter in 0..3 {
            let (log, together) = (log.clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                for _ in 0..waiter {
                    yield_now().await;
                }
                log.changed(after).await;
                assert!(log.head().await > after, "woken before the head moved");
            });
        }
        let (writing, writer_together) = (log.clone(), together);
        tasks.spawn(async move {
            writer_together.wait().await;
            if round % 2 == 0 {
                yield_now().await;
            }
            writing.commit(sent(&round.to_string(), "key", 1)).await;
        });
        all("a wait that races with a message", tasks).await;
    }
}

/// O6: a commit by any handle ends the waits on every handle.
pub async fn o06_a_message_by_another_handle_wakes(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o06_handles").await;
    let other = OutboxLog::open(h, "o06_handles").await;
    for round in 0..rounds(10, 100) {
        let after = log.head().await;
        let (writer, reader) = if round % 2 == 0 { (&log, &other) } else { (&other, &log) };
        let waits = [reader.clone(), writer.clone(), reader.clone()];
        let mut tasks = JoinSet::new();
        for log in waits {
            tasks.spawn(async move { log.changed(after).await });
        }
        yield_now().await;
        writer.commit(sent(&round.to_string(), "key", 1)).await;
        all("a wait on another handle", tasks).await;
    }
}

/// O6: a wait that is dropped takes nobody's wake-up with it, and asking again misses nothing.
pub async fn o06_dropping_a_wait_loses_nothing(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o06_dropped").await;
    for round in 0..rounds(10, 100) {
        let after = log.head().await;
        let mut dropped: Vec<_> = (0..3).map(|_| log.store.outbox_changed(after)).collect();
        let mut kept = log.store.outbox_changed(after);
        for wait in &mut dropped {
            assert!(poll!(wait.as_mut()).is_pending(), "woken with nothing new");
        }
        assert!(poll!(kept.as_mut()).is_pending(), "woken with nothing new");
        // One goes before the commit, one after it and unpolled, one after it and polled.
        drop(dropped.pop());
        log.commit(sent(&round.to_string(), "key", 1)).await;
        drop(dropped.pop());
        if let Some(mut last) = dropped.pop() {
            let _ = poll!(last.as_mut());
        }
        within("a wait beside dropped ones", kept).await.expect("the outbox can be waited for");
        log.changed(after).await;
    }
}

/// O6: a message that comes into the log since it is due ends the waits as one that was sent just now does; before, it
/// ends none.
pub async fn o06_what_has_come_due_wakes(h: &dyn OutboxHarness) {
    let log = OutboxLog::open(h, "o06_due").await;
    let due = log.now().await + SOON;
    log.commit(Commit::new().send(&later("soon", due))).await;
    log.passed(due).await;
    let after = log.head().await;
    let mut waiting = pin!(log.store.outbox_changed(after));
    for _ in 0..20 {
        assert!(poll!(waiting.as_mut()).is_pending(), "woken by a message that is not in the log");
        yield_now().await;
    }
    log.due(10).await;
    within("waiting for what is due", waiting).await.expect("the outbox can be waited for");
}
