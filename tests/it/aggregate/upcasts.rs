//! Old events become none, one or several, and stay the one record that they are: in versions, in answers, in snapshots.

use std::convert::Infallible;
use std::sync::LazyLock;

use freehold::aggregate::{AsOf, ExecuteError, Options, SnapshotPolicy, Snapshotted};
use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::event::{EventError, Misfit, Upcasts};
use freehold::{Aggregate, Event, EventStore, Repository, StreamVersion};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the program of last year wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Before {
    #[serde(rename = "Paid.v1")]
    Paid {
        euros: i64,
    },
    Settled(i64),
    Viewed,
    /// What the program of today writes beside it.
    #[serde(other)]
    Later,
}

impl Event for Before {
    const CATEGORY: &'static str = "ledger";
}

#[derive(Clone, Debug, Default)]
pub(super) struct LedgerBefore;

impl Aggregate for LedgerBefore {
    type Event = Before;

    fn apply(&mut self, _: &Before) {}
}

/// Declares today's events with their steps, and the state that they are folded to.
macro_rules! ledger {
    ($entry:ident, $ledger:ident, $settled:expr) => {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum $entry {
            Paid { cents: i64 },
            Closed,
        }

        impl Event for $entry {
            const CATEGORY: &'static str = "ledger";

            fn upcasts() -> &'static Upcasts<Self> {
                static UPCASTS: LazyLock<Upcasts<$entry>> = LazyLock::new(|| {
                    #[derive(Deserialize)]
                    struct Old {
                        euros: i64,
                    }
                    let steps = Upcasts::builder()
                        .replace("Paid.v1", |old: Old| Ok($entry::Paid { cents: 100 * old.euros }))
                        .drop("Viewed", "who has looked is no fact of a ledger");
                    $settled(steps).build()
                });
                &UPCASTS
            }
        }

        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub(super) struct $ledger {
            pub(super) cents: i64,
            pub(super) closed: u64,
        }

        impl Aggregate for $ledger {
            type Event = $entry;

            fn apply(&mut self, entry: &$entry) {
                match entry {
                    $entry::Paid { cents } => self.cents += cents,
                    $entry::Closed => self.closed += 1,
                }
            }
        }

        impl Snapshotted for $ledger {
            const STATE_VERSION: u32 = 1;
        }
    };
}

type Steps<E> = freehold::event::UpcastsBuilder<E>;

ledger!(Entry, Ledger, |steps: Steps<Entry>| steps
    .split("Settled", |cents: i64| Ok([Entry::Paid { cents }, Entry::Closed])));
// The same events, and other steps to them.
ledger!(Other, OtherLedger, |steps: Steps<Other>| steps.drop("Settled", "it was a mistake"));

pub(super) async fn before<S: EventStore + Clone>(
    store: &S,
    events: &[Before],
    command: Option<Uuid>,
) {
    let ledgers = Repository::<LedgerBefore>::new(store.clone());
    let decide = |_: &LedgerBefore| Ok::<_, Infallible>(events.to_vec());
    let execute = ledgers.execute("1", decide);
    match command {
        Some(command) => execute.command_id(command).await.unwrap(),
        None => execute.await.unwrap(),
    };
}

pub(super) const OLD: [Before; 4] =
    [Before::Viewed, Before::Settled(5), Before::Paid { euros: 1 }, Before::Viewed];

pub(super) fn at(version: u64) -> AsOf {
    AsOf::Version(StreamVersion::new(version))
}

async fn versions_are_those_of_records<S: EventStore + Clone>(store: S) {
    before(&store, &OLD, None).await;
    let ledgers = Repository::<Ledger>::new(store.clone());
    let ledger = ledgers.load("1").await.unwrap();
    let folded = Ledger { cents: 105, closed: 1 };
    assert_eq!((ledger.version().get(), ledger.state()), (4, &folded));
    // The store would refuse a commit that expects another version.
    let pay = |_: &Ledger| Ok::<_, Infallible>(vec![Entry::Paid { cents: 1 }]);
    assert_eq!(ledgers.execute("1", pay).await.unwrap().version().get(), 5);
}

#[tokio::test]
async fn a_version_counts_records_and_not_what_became_of_them() {
    versions_are_those_of_records(MemoryStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("ledgers.db")).await.unwrap();
    versions_are_those_of_records(store).await;
}

#[tokio::test]
async fn the_answer_to_a_repeated_command_holds_all_that_its_events_are_today() {
    let store = MemoryStore::new();
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    before(&store, &OLD, Some(first)).await;
    before(&store, &[Before::Viewed], Some(second)).await;
    let ledgers = Repository::<Ledger>::new(store);
    let pay = |_: &Ledger| Ok::<_, Infallible>(vec![Entry::Paid { cents: 9 }]);
    let again = ledgers.execute("1", pay).command_id(first).await.unwrap();
    let paid = |cents| Entry::Paid { cents };
    assert_eq!(again.events(), [paid(5), Entry::Closed, paid(100)]);
    assert_eq!((again.is_duplicate(), again.version().get(), again.cents), (true, 4, 105));
    // It has happened, though nothing of it means anything today.
    let again = ledgers.execute("1", pay).command_id(second).await.unwrap();
    assert_eq!(again.events(), []);
    assert_eq!((again.is_duplicate(), again.version().get(), again.cents), (true, 5, 105));
    assert_eq!(ledgers.load("1").await.unwrap().version().get(), 5);
}

/// Its newest event is one that is dropped, so nothing but the record tells where the state stands.
#[tokio::test]
async fn a_state_that_was_folded_by_other_steps_is_passed_over() {
    async fn load<A: Snapshotted>(store: &MemoryStore, writes_max: usize) -> (u64, A) {
        let options = Options { cached_states_max: 0, ..Options::default() };
        let policy = SnapshotPolicy { every_events: 1, writes_max, ..SnapshotPolicy::default() };
        let ledgers = Repository::<A>::with_snapshots(store.clone(), options, policy);
        let loaded = ledgers.load("1").await.unwrap();
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        (loaded.version().get(), loaded.into_state())
    }
    let store = MemoryStore::new();
    before(&store, &OLD, None).await;
    let folded = (4, Ledger { cents: 105, closed: 1 });
    for _ in 0..3 {
        assert_eq!(load::<Ledger>(&store, 2).await, folded);
    }
    assert_eq!(load::<OtherLedger>(&store, 0).await, (4, OtherLedger { cents: 100, closed: 0 }));
    before(&store, &[Before::Viewed, Before::Settled(1)], None).await;
    assert_eq!(load::<Ledger>(&store, 0).await, (6, Ledger { cents: 106, closed: 2 }));
}

#[tokio::test]
async fn an_event_that_is_stuck_on_its_way_stops_the_load_and_says_where() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    enum Strict {
        Settled(i64),
    }
    impl Event for Strict {
        const CATEGORY: &'static str = "ledger";
        fn upcasts() -> &'static Upcasts<Self> {
            static UPCASTS: LazyLock<Upcasts<Strict>> = LazyLock::new(|| {
                let never = |_: IgnoredAny| Err::<Strict, _>("it never was".into());
                Upcasts::builder().rename("Viewed", "Seen").replace("Seen", never).build()
            });
            &UPCASTS
        }
    }
    #[derive(Clone, Debug, Default)]
    struct StrictLedger;
    impl Aggregate for StrictLedger {
        type Event = Strict;
        fn apply(&mut self, _: &Strict) {}
    }
    let store = MemoryStore::new();
    before(&store, &[Before::Settled(1), Before::Viewed], None).await;
    let ledgers = Repository::<StrictLedger>::new(store);
    let Err(ExecuteError::Event(error)) = ledgers.load("1").await else { panic!("it was read") };
    let EventError::Decode { name, upcast_to, version, misfit, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((name.as_str(), *upcast_to), ("Viewed", Some("Seen")));
    assert_eq!((version.get(), *misfit), (2, Misfit::Upcast));
    assert_eq!(ledgers.load_as_of("1", at(1)).await.unwrap().version().get(), 1);
}
