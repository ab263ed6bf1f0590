//! S10 and S11: what was acknowledged stays, and what was not is whole or absent.

use futures::poll;
use tokio::task::{JoinSet, yield_now};

use super::Harness;
use super::kit::{Log, all, append, event, events, id, inbox, rounds, stream};
use crate::ports::CommitError;
use crate::types::{
    Commit, Committed, DedupKey,
    ExpectedVersion::{Any, NoStream},
    PartKind, StreamVersion,
};

/// S10: with every handle dropped and the log opened again, all events, versions, positions and outcomes
/// are there, repetitions are known, and writing goes on behind them.
pub async fn s10_an_acknowledged_commit_is_there_after_reopening(h: &dyn Harness) {
    let log = Log::open(h, "s10").await;
    let [a, b] = ["a", "b"].map(stream);
    let mut commits = vec![
        append(&a, NoStream, &["a1", "a2"]).and(append(&b, NoStream, &["b1"])),
        Commit::new().append(&a, StreamVersion::new(2), events("more", 50)),
    ];
    if log.keeps(PartKind::Inbox).await {
        commits.push(append(&b, Any, &["b2"]).inbox(inbox("m1")));
        commits.push(Commit::new().inbox(inbox("m2")));
    }
    let mut answers = Vec::new();
    for commit in &commits {
        answers.push(log.commit(commit.clone()).await);
    }
    let keys: Vec<_> = commits.iter().flat_map(Commit::dedup_keys).collect();
    let before = log.seen(&[&a, &b], &keys).await;
    drop(log);

    for generation in 0..3 {
        let log = Log::open(h, "s10").await;
        if generation == 0 {
            let after = log.seen(&[&a, &b], &keys).await;
            assert!(before == after, "reopening changed {before:#?} to {after:#?}");
        }
        for (commit, first) in commits.iter().zip(&answers) {
            log.repeated(commit.clone(), first).await;
        }
        let more =
            append(&a, StreamVersion::new(52 + generation), &[&format!("late {generation}")]);
        let done = log.commit(more).await;
        assert!(done.token().position() > before.head, "{done:?} is not behind {}", before.head);
    }
}

/// Polls `commit` up to `polls` times and drops it. Whether it had ended.
async fn dropped(log: &Log, commit: Commit, polls: u32) -> bool {
    let mut pending = log.0.commit(commit);
    for _ in 0..polls {
        if poll!(pending.as_mut()).is_ready() {
            return true;
        }
        // Between two polls, the store's own threads and tasks may get on.
        yield_now().await;
    }
    false
}

/// 0, 1, 2, 3, and then ever wider steps: early polls are where the code differs, late ones are where
/// the disk is.
fn polls() -> impl Iterator<Item = u32> {
    (0..4).chain((2..16).flat_map(|n| [1 << n, 3 << (n - 1)]))
}

/// S11: a commit that is dropped after any number of polls is whole or absent, and the same commit again
/// tells which and makes it happen once.
pub async fn s11_a_dropped_commit_happens_once_when_repeated(h: &dyn Harness) {
    let log = Log::open(h, "s11_polls").await;
    let keys = log.keeps(PartKind::Inbox).await;
    for polls in polls() {
        let [a, b] = ["a", "b"].map(|half| stream(&format!("{half} {polls}")));
        let tags = [0, 1, 2].map(|n| format!("{polls} {n}"));
        let mut commit =
            append(&a, NoStream, &[&tags[0], &tags[1]]).and(append(&b, NoStream, &[&tags[2]]));
        if keys {
            commit = commit.inbox(inbox(&format!("after {polls}")));
        }
        let ended = dropped(&log, commit.clone(), polls).await;
        let sooner = log.stream(&a).await.len();
        let later = log.stream(&b).await.len();
        assert!(sooner == 0 || later == 1, "half of a dropped commit: {sooner} and {later} events");
        let first = log.commit(commit.clone()).await;
        assert!(first.is_duplicate() || !ended, "what was acknowledged happened again");
        log.holds(&a, &[&tags[0], &tags[1]]).await;
        log.holds(&b, &[&tags[2]]).await;
        log.repeated(commit.clone(), &first).await;
        for key in commit.dedup_keys() {
            assert!(log.outcome(&key).await.is_some(), "no outcome of {key:?}");
        }
        if ended {
            break;
        }
    }
}

/// S11: among others that write to the same stream, dropped and repeated commits happen once each, and
/// nothing else happens.
pub async fn s11_dropped_commits_among_others_happen_once(h: &dyn Harness) {
    let log = Log::open(h, "s11_crowd").await;
    let shared = stream("shared");
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (log, shared) = (log.clone(), shared.clone());
        tasks.spawn(async move {
            let mut answers = Vec::new();
            for (round, polls) in polls().take(rounds(16, 30) as usize).enumerate() {
                let commit = append(&shared, Any, &[&format!("shared {task} {round}")]).append(
                    &stream(&format!("own {task}")),
                    Any,
                    [event(&format!("own {task} {round}"))],
                );
                dropped(&log, commit.clone(), polls).await;
                let first = once(&log, &commit).await;
                assert!(once(&log, &commit).await.is_duplicate(), "it happened twice");
                answers.push((id(&format!("shared {task} {round}")), first));
            }
            answers
        });
    }
    let answers: Vec<_> =
        all("commits that are dropped", tasks).await.into_iter().flatten().collect();
    let recorded = log.stream(&shared).await;
    assert_eq!(recorded.len(), answers.len(), "events in the shared stream");
    for (event, answer) in &answers {
        let found: Vec<_> = recorded.iter().filter(|recorded| recorded.id() == *event).collect();
        let [found] = found[..] else { panic!("{event} is there {} times", found.len()) };
        assert_eq!(answer.version_of(&shared), Some(found.version()), "where {event} landed");
        assert!(log.outcome(&DedupKey::Event(*event)).await.is_some(), "no outcome of {event}");
    }
    assert_eq!(log.feed().await.len(), 2 * answers.len(), "events in the feed");
}

/// Commits until it is known that it happened.
async fn once(log: &Log, commit: &Commit) -> Committed {
    loop {
        match log.answer(commit.clone()).await {
            Ok(done) => return done,
            Err(CommitError::Unknown(_)) => yield_now().await,
            Err(other) => panic!("a dropped commit was refused when it was repeated: {other:?}"),
        }
    }
}
