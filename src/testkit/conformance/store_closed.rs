//! S14: a stream that was closed takes no more events.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Harness;
use super::kit::{Log, all, append, event, id, rounds, stream};
use crate::ports::CommitError;
use crate::types::{
    Closing, Commit,
    ExpectedVersion::{After, Any, Exact, NoStream, StreamExists},
    NewEvent, PartKind, RecordedEvent, StreamId, StreamVersion,
};

/// The event that belongs to `tag`, and closes its stream.
pub(super) fn closing(tag: &str) -> NewEvent {
    Closing::because("the suite is done with it").event(id(tag))
}

/// A stream at version 3, whose last event has closed it.
async fn closed(log: &Log, name: &str) -> StreamId {
    let stream = stream(name);
    log.commit(append(&stream, NoStream, &[&format!("{name} 1")])).await;
    let last = [event(&format!("{name} 2")), closing(&format!("{name} 3"))];
    log.commit(Commit::new().append(&stream, StreamVersion::new(1), last)).await;
    stream
}

fn is_closed(error: &CommitError, on: &StreamId, at: u64) {
    let CommitError::Closed(closed) = error else {
        panic!("expected that {on} is closed, not {error:?}");
    };
    assert_eq!((closed.stream(), closed.version()), (on, StreamVersion::new(at)), "what is closed");
}

/// S14: every append to a closed stream is refused as one to a closed stream, whatever it expects and whatever stands beside
/// it, and nothing of it is written; other streams go on, and the stream reads as it was.
pub async fn s14_a_closed_stream_takes_no_more_events(h: &dyn Harness) {
    let log = Log::open(h, "s14").await;
    let (over, open) = (closed(&log, "over").await, stream("open"));
    let exact = |version| Exact(StreamVersion::new(version));
    let after = [After(id("over 3")), After(id("over 2"))];
    let forms = [Any, NoStream, StreamExists, exact(3), exact(2), exact(0), exact(4)];
    for (n, expected) in forms.into_iter().chain(after).enumerate() {
        let late = |commit: Commit| commit.append(&over, expected, [event(&format!("late {n}"))]);
        let good = |commit: Commit| commit.append(&open, Any, [event(&format!("good {n}"))]);
        let again = Commit::new().append(&over, expected, [closing(&format!("again {n}"))]);
        for commit in
            [late(Commit::new()), again, good(late(Commit::new())), late(good(Commit::new()))]
        {
            is_closed(&log.refused(commit, &[&over, &open]).await, &over, 3);
        }
    }
    let first = Commit::new().append(&stream("at once"), NoStream, [closing("at once 1")]);
    log.commit(first).await;
    let late = append(&stream("at once"), Any, &["late"]);
    is_closed(&log.refused(late, &[&stream("at once")]).await, &stream("at once"), 1);
    log.commit(append(&open, NoStream, &["good 0"])).await;
    log.holds(&open, &["good 0"]).await;
    log.holds(&over, &["over 1", "over 2", "over 3"]).await;
    let read = log.stream(&over).await;
    let closes: Vec<_> = read.iter().map(RecordedEvent::closes).collect();
    assert_eq!(closes, [false, false, true], "which event closes the stream");
    let said = read.last().and_then(Closing::of);
    assert_eq!(said, Some(Closing::because("the suite is done with it")), "what it says");
}

/// S14: a check on a closed stream guards as on any other: it holds at the version at which the stream was closed.
pub async fn s14_a_check_on_a_closed_stream_holds_as_on_others(h: &dyn Harness) {
    let log = Log::open(h, "s14_checks").await;
    if !log.keeps(PartKind::Checks).await {
        return;
    }
    let (over, other) = (closed(&log, "over").await, stream("other"));
    for (n, expected) in [Any, StreamExists, Exact(StreamVersion::new(3)), After(id("over 3"))]
        .into_iter()
        .enumerate()
    {
        log.commit(append(&other, Any, &[&format!("other {n}")]).check(&over, expected)).await;
    }
    for expected in [NoStream, Exact(StreamVersion::new(2)), After(id("over 2"))] {
        let wrong = append(&other, Any, &["wrong"]).check(&over, expected);
        let error = log.refused(wrong, &[&over, &other]).await;
        assert!(matches!(&error, CommitError::Conflict(c) if c.stream() == &over), "{error:?}");
    }
    log.commit(Commit::new().check(&over, StreamVersion::new(3))).await;
}

/// S14: a commit that has closed a stream is repeated as any other: it is answered as the first time, whatever it
/// expects.
pub async fn s14_a_commit_that_closed_a_stream_is_repeated_as_any_other(h: &dyn Harness) {
    let log = Log::open(h, "s14_repeats").await;
    let [over, open] = ["over", "open"].map(stream);
    let commit = |expected| {
        let last = [event("last"), closing("closing")];
        Commit::new().append(&open, Any, [event("open 1")]).append(&over, expected, last)
    };
    let first = log.commit(commit(NoStream)).await;
    assert_eq!(first.version_of(&over), Some(StreamVersion::new(2)), "where the closing stands");
    for expected in [NoStream, Any, Exact(StreamVersion::new(2)), Exact(StreamVersion::new(7))] {
        log.repeated(commit(expected), &first).await;
    }
    let more = append(&over, Any, &["more"]);
    is_closed(&log.refused(more, &[&over]).await, &over, 2);
}

/// S14: of a closing and appends that race with it, none stands behind it: each is there before it, or is refused.
pub async fn s14_nothing_stands_behind_a_closing_that_others_race_with(h: &dyn Harness) {
    let log = Log::open(h, "s14_race").await;
    for round in 0..rounds(10, 200) {
        let contested = stream(&format!("round {round}"));
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for writer in 0..8 {
            let (log, contested, together) = (log.clone(), contested.clone(), together.clone());
            tasks.spawn(async move {
                let tag = format!("{round} {writer}");
                let event = if writer % 4 == 3 { closing(&tag) } else { event(&tag) };
                together.wait().await;
                log.answer(Commit::new().append(&contested, Any, [event])).await
            });
        }
        let answers = all("appends that race with closings", tasks).await;
        let recorded = log.stream(&contested).await;
        let closes: Vec<_> = recorded.iter().map(RecordedEvent::closes).collect();
        let last = closes.iter().position(|closes| *closes).map(|at| at + 1);
        assert_eq!(last, Some(recorded.len()), "the first that closes the stream is the last");
        let written = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(written, recorded.len(), "events that were acknowledged, and are there");
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            is_closed(error, &contested, recorded.len() as u64);
        }
    }
}

/// S14: what was closed is closed when the log is opened again.
pub async fn s14_a_closed_stream_is_closed_after_reopening(h: &dyn Harness) {
    let log = Log::open(h, "s14_reopened").await;
    let over = closed(&log, "over").await;
    drop(log);
    let log = Log::open(h, "s14_reopened").await;
    is_closed(&log.refused(append(&over, Any, &["late"]), &[&over]).await, &over, 3);
    log.commit(append(&stream("open"), NoStream, &["open 1"])).await;
}
