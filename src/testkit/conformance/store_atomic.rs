//! S1: all of a commit, or nothing.

use tokio::task::JoinSet;
use tokio::task::yield_now;

use super::Harness;
use super::kit::{Log, all, append, event, rounds, stream};
use crate::ports::CommitError;
use crate::types::{
    Commit,
    ExpectedVersion::{Any, NoStream, StreamExists},
};

/// S1: a commit is readable in all its streams, and one refused append keeps the others out.
pub async fn s01_a_commit_over_two_streams_is_whole_or_absent(h: &dyn Harness) {
    let log = Log::open(h, "s01_whole").await;
    let [a, b, c] = ["a", "b", "c"].map(stream);
    log.commit(append(&a, NoStream, &["a1", "a2"]).and(append(&b, NoStream, &["b1"]))).await;
    log.holds(&a, &["a1", "a2"]).await;
    log.holds(&b, &["b1"]).await;
    assert_eq!(log.feed().await.len(), 3, "the events in the feed");

    // The refused append stands first, in the middle and last.
    for refused in 0..3 {
        let mut commit = Commit::new();
        for (n, stream) in [&a, &c, &b].into_iter().enumerate() {
            let expected =
                if n == refused { if stream == &c { StreamExists } else { NoStream } } else { Any };
            commit = commit.append(stream, expected, [event(&format!("refused {refused} {n}"))]);
        }
        let error = log.refused(commit, &[&a, &b, &c]).await;
        assert!(matches!(error, CommitError::Conflict(_)), "{error:?}");
    }
}

/// S1: while commits over three streams are written, no reader sees one of them in part, neither in the
/// streams nor in the feed.
pub async fn s01_readers_never_see_half_a_commit(h: &dyn Harness) {
    let log = Log::open(h, "s01_readers").await;
    let [a, b, c] = ["a", "b", "c"].map(stream);
    let mut writer = JoinSet::new();
    let (writing, [first, second, third]) = (log.clone(), [a.clone(), b.clone(), c.clone()]);
    writer.spawn(async move {
        for n in 0..rounds(60, 1_000) {
            let mut commit = Commit::new();
            for stream in [&first, &second, &third] {
                commit = commit.append(stream, Any, [event(&format!("{stream} {n}"))]);
            }
            writing.commit(commit).await;
            yield_now().await;
        }
    });
    loop {
        let over = writer.try_join_next().is_some();
        // What is in the stream that is read first must be in the one that is read after it.
        for (sooner, later) in [(&a, &c), (&c, &a), (&b, &a)] {
            let (sooner_count, later_count) =
                (log.stream(sooner).await.len(), log.stream(later).await.len());
            assert!(sooner_count <= later_count, "half a commit: in {sooner}, not yet in {later}");
        }
        let feed = log.feed().await;
        let count = |stream| feed.iter().filter(|event| event.stream() == stream).count();
        let counts = [count(&a), count(&b), count(&c)];
        assert!(counts[0] == counts[1] && counts[1] == counts[2], "half a commit: {counts:?}");
        if over {
            break;
        }
        yield_now().await;
    }
    all("the writer", writer).await;
}
