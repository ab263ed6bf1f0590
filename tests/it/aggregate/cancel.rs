//! Futures that are dropped in the middle.

use std::future::IntoFuture;
use std::pin::pin;
use std::task::{Context, Waker};

use freehold::aggregate::WorkError;
use freehold::{Repository, UnitOfWork};
use uuid::Uuid;

use super::fixture::{Account, Overdrawn, Watched};

/// Polls `future` up to `polls` times, letting one commit through after each, and drops it. Whether it ended.
async fn poll_and_drop(store: &Watched, future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        store.gate.add_permits(1);
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn a_command_dropped_after_any_poll_happens_once_when_repeated() {
    for polls in 0.. {
        let store = Watched::new();
        store.shut();
        let accounts = Repository::<Account>::new(store.clone());
        let command = || accounts.execute("alice", |a| a.pay(5)).command_id(Uuid::from_u128(1));
        let ended = poll_and_drop(&store, command().into_future(), polls).await;
        store.gate.add_permits(1_000);
        assert_eq!(command().await.unwrap().cents, 5, "after {polls} polls");
        let alice = accounts.execute("alice", |a| a.pay(1)).await.unwrap();
        assert_eq!((alice.cents, alice.entries), (6, 2), "after {polls} polls");
        if ended {
            assert!(polls > 1, "it never waited");
            return;
        }
    }
}

#[tokio::test]
async fn a_unit_of_work_dropped_after_any_poll_happens_once_when_repeated() {
    for polls in 0.. {
        let store = Watched::new();
        store.shut();
        let accounts = Repository::<Account>::new(store.clone());
        let unit = || {
            UnitOfWork::new(store.clone()).command_id(Uuid::from_u128(1)).run(async |work| {
                work.execute(&accounts, "alice", |a| a.pay(5)).await?;
                work.execute(&accounts, "bob", |b| b.pay(7)).await?;
                Ok::<_, WorkError<Overdrawn>>(())
            })
        };
        let ended = poll_and_drop(&store, unit(), polls).await;
        store.gate.add_permits(1_000);
        unit().await.unwrap();
        let cents = async |id: &str| accounts.load(id).await.unwrap().cents;
        assert_eq!((cents("alice").await, cents("bob").await), (5, 7), "after {polls} polls");
        if ended {
            assert!(polls > 1, "it never waited");
            return;
        }
    }
}

#[tokio::test]
async fn when_the_leader_is_dropped_another_carries_the_commit_on() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("hot", |a| a.pay(1)).await.unwrap();
    store.shut();
    let command = || accounts.execute("hot", |a| a.pay(1)).into_future();
    let (mut leader, mut follower, mut latecomer) = (command(), command(), command());
    let mut context = Context::from_waker(Waker::noop());
    assert!(leader.as_mut().poll(&mut context).is_pending());
    assert!(follower.as_mut().poll(&mut context).is_pending());
    drop(leader);
    assert!(latecomer.as_mut().poll(&mut context).is_pending());
    store.gate.add_permits(1_000);
    let (follower, latecomer) = tokio::join!(follower, latecomer);
    assert_eq!(
        follower.unwrap().cents.max(latecomer.unwrap().cents),
        4,
        "the dropped one went along"
    );
}
