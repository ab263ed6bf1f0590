//! How late a projection may be is said by its level, and its health says when it is later.

use std::time::Duration;

use freehold::RecordedEvent;
use freehold::projection::{Enrich, Eventual, Facts, On, Projection, Recorded, Views};
use freehold::subscription::{Health, SinkError, SubscriptionOptions};
use freehold::testkit::async_trait;
use tokio::time::sleep;

use super::fixture::{User, put, reads};
use crate::subscription::fixture::{memory, options, reach};

const MILLI: Duration = Duration::from_millis(1);

/// Counts the names, and may be so many milliseconds late.
struct Names<const MILLIS: u64>;

impl<const MILLIS: u64> Projection for Names<MILLIS> {
    const NAME: &'static str = "names";
    type View = u64;
    type Events = User;
    type Level = Eventual<MILLIS>;
}

impl<const MILLIS: u64> On<User> for Names<MILLIS> {
    fn on(&self, event: &Recorded<'_, User>, views: &mut Views<'_, u64>) {
        views.update(event.id(), |names| *names += 1);
    }
}

/// What it asks for takes its time.
struct Slow;

#[async_trait]
impl Enrich for Slow {
    async fn enrich(&self, _: &[RecordedEvent]) -> Result<Facts, SinkError> {
        sleep(20_000 * MILLI).await;
        Ok(Facts::new())
    }
}

/// It is well as long as its level allows, and late from then on.
async fn is_late_after<const MILLIS: u64>(options: SubscriptionOptions) {
    let (store, level) = (memory(), Duration::from_millis(MILLIS));
    let reads = reads(&store);
    let kept = reads.upkeep(Names::<MILLIS>).enrich(Slow).options(options).start();
    kept.live().await.unwrap();
    let token = put(&store, "a", User::Named { name: "Ada".into() }).await;
    sleep(level.saturating_sub(5 * MILLI)).await;
    let health = kept.health().await;
    assert!(health.is_ok(), "within {MILLIS} ms: {health:?}");
    sleep(10 * MILLI).await;
    let health = kept.health().await;
    let Health::Late { by } = health else { panic!("after {MILLIS} ms: {health:?}") };
    assert!(by > level && by < level + 10 * MILLI, "after {MILLIS} ms: {by:?}");
    reach(kept.live().await.unwrap().progress(), token).await;
    assert!(kept.health().await.is_ok());
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_projection_is_late_when_its_level_says_so_whatever_its_options_say() {
    let lenient = SubscriptionOptions { late_after: Duration::from_hours(1), ..options() };
    for options in [SubscriptionOptions::default(), options(), lenient] {
        is_late_after::<1_000>(options).await;
        is_late_after::<5_000>(options).await;
        is_late_after::<12_000>(options).await;
    }
}

/// Without any options, too.
#[tokio::test(start_paused = true)]
async fn a_projection_without_options_is_late_when_its_level_says_so() {
    let store = memory();
    let kept = reads(&store).upkeep(Names::<1_000>).enrich(Slow).start();
    kept.live().await.unwrap();
    put(&store, "a", User::Closed).await;
    sleep(1_001 * MILLI).await;
    assert!(matches!(kept.health().await, Health::Late { .. }), "{:?}", kept.health().await);
    kept.stop().await;
}
