//! S4 and S5: an event's id decides whether a commit is a repetition, and of what.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Harness;
use super::kit::{Log, all, append, event, id, name, rounds, stream};
use crate::ports::CommitError;
use crate::types::{
    Commit,
    ExpectedVersion::{self, Any, Exact, NoStream},
    Metadata, NewEvent, PartKind, StreamId, StreamVersion,
};

/// S4: the same commit again, at once and after other commits, with one stream and with several, is
/// answered as it was the first time.
pub async fn s04_a_repeat_is_answered_as_the_first_was(h: &dyn Harness) {
    let log = Log::open(h, "s04_repeat").await;
    let [a, b, c] = ["a", "b", "c"].map(stream);
    let single = append(&a, NoStream, &["a1", "a2"]);
    let several = append(&c, NoStream, &["c1"]).and(append(&b, Any, &["b1", "b2"]));
    let first = log.commit(single.clone()).await;
    assert!(!first.is_duplicate(), "the first of its kind");
    log.repeated(single.clone(), &first).await;
    let second = log.commit(several.clone()).await;
    log.repeated(several.clone(), &second).await;
    log.commit(append(&a, Any, &["a3"]).and(append(&b, Any, &["b3"]))).await;
    for _ in 0..2 {
        log.repeated(single.clone(), &first).await;
        log.repeated(several.clone(), &second).await;
    }
}

/// S4: a repetition is one whatever versions it expects, of streams it writes and of streams it checks.
pub async fn s04_a_repeat_needs_no_expectation_to_hold(h: &dyn Harness) {
    let log = Log::open(h, "s04_expected").await;
    let [a, b] = ["a", "b"].map(stream);
    let first = log.commit(append(&a, NoStream, &["a1", "a2"])).await;
    let wrong: [ExpectedVersion; 4] =
        [NoStream, StreamVersion::new(1).into(), StreamVersion::new(9).into(), Any];
    for expected in wrong {
        log.repeated(append(&a, expected, &["a1", "a2"]), &first).await;
    }
    if log.keeps(PartKind::Checks).await {
        let checked = append(&a, Any, &["a3"]).check(&b, NoStream);
        let first = log.commit(checked.clone()).await;
        log.commit(append(&b, NoStream, &["b1"])).await;
        log.repeated(checked, &first).await;
    }
}

/// S4: when many commit the same at once, it happens once, and all are told the same.
pub async fn s04_racing_repeats_happen_once(h: &dyn Harness) {
    let log = Log::open(h, "s04_race").await;
    for round in 0..rounds(10, 200) {
        let [a, b] = ["a", "b"].map(|half| stream(&format!("{half} {round}")));
        let tags = [0, 1, 2].map(|n| format!("{round} {n}"));
        let commit =
            append(&a, NoStream, &[&tags[0], &tags[1]]).and(append(&b, NoStream, &[&tags[2]]));
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (log, commit, together) = (log.clone(), commit.clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                log.commit(commit).await
            });
        }
        let answers = all("racing repeats", tasks).await;
        let firsts: Vec<_> = answers.iter().filter(|answer| !answer.is_duplicate()).collect();
        let [first] = firsts[..] else { panic!("answered as the first: {firsts:?}") };
        for repeat in answers.iter().filter(|answer| answer.is_duplicate()) {
            assert_eq!(repeat, &first.clone().as_duplicate(), "what a repetition was told");
        }
        log.holds(&a, &[&tags[0], &tags[1]]).await;
        log.holds(&b, &[&tags[2]]).await;
    }
}

async fn is_reused(log: &Log, commit: Commit, streams: &[&StreamId], ids: &[&str]) {
    match log.refused(commit, streams).await {
        CommitError::IdReused(reused) => {
            assert!(ids.iter().any(|tag| id(tag) == reused), "{reused} is not of {ids:?}");
        }
        other => panic!("expected a reused id of {ids:?}, not {other:?}"),
    }
}

/// S5: a recorded id with another payload, name or metadata is refused, alone, among others, and if the
/// other content came first in a race.
pub async fn s05_an_id_with_other_content_is_refused(h: &dyn Harness) {
    let log = Log::open(h, "s05_content").await;
    let [a, b] = ["a", "b"].map(stream);
    let actor = |who| Metadata::new().with_actor(who).expect("a short name");
    let recorded = event("a1").with_metadata(actor("alice"));
    let first =
        log.commit(Commit::new().append(&a, NoStream, [recorded.clone(), event("a2")])).await;
    let data = recorded.data().clone();
    for other in [
        NewEvent::new(id("a1"), name("Tested"), "{}").with_metadata(actor("alice")),
        NewEvent::new(id("a1"), name("Tested"), [&data[..], b" "].concat())
            .with_metadata(actor("alice")),
        NewEvent::new(id("a1"), name("tested"), data.clone()).with_metadata(actor("alice")),
        NewEvent::new(id("a1"), name("Tested"), data.clone()).with_metadata(actor("bob")),
        NewEvent::new(id("a1"), name("Tested"), data.clone()),
    ] {
        for expected in [Any, Exact(StreamVersion::new(2))] {
            let alone = Commit::new().append(&a, expected, [other.clone()]);
            is_reused(&log, alone, &[&a], &["a1"]).await;
        }
        let whole = Commit::new().append(&a, Any, [other.clone(), event("a2")]);
        is_reused(&log, whole, &[&a], &["a1", "a2"]).await;
        let beside = append(&b, Any, &["b1"]).append(&a, Any, [other, event("a2")]);
        is_reused(&log, beside, &[&a, &b], &["a1", "a2"]).await;
    }
    log.repeated(Commit::new().append(&a, NoStream, [recorded, event("a2")]), &first).await;
}

/// S5: a recorded id is refused in any other stream, be it new or not.
pub async fn s05_an_id_in_another_stream_is_refused(h: &dyn Harness) {
    let log = Log::open(h, "s05_stream").await;
    let [a, b, c] = ["a", "b", "c"].map(stream);
    log.commit(append(&a, NoStream, &["a1"]).and(append(&b, NoStream, &["b1"]))).await;
    for commit in [
        append(&c, Any, &["a1"]),
        append(&b, Any, &["a1"]),
        append(&a, Any, &["b1"]).and(append(&b, Any, &["a1"])),
        append(&c, Any, &["a1", "b1"]),
    ] {
        is_reused(&log, commit, &[&a, &b, &c], &["a1", "b1"]).await;
    }
}

/// S5: a commit of which only some events are recorded is refused: new events before, after and beside
/// old ones.
pub async fn s05_a_commit_recorded_in_part_is_refused(h: &dyn Harness) {
    let log = Log::open(h, "s05_part").await;
    let [a, b] = ["a", "b"].map(stream);
    log.commit(append(&a, NoStream, &["a1", "a2"])).await;
    for commit in [
        append(&a, Any, &["a1", "a2", "a3"]),
        append(&a, Any, &["a3", "a1", "a2"]),
        append(&a, Any, &["a2", "a3"]),
        append(&a, Any, &["a1", "a2"]).and(append(&b, Any, &["b1"])),
        append(&b, Any, &["b1"]).and(append(&a, Any, &["a1", "a2"])),
    ] {
        is_reused(&log, commit, &[&a, &b], &["a1", "a2"]).await;
    }
    log.holds(&a, &["a1", "a2"]).await;
}
