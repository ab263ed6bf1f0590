//! Records that steps split or drop: what became of a state, and decisions over several of them, count records.

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use chrono::DateTime;
use freehold::aggregate::{AsOf, WorkError};
use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;
use freehold::testkit::{Faults, FaultyStore, Loss, ManualClock};
use freehold::{Clock, EventStore, Position, Repository, UnitOfWork};
use tempfile::TempDir;
use uuid::Uuid;

use super::upcasts::{Before, Entry, Ledger, LedgerBefore, OLD, at, before};

async fn file() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("ledgers.db")).await.unwrap();
    (folder, store)
}

fn paid(cents: i64) -> Entry {
    Entry::Paid { cents }
}

fn pay(cents: i64) -> impl Fn(&Ledger) -> Result<Vec<Entry>, Infallible> + Send + Sync {
    move |_| Ok(vec![paid(cents)])
}

/// The records are one that is dropped, one that is split, one that becomes one, and one that is dropped.
async fn changes_tell_all_that_records_are<S: EventStore + Clone>(store: S) {
    before(&store, &OLD, None).await;
    let ledgers = Repository::<Ledger>::new(store);
    let split = [(2, paid(5)), (2, Entry::Closed)];
    let last = [(3, paid(100))];
    let both = [split.as_slice(), last.as_slice()].concat();
    for (from, to, events, states) in [
        (0, 1, &[][..], [(0, 0), (0, 0)]),
        (0, 2, &split, [(0, 0), (5, 1)]),
        (1, 2, &split, [(0, 0), (5, 1)]),
        (1, 3, &both, [(0, 0), (105, 1)]),
        (2, 3, &last, [(5, 1), (105, 1)]),
        (0, 4, &both, [(0, 0), (105, 1)]),
        (3, 4, &[][..], [(105, 1), (105, 1)]),
        (4, 9, &[][..], [(105, 1), (105, 1)]),
    ] {
        let changes = ledgers.changes("1", at(from), at(to)).await.unwrap();
        let told = changes.events().iter();
        let told: Vec<_> =
            told.map(|past| (past.record.version().get(), past.event.clone())).collect();
        assert_eq!(told, events, "from {from} to {to}");
        let state = |ledger: &Ledger| (ledger.cents, ledger.closed);
        assert_eq!(
            [state(changes.before()), state(changes.after())],
            states,
            "from {from} to {to}"
        );
        let versions = [changes.before().version().get(), changes.after().version().get()];
        assert_eq!(versions, [from.min(4), to.min(4)]);
    }
    // Events of one record share it, so that an audit says of each who has recorded it.
    let changes = ledgers.changes("1", at(0), at(4)).await.unwrap();
    let [one, two, other] = changes.events() else { panic!("{:?}", changes.events()) };
    assert_eq!(one.record, two.record);
    assert_ne!(one.record, other.record);
    assert_eq!(one.record.name().as_str(), "Settled");
}

#[tokio::test]
async fn what_became_of_a_state_tells_all_that_each_record_is_today() {
    changes_tell_all_that_records_are(MemoryStore::new()).await;
    let (_folder, store) = file().await;
    changes_tell_all_that_records_are(store).await;
}

/// A record is before a place or behind it, with all that it is.
#[tokio::test]
async fn no_place_lies_within_a_record() {
    let clock = ManualClock::at(DateTime::UNIX_EPOCH);
    let (store, began) = (MemoryStore::builder().clock(clock.clone()).build(), clock.now());
    for event in &OLD {
        before(&store, std::slice::from_ref(event), None).await;
        clock.advance(Duration::from_secs(10));
    }
    let ledgers = Repository::<Ledger>::new(store);
    let after = |records: i64| {
        let moment = began + chrono::TimeDelta::seconds(10 * records - 5);
        let position = Position::new(u64::try_from(records).unwrap());
        [AsOf::Moment(moment), AsOf::Position(position)]
    };
    for (records, state) in [(0, (0, 0)), (1, (0, 0)), (2, (5, 1)), (3, (105, 1)), (4, (105, 1))] {
        for as_of in after(records) {
            let then = ledgers.load_as_of("1", as_of).await.unwrap();
            assert_eq!((then.cents, then.closed), state, "as of {as_of:?}");
            assert_eq!(then.version().get(), u64::try_from(records).unwrap());
        }
    }
}

/// What a unit has read is guarded by the number of records: the store would refuse any other.
async fn a_unit_guards_and_appends_by_records<S: EventStore + Clone>(store: S) {
    before(&store, &OLD, None).await;
    let (old, ledgers) =
        (Repository::<LedgerBefore>::new(store.clone()), Repository::<Ledger>::new(store.clone()));
    old.execute("2", |_| Ok::<_, Infallible>(vec![Before::Settled(7)])).await.unwrap();
    let moved = UnitOfWork::new(store.clone())
        .run(async |work| {
            let one = work.load(&ledgers, "1").await?;
            assert_eq!((one.version().get(), one.cents, one.closed), (4, 105, 1));
            let two = work.execute(&ledgers, "2", pay(one.cents)).await?;
            // It is at the version after what it was decided on.
            assert_eq!((two.cents, two.closed), (112, 1));
            Ok::<_, WorkError<Infallible>>(())
        })
        .await
        .unwrap();
    assert!(moved.value().is_some());
    let both = UnitOfWork::new(store.clone())
        .run(async |work| {
            work.execute(&ledgers, "1", pay(-5)).await?;
            work.execute(&ledgers, "2", pay(5)).await?;
            work.execute(&ledgers, "1", pay(-1)).await
        })
        .await
        .unwrap();
    assert_eq!(both.value().unwrap().cents, 99);
    let versions = async |id| {
        let ledger = Repository::<Ledger>::new(store.clone()).load(id).await.unwrap();
        (ledger.version().get(), ledger.cents, ledger.closed)
    };
    assert_eq!(versions("1").await, (6, 99, 1));
    assert_eq!(versions("2").await, (3, 117, 1));
}

#[tokio::test]
async fn a_unit_of_work_over_split_records_guards_and_appends_by_their_number() {
    a_unit_guards_and_appends_by_records(MemoryStore::new()).await;
    let (_folder, store) = file().await;
    a_unit_guards_and_appends_by_records(store).await;
}

/// An old program writes, between the read of a unit and its commit, a record that is split, or one that means nothing: either
/// is a conflict, and the unit is run again.
#[tokio::test]
async fn a_unit_of_work_runs_again_over_a_record_that_came_meanwhile_whatever_it_is_today() {
    for (meanwhile, state) in [(Before::Settled(7), (112, 2)), (Before::Viewed, (105, 1))] {
        let store = MemoryStore::new();
        before(&store, &OLD, None).await;
        let ledgers = Repository::<Ledger>::new(store.clone());
        let runs = Cell::new(0);
        let seen = UnitOfWork::new(store.clone())
            .run(async |work| {
                runs.set(runs.get() + 1);
                let one = work.load(&ledgers, "1").await?;
                if runs.get() == 1 {
                    before(&store, std::slice::from_ref(&meanwhile), None).await;
                }
                work.execute(&ledgers, "2", pay(1)).await?;
                Ok::<_, WorkError<Infallible>>((one.cents, one.closed, one.version().get()))
            })
            .await
            .unwrap();
        assert_eq!((runs.get(), seen.value()), (2, Some(&(state.0, state.1, 5))), "{meanwhile:?}");
    }
}

/// The call of the store that is the commit: two reads come before it.
const NTH: u64 = 3;

/// Its reply was lost, it was repeated by today's program, and its events have become others since.
#[tokio::test]
async fn a_repeated_unit_of_work_is_known_though_its_events_are_others_today() {
    let command = Uuid::from_u128(77);
    for events in [&OLD[..1], &OLD[1..2], &OLD[..]] {
        let inner = MemoryStore::new();
        // The first answer is lost, so that the first program repeats it as well.
        let store = FaultyStore::new(inner.clone(), Faults::seeded(1).fail_nth(NTH, Loss::Answer));
        let old = Repository::<LedgerBefore>::new(store.clone());
        let first = UnitOfWork::new(store.clone())
            .command_id(command)
            .run(async |work| {
                work.execute(&old, "1", |_| Ok::<_, Infallible>(events.to_vec())).await?;
                work.execute(&old, "2", |_| Ok(events.to_vec())).await.map(drop)
            })
            .await
            .unwrap();
        let head = inner.head().await.unwrap();
        let ledgers = Repository::<Ledger>::new(inner.clone());
        let again = UnitOfWork::new(inner.clone())
            .command_id(command)
            .run(async |work| {
                work.execute(&ledgers, "1", pay(1)).await?;
                work.execute(&ledgers, "2", pay(1)).await.map(drop)
            })
            .await
            .unwrap();
        assert!(first.value().is_some() && again.value().is_none());
        assert_eq!(again.token().unwrap().position(), head);
        assert_eq!(inner.head().await.unwrap(), head);
    }
}
