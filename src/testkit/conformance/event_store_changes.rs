//! E8: wake-ups.

use std::pin::pin;
use std::sync::Arc;

use futures::poll;
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::Harness;
use super::kit::{Log, all, append, inbox, rounds, stream, within};
use crate::types::{Commit, ExpectedVersion::Any, PartKind, Position, StreamVersion};

async fn changed(log: &Log, after: Position) {
    let woken = within("waiting for a commit that has happened", log.0.changed(after)).await;
    woken.expect("the feed can be waited for");
}

/// E8: beyond a position behind the head there is nothing to wait for.
pub async fn e08_a_wait_behind_the_head_ends_at_once(h: &dyn Harness) {
    let log = Log::open(h, "e08_behind").await;
    let mut passed = vec![Position::START];
    for n in 0..3 {
        passed.push(
            log.commit(append(&stream("a"), Any, &[&n.to_string()])).await.token().position(),
        );
        for after in &passed[..passed.len() - 1] {
            changed(&log, *after).await;
            changed(&log, *after).await;
        }
    }
}

/// E8: at the head, a wait ends after the next commit of events, and neither before nor for a commit
/// without events.
pub async fn e08_a_wait_at_the_head_ends_with_the_next_commit(h: &dyn Harness) {
    let log = Log::open(h, "e08_next").await;
    let a = stream("a");
    let mut after = Position::START;
    for n in 0..3 {
        let mut waiting = pin!(log.0.changed(after));
        for step in 0..4 {
            for _ in 0..20 {
                assert!(
                    poll!(waiting.as_mut()).is_pending(),
                    "woken with nothing new, after step {step}"
                );
                yield_now().await;
            }
            match step {
                0 => drop(
                    log.refused(append(&a, StreamVersion::new(1_000), &["refused"]), &[&a]).await,
                ),
                1 if log.keeps(PartKind::Checks).await => {
                    let _ = log.commit(Commit::new().check(&a, Any)).await;
                }
                2 if log.keeps(PartKind::Inbox).await => {
                    let _ = log.commit(Commit::new().inbox(inbox(&n.to_string()))).await;
                }
                _ => {}
            }
        }
        after = log.commit(append(&a, Any, &[&n.to_string()])).await.token().position();
        within("waiting for a commit", waiting).await.expect("the feed can be waited for");
    }
}

/// E8: however a wait and a commit cross, the wait ends; so do all waits of several.
pub async fn e08_no_wake_up_is_lost_in_a_race(h: &dyn Harness) {
    let log = Log::open(h, "e08_race").await;
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
                changed(&log, after).await;
                assert!(log.head().await > after, "woken before the head moved");
            });
        }
        let (writing, writer_together) = (log.clone(), together);
        tasks.spawn(async move {
            writer_together.wait().await;
            if round % 2 == 0 {
                yield_now().await;
            }
            writing.commit(append(&stream("a"), Any, &[&round.to_string()])).await;
        });
        all("a wait that races with a commit", tasks).await;
    }
}

/// E8: a commit by any handle ends the waits on every handle.
pub async fn e08_a_commit_by_another_handle_wakes(h: &dyn Harness) {
    let log = Log::open(h, "e08_handles").await;
    let other = Log::open(h, "e08_handles").await;
    for round in 0..rounds(10, 100) {
        let after = log.head().await;
        let (writer, reader) = if round % 2 == 0 { (&log, &other) } else { (&other, &log) };
        let waits = [reader.clone(), writer.clone(), reader.clone()];
        let mut tasks = JoinSet::new();
        for log in waits {
            tasks.spawn(async move { changed(&log, after).await });
        }
        yield_now().await;
        writer.commit(append(&stream("a"), Any, &[&round.to_string()])).await;
        all("a wait on another handle", tasks).await;
    }
}

/// E8: a wait that is dropped takes nobody's wake-up with it, and asking again misses nothing.
pub async fn e08_dropping_a_wait_loses_nothing(h: &dyn Harness) {
    let log = Log::open(h, "e08_dropped").await;
    for round in 0..rounds(10, 100) {
        let after = log.head().await;
        let mut dropped: Vec<_> = (0..3).map(|_| log.0.changed(after)).collect();
        let mut kept = log.0.changed(after);
        for wait in &mut dropped {
            assert!(poll!(wait.as_mut()).is_pending(), "woken with nothing new");
        }
        assert!(poll!(kept.as_mut()).is_pending(), "woken with nothing new");
        // One goes before the commit, one after it and unpolled, one after it and polled.
        drop(dropped.pop());
        log.commit(append(&stream("a"), Any, &[&round.to_string()])).await;
        drop(dropped.pop());
        if let Some(mut last) = dropped.pop() {
            let _ = poll!(last.as_mut());
        }
        within("a wait beside dropped ones", kept).await.expect("the feed can be waited for");
        changed(&log, after).await;
    }
}
