//! S2 and S3: nothing is written on an assumption that does not hold.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Harness;
use super::kit::{Log, all, append, event, events, rounds, stream};
use crate::ports::CommitError;
use crate::types::{
    Commit,
    ExpectedVersion::{self, Any, Exact, NoStream, StreamExists},
    PartKind, StreamId, StreamVersion,
};

const fn exact(version: u64) -> ExpectedVersion {
    Exact(StreamVersion::new(version))
}

/// Every form of expectation beside every version of 0 to 3, and whether it holds there. Spelled out,
/// not asked of the code that stores ask.
fn expectations() -> impl Iterator<Item = (u64, ExpectedVersion, bool)> {
    (0..=3).flat_map(|version| {
        let exact = (0..=4).map(move |n| (version, exact(n), n == version));
        let forms = [(Any, true), (NoStream, version == 0), (StreamExists, version > 0)];
        forms.into_iter().map(move |(form, holds)| (version, form, holds)).chain(exact)
    })
}

/// A stream at `version`, made for one case.
async fn stream_at(log: &Log, case: usize, version: u64) -> StreamId {
    let stream = stream(&format!("case {case}"));
    if version > 0 {
        log.commit(Commit::new().append(&stream, Any, events(&format!("before {case}"), version)))
            .await;
    }
    stream
}

fn is_conflict(error: &CommitError, on: &StreamId, expected: ExpectedVersion, actual: u64) {
    let CommitError::Conflict(conflict) = error else {
        panic!("expected a conflict on {on}, not {error:?}");
    };
    assert_eq!(
        (conflict.stream(), conflict.expected(), conflict.actual()),
        (on, expected, StreamVersion::new(actual)),
        "what the conflict says"
    );
}

/// S2: each form of expectation, on streams at several versions, is believed just when it holds; if not,
/// the conflict names the stream, the expectation and the version, and nothing is written.
pub async fn s02_an_append_is_refused_unless_its_expectation_holds(h: &dyn Harness) {
    let log = Log::open(h, "s02_forms").await;
    for (case, (version, expected, holds)) in expectations().enumerate() {
        let stream = stream_at(&log, case, version).await;
        let commit = append(&stream, expected, &[&format!("case {case}")]);
        if holds {
            let done = log.commit(commit).await;
            assert_eq!(done.version_of(&stream), Some(StreamVersion::new(version + 1)));
        } else {
            is_conflict(&log.refused(commit, &[&stream]).await, &stream, expected, version);
        }
    }
}

/// S2: one expectation that does not hold refuses the whole commit, wherever it stands in it, and does
/// not keep the same events out later.
pub async fn s02_one_wrong_expectation_refuses_all_appends(h: &dyn Harness) {
    let log = Log::open(h, "s02_all").await;
    let [a, b] = ["a", "b"].map(stream);
    log.commit(append(&a, NoStream, &["a1"])).await;
    let good = |commit: Commit| commit.append(&b, NoStream, [event("b1")]);
    let wrong = |commit: Commit| commit.append(&a, exact(7), [event("a2")]);
    for commit in [good(wrong(Commit::new())), wrong(good(Commit::new()))] {
        is_conflict(&log.refused(commit, &[&a, &b]).await, &a, exact(7), 1);
    }
    log.commit(append(&a, exact(1), &["a2"]).and(append(&b, NoStream, &["b1"]))).await;
    log.holds(&a, &["a1", "a2"]).await;
    log.holds(&b, &["b1"]).await;
}

/// S2: of many appends that race for one version, one is written, and the others are told what it is at.
pub async fn s02_of_racing_appends_at_one_version_one_wins(h: &dyn Harness) {
    let log = Log::open(h, "s02_race").await;
    for round in 0..rounds(10, 200) {
        let contested = stream(&format!("round {round}"));
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for writer in 0..8 {
            let (log, contested, together) = (log.clone(), contested.clone(), together.clone());
            tasks.spawn(async move {
                let commit = append(&contested, exact(0), &[&format!("{round} {writer}")]);
                together.wait().await;
                log.answer(commit).await
            });
        }
        let answers = all("racing appends", tasks).await;
        assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1, "winners in {answers:?}");
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            is_conflict(error, &contested, exact(0), 1);
        }
        assert_eq!(log.stream(&contested).await.len(), 1, "events of one winner");
    }
}

/// S3: a check on a stream that is not written guards the commit with each form of expectation.
pub async fn s03_a_commit_is_refused_unless_its_checks_hold(h: &dyn Harness) {
    let log = Log::open(h, "s03_forms").await;
    if !log.keeps(PartKind::Checks).await {
        return;
    }
    for (case, (version, expected, holds)) in expectations().enumerate() {
        let guarded = stream_at(&log, case, version).await;
        let written = stream(&format!("written {case}"));
        let commit = append(&written, Any, &[&format!("case {case}")]).check(&guarded, expected);
        if holds {
            log.commit(commit).await;
            log.holds(&written, &[&format!("case {case}")]).await;
            assert_eq!(log.stream(&guarded).await.len() as u64, version, "events after a check");
        } else {
            let error = log.refused(commit, &[&guarded, &written]).await;
            is_conflict(&error, &guarded, expected, version);
        }
    }
}

/// S3: a check guards also when there is nothing to write, and every check of several.
pub async fn s03_checks_guard_a_commit_without_events(h: &dyn Harness) {
    let log = Log::open(h, "s03_alone").await;
    if !log.keeps(PartKind::Checks).await {
        return;
    }
    let [a, b] = ["a", "b"].map(stream);
    log.commit(append(&a, NoStream, &["a1"])).await;
    let answer = log.commit(Commit::new().check(&a, exact(1)).check(&b, NoStream)).await;
    assert_eq!((answer.versions(), answer.positions()), (&[][..], None), "nothing is written");
    for (wrong, on) in [
        (Commit::new().check(&a, exact(2)), &a),
        (Commit::new().check(&a, exact(1)).check(&b, StreamExists), &b),
        (Commit::new().check(&b, StreamExists).check(&a, exact(1)), &b),
    ] {
        let error = log.refused(wrong, &[&a, &b]).await;
        assert!(matches!(&error, CommitError::Conflict(c) if c.stream() == on), "{error:?}");
    }
}

/// S3: of two racing commits that each write what the other one checks, at most one is written. This is
/// the write skew that guards on written streams alone let pass.
pub async fn s03_of_racing_commits_that_check_each_other_one_wins(h: &dyn Harness) {
    let log = Log::open(h, "s03_skew").await;
    if !log.keeps(PartKind::Checks).await {
        return;
    }
    for round in 0..rounds(40, 1_000) {
        let [left, right] = ["left", "right"].map(|side| stream(&format!("{side} {round}")));
        let together = Arc::new(Barrier::new(2));
        let mut tasks = JoinSet::new();
        for (mine, other) in [(left.clone(), right.clone()), (right, left)] {
            let (log, together) = (log.clone(), together.clone());
            tasks.spawn(async move {
                let commit = append(&mine, NoStream, &[&format!("{mine}")]).check(&other, NoStream);
                together.wait().await;
                log.answer(commit).await
            });
        }
        let answers = all("commits that check each other", tasks).await;
        assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1, "winners in {answers:?}");
    }
}
