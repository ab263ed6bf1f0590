//! E9 and E10: what a log remembers, and which log it is.

use super::Harness;
use super::kit::{Log, append, event, id, inbox, name, stream};
use crate::types::{
    Commit, DedupKey,
    ExpectedVersion::{Any, NoStream},
    InboxKey, LogId, NewEvent, PartKind, RecordedEvent, StreamVersion,
};

/// E9: every event of every commit is found, at its own version and position.
pub async fn e09_an_outcome_is_found_by_each_event(h: &dyn Harness) {
    let log = Log::open(h, "e09_event").await;
    let [a, b] = ["a", "b"].map(stream);
    log.commit(append(&a, NoStream, &["a1", "a2", "a3"]).and(append(&b, NoStream, &["b1"]))).await;
    log.commit(append(&b, Any, &["b2"])).await;
    log.commit(append(&a, Any, &["a4"])).await;
    let feed = log.feed().await;
    assert_eq!(feed.len(), 6, "events in the feed");
    for event in &feed {
        let known = log.outcome(&DedupKey::Event(event.id())).await;
        let known = known.unwrap_or_else(|| panic!("no outcome of {}", event.id()));
        let place = [(event.stream().clone(), event.version())];
        assert_eq!(known.versions(), place, "the stream and the version of the event");
        let at = event.position();
        assert_eq!(known.positions(), Some(&(at..=at)), "the position of the event");
        assert!(known.token().position() >= at, "the token of {at}: {}", known.token());
    }
}

/// E9: a commit with an inbox key is found by it, with the answer it was given, whatever came after.
pub async fn e09_an_outcome_is_found_by_the_inbox_key(h: &dyn Harness) {
    let log = Log::open(h, "e09_inbox").await;
    if !log.keeps(PartKind::Inbox).await {
        return;
    }
    let [a, b] = ["a", "b"].map(stream);
    let mut answers = Vec::new();
    for (message, commit) in [
        ("m1", append(&a, NoStream, &["a1", "a2"]).and(append(&b, NoStream, &["b1"]))),
        ("m2", Commit::new()),
        ("m3", append(&a, Any, &["a3"])),
    ] {
        answers.push((message, log.commit(commit.inbox(inbox(message))).await));
    }
    log.commit(append(&b, Any, &["b2"])).await;
    for (message, answer) in answers {
        let known = log.outcome(&DedupKey::Inbox(inbox(message))).await;
        let known = known.unwrap_or_else(|| panic!("no outcome of {message}"));
        let told = (answer.versions(), answer.positions(), answer.token());
        assert_eq!((known.versions(), known.positions(), known.token()), told, "of {message}");
    }
}

/// E9: nothing is found of what was never committed: of unknown, refused and malformed commits, and of
/// what repetitions brought along.
pub async fn e09_no_outcome_is_found_of_what_was_not_committed(h: &dyn Harness) {
    let log = Log::open(h, "e09_nothing").await;
    let a = stream("a");
    let unknown = [DedupKey::Event(id("never")), DedupKey::Inbox(inbox("never"))];
    for key in &unknown {
        assert_eq!(log.outcome(key).await, None, "in an empty log");
    }
    log.commit(append(&a, NoStream, &["a1"])).await;
    let mut refused = vec![
        append(&a, NoStream, &["conflict"]),
        append(&a, Any, &["twice", "twice"]),
        append(&a, Any, &["a1", "beside a reused id"]),
        Commit::new().append(&a, StreamVersion::new(4), [event("ahead")]),
    ];
    if log.keeps(PartKind::Inbox).await {
        let other = NewEvent::new(id("a1"), name("Other"), "{}");
        refused.push(append(&a, NoStream, &["conflict 2"]).inbox(inbox("conflict")));
        refused.push(Commit::new().append(&a, Any, [other]).inbox(inbox("reused")));
        let _ = log.commit(Commit::new().inbox(inbox("m1"))).await;
    }
    for commit in refused {
        log.refused(commit.clone(), &[&a]).await;
        for key in commit.dedup_keys().filter(|key| *key != DedupKey::Event(id("a1"))) {
            assert_eq!(log.outcome(&key).await, None, "of a refused commit");
        }
    }
    if log.keeps(PartKind::Inbox).await {
        log.commit(append(&a, Any, &["passenger"]).inbox(inbox("m1"))).await;
        let alike = InboxKey::new("conformance ", "m1").expect("it is well formed");
        for key in [DedupKey::Event(id("passenger")), DedupKey::Inbox(alike)] {
            assert_eq!(log.outcome(&key).await, None, "of {key:?}");
        }
    }
    for key in &unknown {
        assert_eq!(log.outcome(key).await, None, "in a log with events");
    }
}

/// E10: a log has one identity, on every handle and after opening it again, and no other log has it.
pub async fn e10_the_identity_is_the_logs(h: &dyn Harness) {
    let log = Log::open(h, "e10_one").await;
    let other = Log::open(h, "e10_other").await;
    let identity = log.0.identity();
    assert_ne!(identity, other.0.identity(), "two logs with one identity");
    assert_eq!(Log::open(h, "e10_one").await.0.identity(), identity, "on a second handle");
    log.commit(append(&stream("a"), NoStream, &["a1"])).await;
    assert_eq!(log.0.identity(), identity, "after a commit");
    drop(log);
    assert_eq!(Log::open(h, "e10_one").await.0.identity(), identity, "after opening it again");
    assert_ne!(other.0.identity(), identity, "two logs with one identity");
}

/// E10: every token names the log: of first commits and repetitions, with events and without, and of
/// outcomes.
pub async fn e10_every_token_names_the_log(h: &dyn Harness) {
    let log = Log::open(h, "e10_tokens").await;
    let identity: LogId = log.0.identity();
    let a = stream("a");
    let mut commits = vec![append(&a, NoStream, &["a1", "a2"])];
    if log.keeps(PartKind::Inbox).await {
        commits.push(append(&a, Any, &["a3"]).inbox(inbox("m1")));
        commits.push(Commit::new().inbox(inbox("m2")));
    }
    if log.keeps(PartKind::Checks).await {
        commits.push(Commit::new().check(&a, Any));
    }
    for commit in commits {
        for _ in 0..2 {
            let done = log.commit(commit.clone()).await;
            assert_eq!(done.token().log(), identity, "the token of a commit");
        }
        for key in commit.dedup_keys() {
            let known = log.outcome(&key).await.unwrap_or_else(|| panic!("no outcome of {key:?}"));
            assert_eq!(known.token().log(), identity, "the token of an outcome");
        }
    }
    let last = log.feed().await.last().map(RecordedEvent::position);
    assert_eq!(last, Some(log.head().await), "the newest event");
}
