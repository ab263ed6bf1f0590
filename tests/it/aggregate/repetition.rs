//! Commands with an id happen once, and every repetition is answered as the first was.

use freehold::aggregate::ExecuteError;
use freehold::backend::memory::MemoryStore;
use freehold::{CommitError, Repository, StreamVersion};
use uuid::Uuid;

use super::fixture::{Account, Entry, Watched};

const COMMAND: Uuid = Uuid::from_u128(42);

#[tokio::test]
async fn a_repeated_command_is_answered_as_the_first_was() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    let pay_twice = |a: &Account| {
        let first = a.pay(-40)?;
        Ok::<_, super::fixture::Overdrawn>([first, vec![Entry::Paid { cents: -1 }]].concat())
    };
    let first = accounts.execute("alice", pay_twice).command_id(COMMAND).await.unwrap();
    accounts.execute("alice", |a| a.pay(1_000)).await.unwrap();
    let again = accounts.execute("alice", pay_twice).command_id(COMMAND).await.unwrap();
    assert!(again.is_duplicate() && !first.is_duplicate());
    assert_eq!(again.state(), first.state());
    assert_eq!((again.version(), again.token()), (first.version(), first.token()));
    assert_eq!(again.events(), first.events());
    assert_eq!(accounts.load("alice").await.unwrap().version(), StreamVersion::new(4));
}

#[tokio::test]
async fn a_repetition_that_would_be_refused_now_is_not_refused() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    accounts.execute("alice", |a| a.pay(-80)).command_id(COMMAND).await.unwrap();
    let again = accounts.execute("alice", |a| a.pay(-80)).command_id(COMMAND).await.unwrap();
    assert_eq!((again.is_duplicate(), again.cents), (true, 20));
    let other = accounts.execute("alice", |a| a.pay(-80)).command_id(Uuid::from_u128(43)).await;
    assert!(matches!(other, Err(ExecuteError::Rejected(_))));
}

#[tokio::test]
async fn a_repetition_that_has_nothing_to_do_now_gives_the_first_answer() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    let fill = |a: &Account| a.fill_up_to(10);
    accounts.execute("alice", fill).command_id(COMMAND).await.unwrap();
    let again = accounts.execute("alice", fill).command_id(COMMAND).await.unwrap();
    assert_eq!(again.events(), [Entry::Paid { cents: 10 }]);
    assert!(again.is_duplicate());
}

#[tokio::test]
async fn a_command_id_on_another_stream_is_a_typed_error() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    accounts.execute("alice", |a| a.pay(1)).command_id(COMMAND).await.unwrap();
    let answer = accounts.execute("bob", |b| b.pay(1)).command_id(COMMAND).await;
    assert!(matches!(answer, Err(ExecuteError::Commit(CommitError::IdReused(_)))), "{answer:?}");
    assert_eq!(accounts.load("bob").await.unwrap().version(), StreamVersion::NONE);
}

#[tokio::test]
async fn the_same_command_twice_at_once_happens_once() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    store.shut();
    let twice = (0..2).map(|_| accounts.execute("alice", |a| a.pay(7)).command_id(COMMAND));
    let twice = futures::future::join_all(twice.map(IntoFuture::into_future));
    let (answers, ()) = tokio::join!(twice, async { store.gate.add_permits(8) });
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_duplicate()).count(), 1);
    assert!(answers.iter().all(|answer| answer.cents == 7 && answer.events().len() == 1));
}

#[tokio::test]
async fn repetitions_in_a_shared_commit_leave_their_neighbours_alone() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    for id in 0..4 {
        let id = Uuid::from_u128(id);
        accounts.execute("alice", |a| a.pay(1)).command_id(id).await.unwrap();
    }
    store.shut();
    // Eight commands share a commit; four of them have happened before.
    let eight = (0..8).map(|id| {
        accounts.execute("alice", |a| a.pay(1)).command_id(Uuid::from_u128(id)).into_future()
    });
    let eight = futures::future::join_all(eight);
    let (answers, ()) = tokio::join!(eight, async { store.gate.add_permits(64) });
    for (id, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap().is_duplicate(), id < 4, "command {id}");
    }
    assert_eq!(accounts.load("alice").await.unwrap().cents, 8);
}
