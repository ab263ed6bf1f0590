//! S13: commits happen in the order in which they were asked for.

use futures::future::join_all;

use super::Harness;
use super::kit::{append, rounds, stream};
use crate::types::{
    ExpectedVersion::{Exact, NoStream},
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
