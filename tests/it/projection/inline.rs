//! Strong projections: what a commit has written is in the views when it is acknowledged, whoever wrote it and whatever
//! happened before.

use std::convert::Infallible;
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::projection::{InlineError, On, Projection, Recorded, Strong, Views, Want};
use freehold::testkit::{Faults, FaultyStore, Loss};
use freehold::{
    Commit, CommitError, ExpectedVersion, InlineStore, LeaseName, Limits, Position, Repository,
    Store, Unfoldable,
};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::fixture::{Accounts, Of, StrongAccounts, Transfer, User, all, oracle, put, reads, some};
use crate::subscription::fixture::{memory, options};

/// A store whose pages are so small that a log is soon a long one.
fn narrow() -> MemoryStore {
    let limits = Limits { events_per_page_max: 16, ..Limits::default() };
    MemoryStore::builder().limits(limits).build()
}

#[tokio::test(start_paused = true)]
async fn who_reads_after_a_commit_sees_it() {
    let store = memory();
    let view = reads(&store).inline(StrongAccounts, store.clone()).await.unwrap();
    for cents in 1..20 {
        let moved = Transfer::Moved { from: "a".into(), to: "b".into(), cents };
        let token = put(&store, "1", moved).await;
        let account = view.get("b").await.unwrap();
        assert_eq!(account.value.as_ref().unwrap().cents, (1..=cents).sum::<i64>());
        assert!(account.lag.events == 0 && account.met, "{:?}", account.lag);
        assert_eq!(account.at.position(token.log()), token.position());
        view.wait_for(token, Duration::ZERO).await.unwrap();
        let exactly = view.get("b").want(Want::AtLeast(token.into())).within(Duration::ZERO).await;
        assert_eq!(exactly.unwrap().value, account.value);
    }
    view.get("b").want(Want::Head).await.unwrap();
    assert_eq!(all(&view).await, oracle(&store).await);
}

#[tokio::test(start_paused = true)]
async fn a_long_log_is_folded_while_writers_go_on() {
    for seed in 0..20 {
        let (store, mut chance) = (narrow(), fastrand::Rng::with_seed(seed));
        some(&store, &mut chance, 100).await;
        let writer = store.clone();
        let writing = tokio::spawn(async move {
            let mut chance = fastrand::Rng::with_seed(!seed);
            for _ in 0..200 {
                some(&writer, &mut chance, 1).await;
                for _ in 0..chance.u8(0..4) {
                    yield_now().await;
                }
            }
        });
        let view = reads(&store).inline(StrongAccounts, store.clone()).await.unwrap();
        assert_eq!(all(&view).await, oracle(&store).await, "seed {seed}, when it is folded");
        writing.await.unwrap();
        some(&store, &mut chance, 3).await;
        assert_eq!(all(&view).await, oracle(&store).await, "seed {seed}, at the end");
    }
}

#[tokio::test(start_paused = true)]
async fn two_processes_may_ask_at_once() {
    let (store, mut chance) = (narrow(), fastrand::Rng::with_seed(3));
    some(&store, &mut chance, 200).await;
    let (one, other) = (reads(&store), reads(&store));
    let both = tokio::join!(
        one.inline(StrongAccounts, store.clone()),
        other.inline(StrongAccounts, store.clone()),
    );
    some(&store, &mut chance, 5).await;
    let wanted = oracle(&store).await;
    assert_eq!(
        (all(&both.0.unwrap()).await, all(&both.1.unwrap()).await),
        (wanted.clone(), wanted)
    );
}

#[tokio::test(start_paused = true)]
async fn views_that_were_folded_behind_the_append_become_strong_and_may_go_back() {
    let (store, mut chance) = (memory(), fastrand::Rng::with_seed(5));
    let reads = reads(&store);
    let behind = reads.upkeep(Accounts).options(options()).start();
    let token = some(&store, &mut chance, 30).await;
    reads.view::<Accounts>().wait_for(token, Duration::from_secs(5)).await.unwrap();
    let view = reads.inline(StrongAccounts, store.clone()).await.unwrap();
    for _ in 0..10 {
        some(&store, &mut chance, 3).await;
        assert_eq!(all(&view).await, oracle(&store).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The one behind was fenced, and stands by: it goes on when nobody folds within the append any more.
    store.detach(&LeaseName::new("accounts").unwrap()).await.unwrap();
    let token = some(&store, &mut chance, 30).await;
    reads.view::<Accounts>().wait_for(token, Duration::from_mins(5)).await.unwrap();
    assert_eq!(all(&view).await, oracle(&store).await);
    behind.stop().await;
}

#[tokio::test(start_paused = true)]
async fn each_event_counts_once_whatever_call_fails() {
    for loss in [Loss::Call, Loss::Answer] {
        for n in 1.. {
            let (inner, mut chance) = (narrow(), fastrand::Rng::with_seed(9));
            some(&inner, &mut chance, 60).await;
            let store = FaultyStore::new(inner.clone(), Faults::seeded(0).fail_nth(n, loss));
            let faulty = reads(&store);
            loop {
                match faulty.inline(StrongAccounts, store.clone()).await {
                    Ok(_) => break,
                    Err(InlineError::Commit(_) | InlineError::Backend(_)) => {}
                    Err(other) => panic!("{loss:?} of call {n}: {other:?}"),
                }
            }
            some(&inner, &mut chance, 10).await;
            let view = reads(&inner).view::<StrongAccounts>();
            assert_eq!(all(&view).await, oracle(&inner).await, "{loss:?} of call {n}");
            if store.injected().calls < n {
                assert!(n > 20, "only {n} calls");
                break;
            }
        }
    }
}

/// One process loses the store for good at any call, while it folds what is there already or after that; another begins, and
/// both write when the first one has it back.
#[tokio::test(start_paused = true)]
async fn each_event_counts_once_when_the_store_is_lost_at_any_call_and_another_process_goes_on() {
    const PATIENCE: Duration = Duration::from_mins(10);
    for n in 1.. {
        let (inner, mut chance) = (narrow(), fastrand::Rng::with_seed(9));
        some(&inner, &mut chance, 60).await;
        let store = FaultyStore::new(inner.clone(), Faults::seeded(0).fail_from(n));
        let lost = reads(&store);
        let begun = timeout(PATIENCE, lost.inline(StrongAccounts, store.clone())).await;
        let begun = begun.unwrap_or_else(|_| panic!("lost at call {n}: it waits for ever"));
        if let Err(error) = &begun {
            let is_told = matches!(error, InlineError::Commit(_) | InlineError::Backend(_));
            assert!(is_told, "lost at call {n}: {error:?}");
        }
        // Whoever writes by the lost store is refused; others go on.
        let users = Repository::<Of<User>>::new(store.clone());
        for _ in 0..3 {
            let named = || Ok::<_, Infallible>(vec![User::Named { name: "Eve".into() }]);
            drop(users.execute("a1", |_| named()).await);
            some(&inner, &mut chance, 5).await;
        }
        let calls = store.injected().calls;
        let other = reads(&inner);
        let view = timeout(PATIENCE, other.inline(StrongAccounts, inner.clone())).await;
        let view = view.unwrap_or_else(|_| panic!("lost at call {n}: nobody can begin")).unwrap();
        assert_eq!(all(&view).await, oracle(&inner).await, "lost at call {n}");
        some(&inner, &mut chance, 5).await;
        assert_eq!(all(&view).await, oracle(&inner).await, "lost at call {n}, and folded on");
        store.heal();
        lost.inline(StrongAccounts, store.clone()).await.unwrap();
        for writer in [&store, &FaultyStore::new(inner.clone(), Faults::seeded(0))] {
            some(writer, &mut chance, 5).await;
            assert_eq!(all(&view).await, oracle(&inner).await, "lost at call {n}, and back");
        }
        if calls < n {
            assert!(n > 20, "only {n} calls");
            break;
        }
    }
}

/// Panics at what it is told to.
struct Touchy;

impl Projection for Touchy {
    const NAME: &'static str = "touchy";
    type View = u64;
    type Events = User;
    type Level = Strong;
}

impl On<User> for Touchy {
    fn on(&self, event: &Recorded<'_, User>, views: &mut Views<'_, u64>) {
        if let User::Named { name } = &**event {
            assert_ne!(name, "at once");
            views.update("names", |names| {
                assert_ne!(name, "later");
                *names += 1;
            });
        }
    }
}

#[tokio::test]
async fn a_commit_that_the_projection_cannot_take_in_is_refused_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(folder.path().join("users.db")).await.unwrap();
    refuses(memory()).await;
    refuses(file).await;
}

async fn refuses<S: InlineStore + Clone>(store: S) {
    let view = reads(&store).inline(Touchy, store.clone()).await.unwrap();
    let users = Repository::<Of<User>>::new(store.clone());
    for (n, name) in ["good", "at once", "better", "later", "best"].iter().enumerate() {
        let named = || Ok::<_, Infallible>(vec![User::Named { name: (*name).to_owned() }]);
        let answer = users.execute("1", |_| named()).await;
        if n % 2 == 0 {
            answer.unwrap();
        } else {
            let error = answer.unwrap_err();
            let said = format!("{error:?}");
            assert!(said.contains("Unfoldable") && said.contains("Panicked"), "{said}");
        }
    }
    // What was refused left no trace, and what was written beside it is there.
    assert_eq!(view.get("names").await.unwrap().value, Some(3));
    assert_eq!(store.head().await.unwrap(), Position::new(3));
}

#[tokio::test]
async fn what_cannot_be_decoded_stops_the_beginning() {
    let store = memory();
    let odd = freehold::NewEvent::new(
        freehold::EventId::new(uuid::Uuid::now_v7()),
        freehold::EventName::new("Unheard").unwrap(),
        "{}",
    );
    let user = freehold::StreamId::new("user", "1").unwrap();
    store.commit(Commit::new().append(&user, ExpectedVersion::Any, [odd])).await.unwrap();
    let refused = reads(&store).inline(Touchy, store.clone()).await.unwrap_err();
    let InlineError::Commit(CommitError::Unfoldable(Unfoldable::Failed { projection, .. })) =
        refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(projection.as_str(), "touchy");
    // Nobody is kept from writing by a projection that has not begun.
    put(&store, "2", User::Closed).await;
}

#[tokio::test]
async fn a_strong_projection_is_in_the_store_of_its_only_log() {
    let (store, other) = (memory(), memory());
    for reads in [
        reads(&store).follow(other.clone()),
        reads(&other),
        freehold::projection::ReadSide::new(store.clone()),
        freehold::projection::ReadSide::new(other.clone()).follow(store.clone()),
    ] {
        let refused = reads.inline(StrongAccounts, store.clone()).await;
        assert!(matches!(refused, Err(InlineError::Elsewhere)), "{refused:?}");
    }
}

#[tokio::test]
async fn after_a_restart_a_writer_must_fold_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let mut chance = fastrand::Rng::with_seed(1);
    let store = SqliteStore::open(&path).await.unwrap();
    reads(&store).inline(StrongAccounts, store.clone()).await.unwrap();
    some(&store, &mut chance, 10).await;
    drop(store);

    let store = SqliteStore::open(&path).await.unwrap();
    let users = Repository::<Of<User>>::new(store.clone());
    let refused = users.execute("1", |_| Ok::<_, Infallible>(vec![User::Closed])).await;
    let said = format!("{:?}", refused.unwrap_err());
    assert!(said.contains("Missing(\"accounts\")"), "{said}");
    // Reading needs nothing.
    let view = reads(&store).view::<StrongAccounts>();
    assert_eq!(all(&view).await, oracle(&store).await);
    let view = reads(&store).inline(StrongAccounts, store.clone()).await.unwrap();
    some(&store, &mut chance, 10).await;
    assert_eq!(all(&view).await, oracle(&store).await);
}

#[tokio::test]
async fn what_is_committed_beside_sql_of_ones_own_is_folded_too() {
    use freehold::backend::sqlite::rusqlite::{Connection, Error, TransactionBehavior};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let view = reads(&store).inline(StrongAccounts, store.clone()).await.unwrap();
    let user = freehold::StreamId::new("user", "1").unwrap();
    let named = |name: &str| {
        let id = freehold::EventId::new(uuid::Uuid::now_v7());
        let event = freehold::EventName::new("Named").unwrap();
        let event = freehold::NewEvent::new(id, event, format!(r#"{{"name":"{name}"}}"#));
        Commit::new().append(&user, ExpectedVersion::Any, [event])
    };
    let commit = named("transact");
    let done = store.transact(move |_| Ok::<_, Error>(((), commit))).await;
    done.unwrap();
    assert_eq!(all(&view).await, oracle(&store).await);
    // In a transaction of the user's own, and only if it is committed.
    let mut connection = Connection::open(&path).unwrap();
    for (name, is_kept) in [("undone", false), ("kept", true)] {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        drop(store.commit_in(&tx, named(name)).unwrap());
        if is_kept {
            tx.commit().unwrap();
        } else {
            tx.rollback().unwrap();
        }
        assert_eq!(all(&view).await, oracle(&store).await, "{name}");
    }
    let account = view.get("1").await.unwrap().value.unwrap();
    assert_eq!(account.name.as_deref(), Some("kept"));
}
