//! S2 and S13: decisions that build on what is not acknowledged yet.

use futures::future::join_all;

use super::Harness;
use super::kit::{Log, append, event, rounds, stream};
use crate::ports::CommitError;
use crate::types::{
    Commit,
    ExpectedVersion::{After, Any, Exact, NoStream},
    StreamVersion,
};

/// How many commits build on each other.
const COMMITS: u64 = 16;

/// S13: of several commits that are all under way, each may expect the version that the one before it
/// leaves, if the store says that it keeps the order.
pub async fn s13_a_commit_may_build_on_one_that_is_not_acknowledged(h: &dyn Harness) {
    let store = h.open("s13_order").await;
    if !store.is_ordered() {
        return;
    }
    for round in 0..rounds(20, 200) {
        let stream = stream(&format!("round {round}"));
        let mut under_way = Vec::new();
        for n in 0..COMMITS {
            let expected = if n == 0 { NoStream } else { Exact(StreamVersion::new(n)) };
            let commit = append(&stream, expected, &[&format!("round {round}, event {n}")]);
            let mut committing = store.commit(commit);
            spend_budget().await;
            match futures::poll!(&mut committing) {
                std::task::Poll::Ready(done) => drop(done.expect("the versions follow each other")),
                std::task::Poll::Pending => under_way.push(committing),
            }
        }
        for done in join_all(under_way).await {
            done.unwrap_or_else(|error| {
                panic!("round {round}: overtaken by a later commit: {error}")
            });
        }
    }
}

/// Uses up what tokio lets a task do in one go, after which its own primitives pretend to wait.
async fn spend_budget() {
    for _ in 0..256 {
        let _ = futures::poll!(std::pin::pin!(tokio::task::consume_budget()));
    }
}

/// S2: an append or a check after an event holds just while the event is the newest of its stream. The same
/// version made by another event is not enough.
pub async fn s02_an_append_after_an_event_is_refused_unless_it_is_the_newest(h: &dyn Harness) {
    let log = Log::open(h, "s02_after").await;
    let (ours, other) = (stream("ours"), stream("other"));
    log.commit(append(&ours, NoStream, &["first"])).await;
    log.commit(append(&other, NoStream, &["elsewhere"])).await;
    let after = |tag| After(event(tag).id());
    for (wrong, version) in [("never recorded", 1), ("elsewhere", 1)] {
        let refused = log.0.commit(append(&ours, after(wrong), &["refused"])).await;
        let Err(CommitError::Conflict(conflict)) = refused else { panic!("{wrong}: {refused:?}") };
        assert_eq!((conflict.stream(), conflict.expected()), (&ours, after(wrong)), "{wrong}");
        assert_eq!(conflict.actual(), StreamVersion::new(version), "{wrong}");
    }
    let empty = log.0.commit(append(&stream("empty"), after("first"), &["refused"])).await;
    assert!(matches!(empty, Err(CommitError::Conflict(_))), "{empty:?}");
    log.commit(append(&ours, after("first"), &["second"])).await;
    let stale = log.0.commit(append(&ours, after("first"), &["refused"])).await;
    assert!(matches!(stale, Err(CommitError::Conflict(_))), "{stale:?}");
    let several = append(&ours, after("second"), &["third", "fourth"]);
    log.commit(several.append(&other, Any, [event("beside")])).await;
    log.commit(append(&ours, after("fourth"), &["fifth"])).await;
    let guarded = |tag| Commit::new().check(&ours, after(tag));
    match log.0.commit(guarded("fifth")).await {
        // A store need not keep checks.
        Err(CommitError::Invalid(_)) => {}
        done => {
            done.expect("the check holds");
            let stale = log.0.commit(guarded("fourth")).await;
            assert!(matches!(stale, Err(CommitError::Conflict(_))), "{stale:?}");
        }
    }
}
