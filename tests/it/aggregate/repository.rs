//! Loading, deciding, committing.

use freehold::aggregate::{ExecuteError, Options};
use freehold::backend::memory::MemoryStore;
use freehold::retry::RetryPolicy;
use freehold::testkit::{Faults, FaultyStore};
use freehold::{
    Commit, CommitError, EventStore, EventStoreExt, ExpectedVersion, Filter, InboxKey, Metadata,
    Position, Repository, Store, StreamId, StreamVersion,
};
use futures::FutureExt;
use uuid::Uuid;

use super::fixture::{Account, Entry, Overdrawn, Upset, Watched};

#[tokio::test]
async fn a_command_is_decided_on_the_state_the_one_before_it_left() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    let first = accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    assert_eq!((first.cents, first.version()), (100, StreamVersion::new(1)));
    let second = accounts.handle("alice", -30).await.unwrap();
    assert_eq!(second.events(), [Entry::Paid { cents: -30 }]);
    assert_eq!(accounts.load("alice").await.unwrap().cents, 70);
    let refused = accounts.execute("alice", |a| a.pay(-71)).await;
    assert!(matches!(refused, Err(ExecuteError::Rejected(Overdrawn(70)))));
    assert_eq!(accounts.load("alice").await.unwrap().version(), StreamVersion::new(2));
}

#[tokio::test]
async fn a_command_with_nothing_to_do_writes_nothing() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    let done = accounts.execute("alice", |a| a.fill_up_to(0)).await.unwrap();
    assert_eq!((done.token(), done.events().len(), store.commits()), (None, 0, 0));
}

#[tokio::test]
async fn a_cached_state_saves_the_read_and_a_stale_one_costs_a_retry() {
    let store = Watched::new();
    let [ours, theirs] = [(); 2].map(|()| Repository::<Account>::new(store.clone()));
    ours.execute("alice", |a| a.pay(1)).await.unwrap();
    let reads = store.reads();
    ours.execute("alice", |a| a.pay(1)).await.unwrap();
    assert_eq!(store.reads(), reads, "the cached state was not used");

    theirs.execute("alice", |a| a.pay(10)).await.unwrap();
    let commits = store.commits();
    let done = ours.execute("alice", |a| a.pay(1)).await.unwrap();
    assert_eq!((done.cents, done.entries), (13, 4));
    assert_eq!(store.commits(), commits + 2, "one conflict, one success");
}

#[tokio::test]
async fn a_refusal_on_a_stale_state_is_not_believed() {
    let store = Watched::new();
    let [ours, theirs] = [(); 2].map(|()| Repository::<Account>::new(store.clone()));
    ours.execute("alice", |a| a.pay(1)).await.unwrap();
    theirs.execute("alice", |a| a.pay(100)).await.unwrap();
    let done = ours.execute("alice", |a| a.pay(-50)).await.unwrap();
    assert_eq!(done.cents, 51);
    theirs.execute("alice", |a| a.pay(-51)).await.unwrap();
    let filled = ours.execute("alice", |a| a.fill_up_to(51)).await.unwrap();
    assert_eq!(filled.events(), [Entry::Paid { cents: 51 }], "nothing to do was believed too soon");
}

#[tokio::test]
async fn without_a_cache_every_command_reads() {
    let store = Watched::new();
    let options = Options { cached_states_max: 0, ..Options::default() };
    let accounts = Repository::<Account>::with_options(store.clone(), options);
    for _ in 0..3 {
        accounts.execute("alice", |a| a.pay(1)).await.unwrap();
    }
    assert_eq!(store.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_and_the_command_happens_once() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    store.upset([Upset::FailBefore, Upset::LoseAnswer, Upset::FailBefore]);
    let done = accounts.execute("alice", |a| a.pay(5)).await.unwrap();
    assert_eq!((done.cents, done.is_duplicate()), (5, false));
    let next = accounts.execute("alice", |a| a.pay(5)).await.unwrap();
    assert_eq!((next.cents, next.version()), (10, StreamVersion::new(2)));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_stays_unknown_is_said_to_be_unknown() {
    let store = Watched::new();
    let options = Options {
        retry: RetryPolicy { retries_max: 1, ..RetryPolicy::default() },
        ..Options::default()
    };
    let accounts = Repository::<Account>::with_options(store.clone(), options);
    store.upset([Upset::LoseAnswer, Upset::FailBefore]);
    let answer = accounts.execute("alice", |a| a.pay(5)).await;
    assert!(matches!(answer, Err(ExecuteError::Commit(CommitError::Unknown(_)))), "{answer:?}");
    assert_eq!(accounts.load("alice").await.unwrap().cents, 5, "it had happened");
}

#[tokio::test(start_paused = true)]
async fn conflicts_without_end_are_given_back_as_a_conflict() {
    let store = MemoryStore::new();
    let alice = StreamId::new("account", "alice").unwrap();
    let rival = Repository::<Account>::new(store.clone());
    let options = Options { cached_states_max: 0, ..Options::default() };
    let ours = Repository::<Account>::with_options(store.clone(), options);
    // The rival is always faster: it writes while we decide.
    let answer = ours
        .execute("alice", |a| {
            let write = rival.execute("alice", |r| r.pay(1)).into_future();
            write.now_or_never().expect("the store in memory never waits").unwrap();
            a.pay(1)
        })
        .await;
    let Err(ExecuteError::Commit(CommitError::Conflict(conflict))) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(conflict.stream(), &alice);
    assert_eq!(
        store.version(&alice).await.unwrap(),
        StreamVersion::new(17),
        "16 retries and no more"
    );
}

#[tokio::test]
async fn a_conflict_of_the_callers_own_part_is_not_tried_again() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    let limits = StreamId::new("limit", "eu").unwrap();
    let answer = accounts
        .execute("alice", |a| a.pay(5))
        .with(Commit::new().check(&limits, ExpectedVersion::StreamExists))
        .await;
    assert!(matches!(
        answer,
        Err(ExecuteError::Commit(CommitError::Conflict(c))) if c.stream() == &limits
    ));
    assert_eq!(store.commits(), 1);
    assert_eq!(accounts.load("alice").await.unwrap().cents, 0);
}

#[tokio::test]
async fn a_message_is_handled_once_even_when_there_is_nothing_to_record() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    for (message, fill, paid) in [("m1", 5, 5), ("m1", 50, 5), ("m2", 5, 5), ("m2", 50, 5)] {
        let key = InboxKey::new("accounts", message).unwrap();
        let done = accounts
            .execute("alice", |a| a.fill_up_to(fill))
            .with(Commit::new().inbox(key))
            .await
            .unwrap();
        assert_eq!(done.cents, paid, "{message}");
        assert_eq!(done.is_duplicate(), fill == 50, "{message}");
    }
}

#[tokio::test]
async fn prepared_decisions_become_durable_together_or_not_at_all() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    let transfer = async || {
        let debit = accounts.execute("alice", |a| a.pay(-40)).prepare().await.unwrap();
        let credit = accounts.execute("bob", |b| b.pay(40)).prepare().await.unwrap();
        debit.into_commit().and(credit.into_commit())
    };
    let stale = transfer().await;
    let fresh = transfer().await;
    store.commit(fresh).await.unwrap();
    assert!(matches!(store.commit(stale).await, Err(CommitError::Conflict(_))));
    assert_eq!(accounts.load("alice").await.unwrap().cents, 60);
    assert_eq!(accounts.load("bob").await.unwrap().cents, 40);
}

#[tokio::test]
async fn events_say_who_why_and_in_which_flow() {
    let store = MemoryStore::new();
    let options =
        Options { metadata: Metadata::new().with_tenant("acme").unwrap(), ..Options::default() };
    let accounts = Repository::<Account>::with_options(store.clone(), options);
    let command = Uuid::from_u128(7);
    let metadata = Metadata::new().with_actor("alice@example.org").unwrap();
    accounts.execute("a", |a| a.pay(1)).command_id(command).metadata(metadata).await.unwrap();
    let page = store.read_all(Position::START, &Filter::all(), 10).await.unwrap();
    let said = page.events[0].metadata();
    assert_eq!((said.actor(), said.tenant()), (Some("alice@example.org"), Some("acme")));
    assert_eq!((said.causation(), said.correlation()), (Some(command), Some(command)));
    let next = Metadata::caused_by(&page.events[0]);
    assert_eq!(next.correlation(), Some(command));
    assert_eq!(next.causation(), Some(page.events[0].id().as_uuid()));
}

#[tokio::test]
async fn an_id_that_makes_no_stream_is_a_typed_error() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    let answer = accounts.execute("", |a| a.pay(1)).await;
    assert!(matches!(answer, Err(ExecuteError::Id(_))));
    assert!(matches!(accounts.load("a\nb").await, Err(ExecuteError::Id(_))));
}

#[tokio::test(start_paused = true)]
async fn on_a_store_that_fails_now_and_then_every_command_happens_once() {
    for seed in 0..50 {
        let faults = Faults::seeded(seed)
            .fail_before(0.2)
            .fail_after(0.2)
            .delay(0.2, std::time::Duration::from_millis(5));
        let store = FaultyStore::new(MemoryStore::new(), faults);
        let accounts = Repository::<Account>::new(store);
        let commands = (0..40).map(|n| {
            let accounts = accounts.clone();
            let id = format!("account{}", n % 3);
            async move { accounts.execute(id, |a| a.pay(1)).await.unwrap() }
        });
        futures::future::join_all(commands).await;
        let mut cents = 0;
        for n in 0..3 {
            cents += accounts.load(format!("account{n}")).await.unwrap().cents;
        }
        assert_eq!(cents, 40, "seed {seed}");
    }
}
