//! The laws of projections that are kept up: kept by a good one, and each broken by one that is not.

use std::sync::atomic::{AtomicU64, Ordering};

use freehold::RecordedEvent;
use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use freehold::testkit::{Broken, laws_of_upkeep, project};
use serde::{Deserialize, Serialize};

use super::laws::Entry;

#[derive(Default, Serialize, Deserialize)]
struct Balance {
    cents: u64,
    note: u64,
}

/// A projection that notes what `F` says of the place of each entry.
struct Noting<F>(F);

impl<F: Fn(u64) -> u64 + Send + Sync + 'static> Projection for Noting<F> {
    const NAME: &'static str = "balances";
    type View = Balance;
    type Events = Entry;
    type Level = Eventual<1_000>;
}

impl<F: Fn(u64) -> u64 + Send + Sync + 'static> On<Entry> for Noting<F> {
    fn on(&self, event: &Recorded<'_, Entry>, views: &mut Views<'_, Balance>) {
        match &**event {
            Entry::Booked { cents } => views.update(event.id(), |balance| {
                balance.cents += cents;
                balance.note = (self.0)(event.record().position().get());
            }),
            Entry::Closed => views.remove(event.id()),
        }
    }
}

fn history() -> Vec<RecordedEvent> {
    let booked = |cents| Entry::Booked { cents };
    let mut scenario = project(Noting(|at| at));
    for n in 0..6 {
        let account = format!("a{n}");
        scenario = scenario.given(&account, [booked(1), booked(n)]).given("all", [booked(n)]);
    }
    scenario.given("a1", [Entry::Closed]).given("a2", [Entry::Closed, booked(7)]).into_events()
}

#[tokio::test(start_paused = true)]
async fn a_good_projection_keeps_the_laws_of_upkeep() {
    for seed in 0..30 {
        let broken = laws_of_upkeep(|| Noting(|at| 2 * at), &history(), seed).await;
        assert_eq!(broken, Ok(()), "seed {seed}");
    }
    assert_eq!(laws_of_upkeep(|| Noting(|at| at), &[], 0).await, Ok(()));
}

/// It numbers the entries by itself, and counts those again that come again.
#[tokio::test(start_paused = true)]
async fn a_fold_that_counts_what_is_delivered_is_found_by_duplicates() {
    let counts = || {
        let count = AtomicU64::new(0);
        Noting(move |_| count.fetch_add(1, Ordering::Relaxed))
    };
    let broken = laws_of_upkeep(counts, &history(), 1).await.unwrap_err();
    assert!(matches!(broken, Broken::ChangedByDuplicates { .. }), "{broken}");
}

/// It notes whether an entry is among the newest that there are, which it is when it happens, and not when the views are made
/// anew.
#[tokio::test(start_paused = true)]
async fn a_fold_that_tells_news_from_history_is_found_by_a_rebuild() {
    let tells = || {
        let newest = AtomicU64::new(0);
        Noting(move |at| u64::from(newest.fetch_max(at, Ordering::Relaxed) <= at + 5))
    };
    let broken = laws_of_upkeep(tells, &history(), 1).await.unwrap_err();
    assert!(matches!(broken, Broken::ChangedByRebuild { .. }), "{broken}");
}
