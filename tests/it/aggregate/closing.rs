//! Streams that are closed, as repositories and units of work see them.

use freehold::aggregate::{AsOf, ExecuteError, Options, SnapshotPolicy, Snapshotted, WorkError};
use freehold::backend::memory::MemoryStore;
use freehold::retry::RetryPolicy;
use freehold::{
    Aggregate, Archive, Closing, Commit, CommitError, EventStoreExt, InvalidCommit, Position,
    RecordedEvent, Repository, StreamId, StreamVersion, UnitOfWork, event,
};
use uuid::Uuid;

use super::fixture::{Account, Entry, Overdrawn, Upset, Watched};

type Accounts = Repository<Account>;

fn stream(id: &str) -> StreamId {
    event::stream::<Entry>(id).unwrap()
}

/// The version at which a command was told that the stream is closed.
fn closed<T: std::fmt::Debug>(answer: Result<T, ExecuteError<Overdrawn>>) -> u64 {
    match answer {
        Err(ExecuteError::Commit(CommitError::Closed(closed))) => closed.version().get(),
        other => panic!("{other:?}"),
    }
}

async fn closes(store: &MemoryStore, id: &str) -> Vec<bool> {
    let events = store.read_tail(&stream(id), StreamVersion::NONE).await.unwrap();
    events.iter().map(RecordedEvent::closes).collect()
}

#[tokio::test]
async fn a_command_closes_its_stream_with_its_events_and_later_commands_are_refused() {
    let store = MemoryStore::new();
    let accounts = Accounts::new(store.clone());
    accounts.execute("alice", |a| a.pay(100)).await.unwrap();
    assert_eq!(accounts.closing("alice").await.unwrap(), None);
    let why = Closing::because("moved away");
    let last = accounts.execute("alice", |a| a.pay(-100)).and_close(why.clone()).await.unwrap();
    assert_eq!((last.cents, last.version().get(), last.events().len()), (0, 3, 1));
    assert_eq!(closes(&store, "alice").await, [false, false, true]);
    // By whoever has seen it, and whoever has not.
    for accounts in [accounts.clone(), Accounts::new(store.clone())] {
        for _ in 0..2 {
            assert_eq!(closed(accounts.execute("alice", |a| a.pay(1)).await), 3);
        }
        assert_eq!(
            closed(accounts.execute("alice", |_| Ok(vec![])).and_close(why.clone()).await),
            3
        );
        let refused = accounts.execute("alice", |a| a.pay(-1)).await;
        assert!(matches!(refused, Err(ExecuteError::Rejected(Overdrawn(0)))), "{refused:?}");
        assert_eq!(
            accounts.execute("alice", |a| a.fill_up_to(0)).await.unwrap().version().get(),
            3
        );
        let loaded = accounts.load("alice").await.unwrap();
        assert_eq!((loaded.cents, loaded.entries, loaded.version().get()), (0, 2, 3));
        assert_eq!(accounts.closing("alice").await.unwrap(), Some(why.clone()));
    }
}

#[tokio::test]
async fn a_stream_is_closed_without_events_of_its_own_and_stays_open_if_the_command_is_refused() {
    let store = MemoryStore::new();
    let accounts = Accounts::new(store.clone());
    accounts.execute("alice", |a| a.pay(5)).await.unwrap();
    let refused = accounts.execute("alice", |a| a.pay(-6)).and_close(Closing::new()).await;
    assert!(matches!(refused, Err(ExecuteError::Rejected(_))), "{refused:?}");
    accounts.execute("alice", |a| a.pay(1)).await.unwrap();
    let done = accounts.execute("alice", |_| Ok::<_, Overdrawn>(vec![])).and_close(Closing::new());
    assert_eq!(done.await.unwrap().version().get(), 3);
    assert_eq!(closes(&store, "alice").await, [false, false, true]);
    let prepared = accounts.execute("bob", |b| b.pay(1)).and_close(Closing::new()).prepare();
    let _ = freehold::Store::commit(&store, prepared.await.unwrap().into_commit()).await.unwrap();
    assert_eq!(closes(&store, "bob").await, [false, true]);
}

#[tokio::test]
async fn a_command_that_closed_its_stream_is_answered_again_as_it_was() {
    let store = Watched::new();
    let accounts = Accounts::new(store.clone());
    let command = Uuid::from_u128(7);
    let close =
        || accounts.execute("alice", |a| a.pay(5)).command_id(command).and_close(Closing::new());
    store.upset([Upset::LoseAnswer, Upset::FailBefore]);
    let first = close().await.unwrap();
    assert_eq!((first.version().get(), first.events().len()), (2, 1));
    let again = close().await.unwrap();
    assert!(again.is_duplicate());
    assert_eq!(
        (again.version(), again.events(), again.token()),
        (first.version(), first.events(), first.token())
    );
    assert_eq!(closed(accounts.execute("alice", |a| a.pay(5)).await), 2);
}

/// The state in its cache is older than the closing: on the newest one, there may be nothing left to do.
#[tokio::test]
async fn a_command_on_a_state_from_before_the_closing_is_decided_again() {
    let store = MemoryStore::new();
    let options = Options {
        retry: RetryPolicy { retries_max: 1, ..RetryPolicy::default() },
        ..Options::default()
    };
    let (here, there) =
        (Accounts::with_options(store.clone(), options), Accounts::new(store.clone()));
    for id in ["alice", "bob", "carol"] {
        here.execute(id, |a| a.pay(5)).await.unwrap();
        there.execute(id, |a| a.pay(5)).and_close(Closing::new()).await.unwrap();
    }
    let done = here.execute("alice", |a| a.fill_up_to(10)).await.unwrap();
    assert_eq!((done.events(), done.version().get()), (&[][..], 3));
    assert_eq!(closed(here.execute("bob", |a| a.pay(1)).await), 3);
    let own = Commit::new().check(&stream("alice"), StreamVersion::new(3));
    assert_eq!(closed(here.execute("carol", |a| a.pay(1)).with(own).await), 3);
}

/// They decide on what is not durable yet, and share a commit.
#[tokio::test]
async fn commands_that_wait_for_one_that_closes_the_stream_are_refused_each() {
    let store = Watched::new();
    let accounts = Accounts::new(store.clone());
    accounts.execute("alice", |a| a.pay(5)).await.unwrap();
    store.shut();
    let closing = accounts.execute("alice", |a| a.pay(1)).and_close(Closing::new()).into_future();
    let later = (0..20).map(|_| accounts.execute("alice", |a| a.pay(1)).into_future());
    let all = async { tokio::join!(closing, futures::future::join_all(later)) };
    let open = async {
        tokio::task::yield_now().await;
        store.gate.add_permits(1_000);
    };
    let ((last, later), ()) = tokio::join!(all, open);
    assert_eq!(last.unwrap().version().get(), 3);
    for answer in later {
        assert_eq!(closed(answer), 3);
    }
    assert_eq!(accounts.load("alice").await.unwrap().cents, 6);
}

#[tokio::test]
async fn a_unit_of_work_closes_streams_and_meets_closed_ones() {
    let store = MemoryStore::new();
    let accounts = Accounts::new(store.clone());
    accounts.execute("alice", |a| a.pay(10)).await.unwrap();
    let (here, there) = (Accounts::new(store.clone()), Accounts::new(store.clone()));
    assert_eq!(here.load("alice").await.unwrap().cents, 10);
    let unit = UnitOfWork::new(store.clone()).run(async |work| {
        work.execute(&there, "alice", |a| a.pay(-10)).await?;
        work.execute(&there, "bob", |b| b.pay(10)).await?;
        work.close(&there, "alice", &Closing::because("moved to bob")).await
    });
    unit.await.unwrap();
    assert_eq!(closes(&store, "alice").await, [false, false, true]);
    assert_eq!(there.closing("alice").await.unwrap().unwrap().reason(), Some("moved to bob"));
    // Both with what they know, and with what they have not seen.
    for accounts in [&here, &there] {
        let late = UnitOfWork::new(store.clone()).run(async |work| {
            work.execute(accounts, "bob", |b| b.pay(1)).await?;
            work.execute(accounts, "alice", |a| a.pay(1)).await
        });
        let late = late.await;
        let Err(WorkError::Commit(CommitError::Closed(closed))) = &late else { panic!("{late:?}") };
        assert_eq!((closed.stream(), closed.version().get()), (&stream("alice"), 3));
        // What is only read is guarded, and may be closed.
        let read = UnitOfWork::new(store.clone()).run(async |work| {
            let alice = work.load(accounts, "alice").await?.cents;
            work.execute(accounts, "carol", |c| c.pay(alice + 1)).await
        });
        read.await.unwrap();
    }
    let behind = UnitOfWork::new(store.clone()).run(async |work| {
        work.close(&there, "bob", &Closing::new()).await?;
        work.execute(&there, "bob", |b| b.pay(1)).await
    });
    let behind = behind.await;
    let Err(WorkError::Commit(CommitError::Invalid(why))) = behind else { panic!("{behind:?}") };
    assert_eq!(why, InvalidCommit::BehindClosing(stream("bob")));
    assert_eq!(there.load("bob").await.unwrap().cents, 10);
}

/// The same, with its states stored.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Stored(i64);

impl Aggregate for Stored {
    type Event = Entry;

    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        self.0 += cents;
    }
}

impl Snapshotted for Stored {
    const STATE_VERSION: u32 = 1;
}

#[tokio::test]
async fn a_closed_and_archived_stream_is_loaded_as_it_was_at_any_time() {
    let store = MemoryStore::new();
    let policy = SnapshotPolicy { every_events: 1, ..SnapshotPolicy::default() };
    let accounts = Repository::<Stored>::with_snapshots(store.clone(), Options::default(), policy);
    let pay = |cents| move |_: &Stored| Ok::<_, Overdrawn>(vec![Entry::Paid { cents }]);
    for cents in [1, 2, 4] {
        accounts.execute("alice", pay(cents)).await.unwrap();
    }
    accounts.execute("alice", pay(8)).and_close(Closing::new()).await.unwrap();
    while store.archive(2).await.unwrap().has_more {}
    for (version, cents) in [(1, 1), (3, 7), (4, 15), (5, 15), (9, 15)] {
        for as_of in
            [AsOf::Version(StreamVersion::new(version)), AsOf::Position(Position::new(version))]
        {
            assert_eq!(accounts.load_as_of("alice", as_of).await.unwrap().0, cents, "{as_of:?}");
        }
    }
    let whole = [AsOf::Version(StreamVersion::NONE), AsOf::Version(StreamVersion::new(9))];
    let changes = accounts.changes("alice", whole[0], whole[1]).await.unwrap();
    assert_eq!((changes.events().len(), changes.after().version().get()), (4, 5));
    for _ in 0..3 {
        let anew = Repository::<Stored>::with_snapshots(store.clone(), Options::default(), policy);
        let loaded = anew.load("alice").await.unwrap();
        assert_eq!((loaded.0, loaded.version().get()), (15, 5));
    }
}
