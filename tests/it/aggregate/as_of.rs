//! States as they were, and what became of them.

use chrono::{DateTime, TimeDelta, Utc};
use freehold::aggregate::AsOf;
use freehold::backend::memory::MemoryStore;
use freehold::testkit::ManualClock;
use freehold::{Aggregate, Clock, Position, Repository, StreamVersion};
use serde::Serialize;

use super::fixture::{Account, Entry};

/// An account whose fields can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Told {
    cents: i64,
    last: Option<i64>,
    largest: Vec<i64>,
}

impl Aggregate for Told {
    type Event = Entry;

    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        self.cents += cents;
        self.last = Some(*cents);
        if self.largest.iter().all(|largest| largest < cents) {
            self.largest.push(*cents);
        }
    }
}

fn version(n: u64) -> AsOf {
    AsOf::Version(StreamVersion::new(n))
}

/// Payments of 1, 2, 3 … cents to `a`, an hour apart, each followed by one to `b`.
async fn twelve_hours() -> (MemoryStore, DateTime<Utc>) {
    let clock = ManualClock::at(DateTime::UNIX_EPOCH);
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let (accounts, began) = (Repository::<Account>::new(store.clone()), clock.now());
    for hour in 1..=12 {
        for id in ["a", "b"] {
            accounts.execute(id, |a| a.pay(hour)).await.unwrap();
        }
        clock.advance(TimeDelta::hours(1).to_std().unwrap());
    }
    (store, began)
}

#[tokio::test]
async fn a_state_is_loaded_as_of_a_version_a_position_or_a_moment() {
    let (store, began) = twelve_hours().await;
    let accounts = Repository::<Account>::new(store);
    for n in 0..=14_u64 {
        let hours = n.min(12);
        let cents = i64::try_from(hours * (hours + 1) / 2).unwrap();
        // Of each hour's two events the first is that of `a`; its moment is the beginning of the hour.
        let position = AsOf::Position(Position::new((2 * n).saturating_sub(1)));
        let moment = began + TimeDelta::hours(i64::try_from(n).unwrap()) - TimeDelta::minutes(30);
        for as_of in [version(n), position, AsOf::Moment(moment)] {
            let then = accounts.load_as_of("a", as_of).await.unwrap();
            assert_eq!((then.cents, then.version().get()), (cents, hours), "{as_of:?}");
        }
    }
    let nobody = accounts.load_as_of("nobody", version(3)).await.unwrap();
    assert_eq!(nobody.into_state(), Account::default());
}

/// The clock of the machine was set back: what was recorded behind a later event comes with it.
#[tokio::test]
async fn a_moment_ends_before_the_first_event_that_is_later() {
    let clock = ManualClock::at(DateTime::UNIX_EPOCH);
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let (accounts, began) = (Repository::<Account>::new(store), clock.now());
    for hours in [0, 2, 1] {
        clock.set(began + TimeDelta::hours(hours));
        accounts.execute("a", |a| a.pay(1)).await.unwrap();
    }
    let versions = async |hours| {
        let moment = AsOf::Moment(began + TimeDelta::hours(hours));
        accounts.load_as_of("a", moment).await.unwrap().version().get()
    };
    assert_eq!([versions(0).await, versions(1).await, versions(2).await], [1, 1, 3]);
}

#[tokio::test]
async fn an_audit_is_told_what_became_of_a_state_and_by_what() {
    let (store, began) = twelve_hours().await;
    let told = Repository::<Told>::new(store);
    let changes = told.changes("a", version(2), version(4)).await.unwrap();
    assert_eq!((changes.before().cents, changes.after().cents), (3, 10));
    let paid: Vec<_> = changes.events().iter().map(|past| past.event.clone()).collect();
    assert_eq!(paid, [Entry::Paid { cents: 3 }, Entry::Paid { cents: 4 }]);
    assert_eq!(changes.events()[0].record.recorded_at(), began + TimeDelta::hours(2));
    let fields: Vec<_> = changes.fields().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        fields,
        ["cents: 3 -> 10", "largest.2: nothing -> 3", "largest.3: nothing -> 4", "last: 2 -> 4"]
    );
    let first = told.changes("a", version(0), version(1)).await.unwrap();
    let fields: Vec<_> = first.fields().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        fields,
        ["cents: 0 -> 1", "largest: [] -> nothing", "largest.0: nothing -> 1", "last: null -> 1"]
    );
    for (from, to) in [(4, 4), (4, 2), (12, 99)] {
        let nothing = told.changes("a", version(from), version(to)).await.unwrap();
        assert!(nothing.events().is_empty() && nothing.fields().unwrap().is_empty());
    }
}
