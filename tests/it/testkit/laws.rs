//! The laws of projections: kept by a good one, and each broken by one that is not.

use std::sync::atomic::{AtomicU64, Ordering};

use freehold::projection::{Eventual, Facts, On, Projection, Recorded, Views};
use freehold::testkit::{Broken, laws, project};
use freehold::{Event, RecordedEvent};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) enum Entry {
    Booked { cents: u64 },
    Closed,
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

#[derive(Serialize, Deserialize)]
enum Owner {
    Moved { to: String },
}

impl Event for Owner {
    const CATEGORY: &'static str = "owner";
}

/// A projection over two enums that does what `F` says with an entry.
struct With<F>(F);

#[derive(Default, Serialize, Deserialize)]
struct Balance {
    cents: u64,
    town: String,
    /// It does not survive being written.
    #[serde(skip)]
    unwritten: u64,
}

impl<F: Fn(&mut Balance, u64) + Send + Sync + 'static> Projection for With<F> {
    const NAME: &'static str = "balances";
    type View = Balance;
    type Events = (Entry, Owner);
    type Level = Eventual<1_000>;
}

impl<F: Fn(&mut Balance, u64) + Send + Sync + 'static> On<Entry> for With<F> {
    fn on(&self, event: &Recorded<'_, Entry>, views: &mut Views<'_, Balance>) {
        match &**event {
            Entry::Booked { cents } => {
                views.update(event.id(), |balance| (self.0)(balance, *cents));
            }
            Entry::Closed => views.remove(event.id()),
        }
    }
}

impl<F: Fn(&mut Balance, u64) + Send + Sync + 'static> On<Owner> for With<F> {
    fn on(&self, event: &Recorded<'_, Owner>, views: &mut Views<'_, Balance>) {
        let Owner::Moved { to } = event.event();
        let country: String = views.fact("country").unwrap_or_default();
        views.change_under(event.id(), |_, balance| balance.town = format!("{to}{country}"));
    }
}

fn booked(balance: &mut Balance, cents: u64) {
    balance.cents += cents;
}

fn history() -> Vec<RecordedEvent> {
    let booked = |cents| Entry::Booked { cents };
    project(With(self::booked))
        .given("ada.1", [booked(1), booked(2)])
        .given("ada.2", [booked(4)])
        .given("ada", [Owner::Moved { to: "Paris".into() }])
        .given("bob.1", [booked(8), Entry::Closed, booked(16)])
        .given("ada.2", [Entry::Closed])
        .into_events()
}

#[test]
fn a_scenario_folds_as_a_service_does() {
    let mut facts = Facts::new();
    facts.insert("country", &", France").unwrap();
    let view = |cents, town: &str| Balance { cents, town: town.into(), unwritten: 0 };
    let _ = project(With(booked))
        .given("ada.1", [Entry::Booked { cents: 1 }])
        .given("bob.1", [Entry::Booked { cents: 2 }])
        .facts(facts)
        .given("ada", [Owner::Moved { to: "Paris".into() }])
        .then("ada.1", view(1, "Paris, France"))
        .then("bob.1", view(2, ""))
        .then_keys(&["bob.1", "ada.1"])
        .given("ada.1", [Entry::Closed])
        .then_no("ada.1");
}

#[test]
#[should_panic(expected = "the view under `ada`")]
fn a_wrong_view_fails_the_scenario() {
    let wrong = Balance { cents: 2, ..Balance::default() };
    let _ = project(With(booked)).given("ada", [Entry::Booked { cents: 1 }]).then("ada", wrong);
}

#[test]
fn a_good_projection_keeps_the_laws() {
    for seed in 0..50 {
        assert_eq!(laws(&With(booked), &history(), seed), Ok(()), "seed {seed}");
    }
}

#[test]
fn a_fold_that_looks_at_something_that_changes_is_found() {
    let calls = AtomicU64::new(0);
    let counts = move |balance: &mut Balance, _| {
        balance.cents = calls.fetch_add(1, Ordering::Relaxed);
    };
    let broken = laws(&With(counts), &history(), 1).unwrap_err();
    assert!(matches!(broken, Broken::NotDeterministic { .. }), "{broken}");
}

#[test]
fn a_view_that_does_not_survive_being_written_is_found() {
    let forgets = |balance: &mut Balance, cents| {
        balance.unwritten += cents;
        balance.cents = balance.unwritten;
    };
    let broken = laws(&With(forgets), &history(), 1).unwrap_err();
    assert!(matches!(broken, Broken::DependsOnBatches { .. }), "{broken}");
}
