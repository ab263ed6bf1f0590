//! Decisions over several streams.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use freehold::aggregate::{Options, Work, WorkError};
use freehold::backend::memory::MemoryStore;
use freehold::retry::RetryPolicy;
use freehold::testkit::{Faults, FaultyStore};
use freehold::{
    Aggregate, Commit, CommitError, EventStore, ExpectedVersion, Filter, InboxKey, Position,
    Repository, Store, UnitOfWork,
};
use uuid::Uuid;

use super::fixture::{Account, Entry, Overdrawn, Upset, Watched};

async fn transfer(
    store: impl EventStore,
    accounts: &Repository<Account>,
    from: &str,
    to: &str,
    cents: i64,
) -> Result<(), WorkError<Overdrawn>> {
    let unit = UnitOfWork::new(store).run(async |work| {
        work.execute(accounts, from, |a| a.pay(-cents)).await?;
        work.execute(accounts, to, |b| b.pay(cents)).await
    });
    unit.await.map(drop)
}

#[tokio::test]
async fn a_debit_and_its_credit_happen_together_or_not_at_all() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    transfer(store.clone(), &accounts, "alice", "bob", 60).await.unwrap();
    let refused = transfer(store.clone(), &accounts, "alice", "bob", 60).await;
    assert!(matches!(refused, Err(WorkError::Rejected(Overdrawn(40)))));
    assert_eq!(accounts.load("alice").await.unwrap().cents, 40);
    assert_eq!(accounts.load("bob").await.unwrap().cents, 60);
    assert_eq!(store.head().await.unwrap(), Position::new(3));
}

/// Nobody tells the repository of the commit: the next one is prepared on what the store has.
#[tokio::test]
async fn a_prepared_unit_is_a_commit_of_all_that_was_decided_on_the_newest_states() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let prepare = async |command: u128, cents: i64| {
        let unit = UnitOfWork::new(store.clone()).command_id(Uuid::from_u128(command));
        let key = InboxKey::new("test", &command.to_string()).unwrap();
        let unit = unit.with(Commit::new().inbox(key));
        let body = async |work: &mut Work| {
            let carol = work.load(&accounts, "carol").await?.cents;
            work.execute(&accounts, "alice", |a| a.pay(-cents)).await?;
            Ok::<_, WorkError<Overdrawn>>(
                work.execute(&accounts, "bob", |b| b.pay(cents)).await?.cents + carol,
            )
        };
        unit.prepare(body).await
    };
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    let (value, first) = prepare(1, 60).await.unwrap();
    let head = store.head().await.unwrap();
    assert_eq!((value, head), (60, Position::new(1)), "nothing is written yet");
    let (_, late) = prepare(2, 20).await.unwrap();
    assert!(!store.commit(first.clone()).await.unwrap().is_duplicate());
    assert!(store.commit(first).await.unwrap().is_duplicate(), "the key came with it");
    assert_eq!(accounts.load("alice").await.unwrap().cents, 40);
    assert!(matches!(prepare(3, 60).await, Err(WorkError::Rejected(Overdrawn(40)))));
    assert_eq!(prepare(4, 40).await.unwrap().0, 100);
    let late = store.commit(late).await;
    assert!(matches!(late, Err(CommitError::Conflict(_))), "{late:?}");
    let (_, guarded) = prepare(5, 40).await.unwrap();
    accounts.execute("carol", |c| c.pay(1)).await.unwrap();
    let guarded = store.commit(guarded).await;
    assert!(
        matches!(guarded, Err(CommitError::Conflict(_))),
        "what was read is guarded: {guarded:?}"
    );
}

#[tokio::test]
async fn later_decisions_of_a_unit_see_the_earlier_ones() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let unit = UnitOfWork::new(store.clone()).run(async |work| {
        work.execute(&accounts, "alice", |a| a.pay(10)).await?;
        work.execute(&accounts, "alice", |a| a.pay(-4)).await?;
        Ok::<_, WorkError<Overdrawn>>(work.load(&accounts, "alice").await?.cents)
    });
    assert_eq!(unit.await.unwrap().into_value(), Some(6));
    assert_eq!(accounts.load("alice").await.unwrap().entries, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_transfers_and_single_commands_all_end_and_no_cent_is_lost() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let names = ["a", "b", "c", "d"];
    for name in names {
        accounts.execute(name, |a| a.pay(1_000)).await.unwrap();
    }
    let tasks: Vec<_> = (0..64_usize)
        .map(|task| {
            let (store, accounts) = (store.clone(), accounts.clone());
            tokio::spawn(async move {
                for round in 0..20 {
                    let (from, to) = (names[(task + round) % 4], names[(task * 3 + round + 1) % 4]);
                    if from == to {
                        accounts.execute(from, |a| a.pay(0)).await.unwrap();
                    } else {
                        transfer(store.clone(), &accounts, from, to, 1).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let all = futures::future::try_join_all(tasks);
    tokio::time::timeout(Duration::from_mins(1), all)
        .await
        .expect("a unit waits for ever")
        .unwrap();
    let mut sum = 0;
    for name in names {
        sum += accounts.load(name).await.unwrap().cents;
    }
    assert_eq!(sum, 4_000);
}

#[tokio::test]
async fn a_unit_with_an_id_happens_once_also_when_it_would_be_refused_now() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    let unit = |cents: i64| {
        let unit = UnitOfWork::new(store.clone()).command_id(Uuid::from_u128(9));
        let accounts = &accounts;
        unit.run(async move |work| {
            work.execute(accounts, "alice", |a| a.pay(-cents)).await?;
            work.execute(accounts, "bob", |b| b.pay(cents)).await
        })
    };
    let first = unit(40).await.unwrap();
    for cents in [40, 70] {
        let again = unit(cents).await.unwrap();
        assert!(again.is_duplicate() && again.value().is_none());
        assert!(again.token().unwrap().position() >= first.token().unwrap().position());
    }
    assert_eq!(accounts.load("bob").await.unwrap().cents, 40);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_make_a_unit_happen_twice() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    store.upset([Upset::LoseAnswer, Upset::FailBefore]);
    let done = UnitOfWork::new(store.clone())
        .run(async |work| {
            work.execute(&accounts, "alice", |a| a.pay(-1)).await?;
            work.execute(&accounts, "bob", |b| b.pay(1)).await
        })
        .await
        .unwrap();
    assert_eq!(done.value().map(|bob| bob.cents), Some(1));
    assert_eq!(accounts.load("alice").await.unwrap().cents, 99);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_on_stale_states_is_not_believed() {
    let store = MemoryStore::new();
    let [ours, theirs] = [(); 2].map(|()| Repository::<Account>::new(store.clone()));
    ours.execute("alice", |a| a.pay(1)).await.unwrap();
    theirs.execute("alice", |a| a.pay(99)).await.unwrap();
    transfer(store.clone(), &ours, "alice", "bob", 100).await.unwrap();
    assert_eq!(theirs.load("bob").await.unwrap().cents, 100);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_only_reads_sees_one_moment() {
    let store = MemoryStore::new();
    let [ours, theirs] = [(); 2].map(|()| Repository::<Account>::new(store.clone()));
    for id in ["alice", "bob"] {
        ours.execute(id, |a| a.pay(100)).await.unwrap();
    }
    let moved = AtomicBool::new(false);
    let total = UnitOfWork::new(store.clone())
        .run(async |work| {
            let alice = work.load(&ours, "alice").await?.cents;
            // Between the two reads, somebody moves money from one to the other, the first time.
            if !moved.swap(true, Ordering::SeqCst) {
                transfer(store.clone(), &theirs, "alice", "bob", 50).await?;
                ours.load("bob").await.unwrap();
            }
            Ok::<_, WorkError<Overdrawn>>(alice + work.load(&ours, "bob").await?.cents)
        })
        .await
        .unwrap();
    assert_eq!((total.value(), total.token()), (Some(&200), None));
}

#[tokio::test]
async fn what_a_unit_only_reads_is_guarded() {
    let store = Watched::new();
    let [ours, theirs] = [(); 2].map(|()| Repository::<Account>::new(store.clone()));
    let runs = AtomicUsize::new(0);
    let done = UnitOfWork::new(store.clone())
        .run(async |work| {
            let limit = work.load(&ours, "limit").await?.cents;
            if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                theirs.execute("limit", |l| l.pay(30)).await.unwrap();
            }
            work.execute(&ours, "alice", |a| a.pay(limit)).await
        })
        .await
        .unwrap();
    assert_eq!(done.value().map(|alice| alice.cents), Some(30));
    assert_eq!(runs.into_inner(), 2);
}

#[derive(Clone, Default)]
struct Impostor;

impl Aggregate for Impostor {
    type Event = Entry;

    fn apply(&mut self, _: &Entry) {}
}

#[tokio::test]
async fn one_stream_as_two_types_is_a_typed_error() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let impostors = Repository::<Impostor>::new(store.clone());
    let unit = UnitOfWork::new(store).run(async |work| {
        work.load::<_, Overdrawn>(&accounts, "alice").await?;
        work.load(&impostors, "alice").await
    });
    assert!(matches!(unit.await, Err(WorkError::TwoTypes(stream)) if stream.id() == "alice"));
}

#[tokio::test]
async fn a_message_is_handled_once_by_a_unit() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    for duplicate in [false, true] {
        let key = InboxKey::new("transfers", "m1").unwrap();
        let done = UnitOfWork::new(store.clone())
            .with(freehold::Commit::new().inbox(key))
            .run(async |work| {
                work.execute(&accounts, "alice", |a| a.pay(1)).await?;
                work.execute(&accounts, "bob", |b| b.pay(1)).await
            })
            .await
            .unwrap();
        assert_eq!(done.is_duplicate(), duplicate);
    }
    assert_eq!(store.head().await.unwrap(), Position::new(2));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_of_the_callers_own_part_is_not_tried_again() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    let own = freehold::StreamId::new("limit", "eu").unwrap();
    let unit = UnitOfWork::with_options(store.clone(), &Options::default())
        .with(freehold::Commit::new().check(&own, ExpectedVersion::StreamExists))
        .run(async |work| work.execute(&accounts, "alice", |a| a.pay(1)).await);
    assert!(matches!(unit.await, Err(WorkError::Commit(CommitError::Conflict(_)))));
    assert_eq!(store.commits(), 1);
    let page = store.read_all(Position::START, &Filter::all(), 1).await.unwrap();
    assert!(page.events.is_empty());
}

#[test]
fn a_unit_can_be_spawned() {
    fn assert_send(_: impl Send) {}
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    assert_send(async move { transfer(store, &accounts, "a", "b", 1).await });
}

/// Polls each of `units` once, in order. None may be done.
fn begin<F: Future + Unpin>(units: &mut [F]) {
    let mut context = Context::from_waker(Waker::noop());
    for unit in units {
        assert!(Pin::new(unit).poll(&mut context).is_pending());
    }
}

#[tokio::test]
async fn units_on_the_same_streams_build_on_each_other_before_they_are_durable() {
    let store = Watched::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    accounts.execute("bob", |b| b.pay(0)).await.unwrap();
    store.shut();
    let one = || Box::pin(transfer(store.clone(), &accounts, "alice", "bob", 10));
    let mut units: Vec<_> = (0..10).map(|_| one()).collect();
    begin(&mut units);
    assert_eq!(store.commits(), 2 + 10, "all of them are under way at once");
    store.gate.add_permits(1_000);
    for unit in units {
        unit.await.unwrap();
    }
    assert_eq!(store.commits(), 2 + 10, "nobody met a conflict");
    assert_eq!(accounts.load("bob").await.unwrap().cents, 100);
}

#[tokio::test(start_paused = true)]
async fn what_builds_on_a_unit_that_comes_to_nothing_is_decided_again() {
    for rival in [false, true] {
        let store = Watched::new();
        let options = Options { retry: RetryPolicy::NEVER, ..Options::default() };
        let [accounts, theirs] = [(); 2].map(|()| Repository::<Account>::new(store.clone()));
        accounts.execute("alice", |a| a.pay(10)).await.unwrap();
        accounts.execute("bob", |b| b.pay(0)).await.unwrap();
        store.shut();
        // Alice's ten are spent, as it seems; the commit fails for good. Then bob gives five back.
        let failing = UnitOfWork::with_options(store.clone(), &options).run(async |work| {
            work.execute(&accounts, "alice", |a| a.pay(-10)).await?;
            work.execute(&accounts, "bob", |b| b.pay(10)).await
        });
        let mut failing = [Box::pin(failing)];
        begin(&mut failing);
        let mut building = [Box::pin(transfer(store.clone(), &accounts, "bob", "alice", 5))];
        begin(&mut building);
        // A command that is refused on what never happened is not refused.
        let mut spending = [accounts.execute("alice", |a| a.pay(-6)).into_future()];
        begin(&mut spending);
        store.upset([Upset::FailBefore]);
        store.gate.add_permits(1);
        let [failing] = failing;
        assert!(matches!(failing.await, Err(WorkError::Commit(CommitError::Backend(_)))));
        store.gate.add_permits(1_000);
        if rival {
            // Another process brings both streams to just the versions that were expected.
            transfer(store.clone(), &theirs, "alice", "bob", 1).await.unwrap();
        }
        let ([building], [spending]) = (building, spending);
        let (refused, spent) = tokio::join!(building, spending);
        assert!(matches!(refused, Err(WorkError::Rejected(Overdrawn(0 | 1)))), "{refused:?}");
        let spent = spent.unwrap();
        let left = if rival { 3 } else { 4 };
        assert_eq!(spent.cents, left);
        let bob = theirs.load("bob").await.unwrap().cents;
        assert_eq!(bob, i64::from(rival), "money was made of nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_transfers_on_a_store_that_fails_now_and_then_lose_no_cent() {
    for seed in 0..10 {
        let faults = Faults::seeded(seed).fail_before(0.1).fail_after(0.1);
        let store = FaultyStore::new(MemoryStore::new(), faults);
        let [ours, theirs] = [(); 2].map(|()| Repository::<Account>::new(store.clone()));
        for name in ["a", "b", "c"] {
            ours.execute(name, |a| a.pay(100)).await.unwrap();
        }
        let options = Options {
            retry: RetryPolicy { retries_max: 1_000, ..RetryPolicy::default() },
            ..Options::default()
        };
        let transfers = (0..60_usize).map(|n| {
            let accounts = if n % 2 == 0 { ours.clone() } else { theirs.clone() };
            let unit = UnitOfWork::with_options(store.clone(), &options);
            let (from, to) = (["a", "b", "c"][n % 3], ["a", "b", "c"][(n + 1 + n % 2) % 3]);
            tokio::spawn(async move {
                let unit = unit.run(async |work| {
                    work.execute(&accounts, from, |a| a.pay(-1)).await?;
                    work.execute(&accounts, to, |b| b.pay(1)).await
                });
                unit.await.map(drop)
            })
        });
        for done in futures::future::join_all(transfers.collect::<Vec<_>>()).await {
            done.unwrap().unwrap();
        }
        let mut sum = 0;
        for name in ["a", "b", "c"] {
            let account = theirs.load(name).await.unwrap();
            sum += account.cents;
        }
        assert_eq!(sum, 300, "seed {seed}");
    }
}
