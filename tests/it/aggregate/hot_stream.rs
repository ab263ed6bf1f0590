//! Many tasks on one stream.

use std::collections::BTreeSet;

use freehold::aggregate::{ExecuteError, Options};
use freehold::{CommitError, InvalidCommit, Repository, StreamVersion};

use super::fixture::{Account, Entry, Overdrawn, Upset, Watched};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_many_tasks_share_commits_and_none_is_lost() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    store.shut();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(
                async move { accounts.execute("hot", |a| a.pay(1)).await.unwrap().version() },
            )
        })
        .collect();
    store.gate.add_permits(1_000);
    let mut versions = BTreeSet::new();
    for task in tasks {
        versions.insert(task.await.unwrap());
    }
    assert_eq!(versions, (1..=64).map(StreamVersion::new).collect(), "each its own version");
    assert_eq!(accounts.load("hot").await.unwrap().cents, 64);
    assert!(store.commits() <= 64, "{} commits: somebody met a conflict", store.commits());
}

/// Polls all of `futures` once, and says which are done.
fn poll_all<F: Future + Unpin>(futures: &mut [F]) -> usize {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    futures
        .iter_mut()
        .filter_map(|future| match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(_) => Some(()),
            std::task::Poll::Pending => None,
        })
        .count()
}

#[tokio::test]
async fn while_one_commit_is_under_way_all_others_gather_in_the_next() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("hot", |a| a.pay(1)).await.unwrap();
    store.shut();
    let mut commands: Vec<_> =
        (0..100).map(|_| accounts.execute("hot", |a| a.pay(1)).into_future()).collect();
    assert_eq!(poll_all(&mut commands), 0);
    store.gate.add_permits(2);
    for command in commands {
        command.await.unwrap();
    }
    assert_eq!(
        store.commits(),
        3,
        "one alone before, the first of the hundred, and the 99 that waited"
    );
    assert_eq!(accounts.load("hot").await.unwrap().cents, 101);
}

#[tokio::test]
async fn a_shared_commit_holds_no_more_commands_than_it_may() {
    let store = Watched::new();
    let options = Options { commands_per_commit_max: 10, ..Options::default() };
    let accounts = Repository::<Account>::with_options(store.clone(), options);
    accounts.execute("hot", |a| a.pay(1)).await.unwrap();
    store.shut();
    let mut commands: Vec<_> =
        (0..31).map(|_| accounts.execute("hot", |a| a.pay(1)).into_future()).collect();
    assert_eq!(poll_all(&mut commands), 0);
    store.gate.add_permits(1_000);
    for command in commands {
        command.await.unwrap();
    }
    assert_eq!(store.commits(), 1 + 4);
}

#[tokio::test]
async fn a_refusal_on_what_is_not_yet_durable_waits_for_it() {
    let store = Watched::new();
    let options = Options { retry: freehold::retry::RetryPolicy::NEVER, ..Options::default() };
    let accounts = Repository::<Account>::with_options(store.clone(), options);
    accounts.execute("hot", |a| a.pay(10)).await.unwrap();
    store.shut();
    store.upset([Upset::FailBefore]);
    // The debit is pending when the second is decided; it never happens, so the second is not refused.
    let mut commands = [(); 2].map(|()| accounts.execute("hot", |a| a.pay(-10)).into_future());
    assert_eq!(poll_all(&mut commands), 0);
    store.gate.add_permits(1_000);
    let [first, second] = commands;
    assert!(matches!(first.await, Err(ExecuteError::Commit(CommitError::Backend(_)))));
    assert_eq!(second.await.unwrap().cents, 0);
    let third = accounts.execute("hot", |a| a.pay(-10)).await;
    assert!(matches!(third, Err(ExecuteError::Rejected(Overdrawn(0)))));
}

#[tokio::test]
async fn a_command_too_large_for_the_store_fails_alone() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("hot", |a| a.pay(1)).await.unwrap();
    store.shut();
    let many = |_: &Account| Ok::<_, Overdrawn>(vec![Entry::Paid { cents: 1 }; 10_001]);
    let one = |a: &Account| a.pay(1);
    let mut small: Vec<_> = (0..3).map(|_| accounts.execute("hot", one).into_future()).collect();
    let mut large = [accounts.execute("hot", many).into_future()];
    assert_eq!(poll_all(&mut small) + poll_all(&mut large), 0);
    store.gate.add_permits(1_000);
    let [large] = large;
    let (large, small) = tokio::join!(large, futures::future::join_all(small));
    assert!(small.into_iter().all(|answer| answer.is_ok()));
    assert!(
        matches!(
            large,
            Err(ExecuteError::Commit(CommitError::Invalid(InvalidCommit::TooLarge { .. })))
        ),
        "{large:?}"
    );
    assert_eq!(accounts.load("hot").await.unwrap().cents, 4);
}
