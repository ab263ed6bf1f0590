//! S12: what a writer is told.

use tokio::task::JoinSet;

use super::Harness;
use super::kit::{Log, all, append, event, events, inbox, rounds, stream};
use crate::types::{
    Commit,
    ExpectedVersion::{Any, NoStream},
    PartKind, RecordedEvent, StreamVersion, Token,
};

/// S12: the answer names each stream that was written with its version, in the order of the appends,
/// the positions of the first and the last event, and a token of this log at the last.
pub async fn s12_the_answer_says_where_the_commit_landed(h: &dyn Harness) {
    let log = Log::open(h, "s12").await;
    let [a, b, c] = ["a", "b", "c"].map(stream);
    let at = |stream: &_, version| (Clone::clone(stream), StreamVersion::new(version));
    let rounds = [
        (Commit::new().append(&a, NoStream, events("one", 3)), vec![at(&a, 3)]),
        (
            Commit::new()
                .append(&c, NoStream, events("two", 1))
                .append(&a, StreamVersion::new(3), events("three", 2))
                .append(&b, Any, events("four", 4)),
            vec![at(&c, 1), at(&a, 5), at(&b, 4)],
        ),
        (append(&b, Any, &["five"]), vec![at(&b, 5)]),
    ];
    for (commit, versions) in rounds {
        let keys = commit.dedup_keys().count();
        let before = log.feed().await.len();
        let done = log.commit(commit).await;
        assert!(!done.is_duplicate(), "a first commit passed for a repetition");
        assert_eq!(done.versions(), versions, "the versions of the written streams");
        let feed = log.feed().await;
        let written = &feed[before..];
        assert_eq!(written.len(), keys, "events that were written");
        let first = written.first().map(RecordedEvent::position);
        let last = written.last().map(RecordedEvent::position);
        let told = done.positions().map(|p| (*p.start(), *p.end()));
        assert_eq!(told, first.zip(last), "the positions of the first and the last event");
        let token = last.map(|last| Token::new(log.0.identity(), last));
        assert_eq!(Some(done.token()), token, "the token");
    }
}

/// S12: a commit without events is answered with a token at the head, and with no versions and positions.
pub async fn s12_without_events_the_token_is_at_the_head(h: &dyn Harness) {
    let log = Log::open(h, "s12_eventless").await;
    let mut eventless = Vec::new();
    if log.keeps(PartKind::Checks).await {
        eventless.push(Commit::new().check(&stream("unwritten"), NoStream));
    }
    if log.keeps(PartKind::Inbox).await {
        eventless.push(Commit::new().inbox(inbox("m")));
    }
    for (n, commit) in eventless.into_iter().enumerate() {
        let head =
            log.commit(Commit::new().append(&stream("a"), Any, events(&n.to_string(), 3))).await;
        let done = log.commit(commit).await;
        assert_eq!((done.versions(), done.positions()), (&[][..], None), "of no events");
        assert_eq!(done.token(), head.token(), "the token of a commit without events");
        assert_eq!(
            log.head().await,
            head.token().position(),
            "the head after a commit without events"
        );
    }
}

/// S12: of commits that race on one stream, each is told where its own events landed.
pub async fn s12_racing_commits_are_told_their_own_places(h: &dyn Harness) {
    let log = Log::open(h, "s12_race").await;
    let shared = stream("shared");
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (log, shared) = (log.clone(), shared.clone());
        tasks.spawn(async move {
            let mut told = Vec::new();
            for round in 0..rounds(10, 100) {
                let [first, last] =
                    ["first", "last"].map(|end| event(&format!("{task} {round} {end}")));
                let ids = (first.id(), last.id());
                told.push((
                    ids,
                    log.commit(Commit::new().append(&shared, Any, [first, last])).await,
                ));
            }
            told
        });
    }
    let told: Vec<_> = all("racing commits", tasks).await.into_iter().flatten().collect();
    let feed = log.feed().await;
    for ((first, last), done) in told {
        let find = |id| feed.iter().find(|event| event.id() == id).expect("it was acknowledged");
        let (first, last) = (find(first), find(last));
        assert_eq!(done.version_of(&shared), Some(last.version()), "the version that was told");
        let positions = done.positions().map(|p| (*p.start(), *p.end()));
        assert_eq!(positions, Some((first.position(), last.position())), "the positions");
        assert_eq!(done.token(), Token::new(log.0.identity(), last.position()), "the token");
    }
}
