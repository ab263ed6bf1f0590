//! What must hold of every projection that a service keeps up, whatever happens meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::faults::{Faults, FaultyStore};
use super::laws::{Broken, difference};
use crate::backend::memory::MemoryStore;
use crate::ports::{EventStore, RowStore, Store};
use crate::projection::{Asynchronous, Facts, Kept, Projection, PureViews, ReadSide};
use crate::subscription::{Health, SubscriptionOptions};
use crate::types::{
    Commit, ExpectedVersion, Filter, NewEvent, Position, RecordedEvent, RowSet, RowsWanted, Token,
};

/// Far longer than anything takes here.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const PAGE: usize = 500;
/// Small batches: much can happen between them.
const BATCH_EVENTS_MAX: usize = 2;
/// How many of the commits are lost, and of the answers to them.
const LOST: f64 = 0.3;

/// Sees whether a projection keeps the laws that [`laws`](super::laws) cannot see, by keeping it up on these events, in memory: what is
/// delivered again because a commit or its answer was lost changes nothing, and a rebuild, while events keep coming, gives the views that
/// are there already. Each must give what the events give when they are folded one after the other, by a projection of
/// which nobody else knows: `make` makes a new one, as each process does.
///
/// It waits, by tokio's clock: on the paused clock, as in `#[tokio::test(start_paused = true)]`, that takes no time. The
/// seed says what is lost.
///
/// ```
/// # use freehold::projection::{Eventual, On, Projection, Recorded, Views};
/// use freehold::testkit::{laws_of_upkeep, project};
/// # use freehold::Event;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # enum OrderEvent { Placed, Shipped }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// # struct Shipped;
/// # impl Projection for Shipped {
/// #     const NAME: &'static str = "shipped";
/// #     type View = u32;
/// #     type Events = OrderEvent;
/// #     type Level = Eventual<5_000>;
/// # }
/// # impl On<OrderEvent> for Shipped {
/// #     fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, u32>) {
/// #         views.update("all", |all| *all += u32::from(matches!(&**event, OrderEvent::Shipped)));
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
///
/// let history = project(Shipped).given("1", [OrderEvent::Placed, OrderEvent::Shipped]);
/// assert_eq!(laws_of_upkeep(|| Shipped, &history.into_events(), 7).await, Ok(()));
/// # }
/// ```
///
/// # Errors
/// [`Broken`] names the law, and the first view that differs.
pub async fn laws_of_upkeep<P: Projection<Level: Asynchronous>>(
    make: impl Fn() -> P,
    events: &[RecordedEvent],
    seed: u64,
) -> Result<(), Broken> {
    duplicates(&make, events, seed).await?;
    rebuild(&make, events).await
}

/// Commits are lost, and their batches are folded again; answers are lost, and it is not known whether they must be.
async fn duplicates<P: Projection<Level: Asynchronous>>(
    make: &impl Fn() -> P,
    events: &[RecordedEvent],
    seed: u64,
) -> Result<(), Broken> {
    let (log, views) = (MemoryStore::new(), MemoryStore::new());
    let Some(end) = record(&log, events).await else { return Ok(()) };
    let expected = folded(&make(), &log).await?;
    let faults = Faults::seeded(seed).fail_before(LOST).fail_after(LOST);
    let losing = FaultyStore::new(views.clone(), faults);
    let reads = ReadSide::new(losing).follow(log);
    let kept = keep_up(&reads, make());
    reach::<P>(&reads, end).await?;
    kept.stop().await;
    let differs = difference(&expected, &stored(&views, P::NAME).await);
    differs.map_or(Ok(()), |difference| Err(Broken::ChangedByDuplicates { difference }))
}

/// The views are made anew while the second half of the events happens.
async fn rebuild<P: Projection<Level: Asynchronous>>(
    make: &impl Fn() -> P,
    events: &[RecordedEvent],
) -> Result<(), Broken> {
    let (log, views) = (MemoryStore::new(), MemoryStore::new());
    let (old, new) = events.split_at(events.len().div_ceil(2));
    let Some(mut end) = record(&log, old).await else { return Ok(()) };
    let reads = ReadSide::new(views.clone()).follow(log.clone());
    let kept = keep_up(&reads, make());
    reach::<P>(&reads, end).await?;
    kept.rebuild().await.expect("nothing fails in memory");
    for event in new {
        end = record(&log, std::slice::from_ref(event)).await.unwrap_or(end);
        reach::<P>(&reads, end).await?;
    }
    until_rebuilt(&kept).await?;
    reach::<P>(&reads, end).await?;
    kept.stop().await;
    let expected = folded(&make(), &log).await?;
    let differs = difference(&expected, &stored(&views, &format!("{}_g1", P::NAME)).await);
    differs.map_or(Ok(()), |difference| Err(Broken::ChangedByRebuild { difference }))
}

fn keep_up<P: Projection<Level: Asynchronous>>(reads: &ReadSide, projection: P) -> Kept {
    let batch_events_max = BATCH_EVENTS_MAX;
    let options = SubscriptionOptions { batch_events_max, ..SubscriptionOptions::default() };
    reads.upkeep(projection).options(options).start()
}

/// Records events, a commit each; where the last of them stands.
async fn record(log: &MemoryStore, events: &[RecordedEvent]) -> Option<Token> {
    let mut end = None;
    for event in events {
        let new = NewEvent::new(event.id(), event.name().clone(), event.data().clone())
            .with_metadata(event.metadata().clone());
        let commit = Commit::new().append(event.stream(), ExpectedVersion::Any, [new]);
        let done = log.commit(commit).await.expect("what was recorded once can be recorded again");
        end = Some(done.token());
    }
    end
}

/// What the events of a log give, one after the other.
async fn folded<P: Projection>(projection: &P, log: &MemoryStore) -> Result<PureViews, Broken> {
    let (mut views, mut after) = (PureViews::default(), Position::START);
    loop {
        let page = log.read_all(after, &Filter::all(), PAGE).await.expect("memory can be read");
        for event in &page.events {
            let folded = views.fold(projection, std::slice::from_ref(event), &Facts::new());
            folded.map_err(|why| Broken::Unfoldable(why.to_string()))?;
        }
        after = page.upto;
        if !page.has_more {
            return Ok(views);
        }
    }
}

/// The views that are in a set.
async fn stored(store: &MemoryStore, set: &str) -> PureViews {
    let set = RowSet::new(set).expect("a projection has the name of a set");
    let (mut views, mut after) = (PureViews::default(), None);
    loop {
        let wanted = RowsWanted::Page { prefix: Arc::from(""), after, limit: PAGE };
        let page = store.rows(&set, &wanted, None).await.expect("memory can be read");
        after = page.rows.last().map(|row| row.key.clone());
        views.0.extend(page.rows.into_iter().map(|row| (row.key, row.value)));
        if !page.has_more {
            return views;
        }
    }
}

async fn reach<P: Projection>(reads: &ReadSide, token: Token) -> Result<(), Broken> {
    let reached = reads.view::<P>().wait_for(token, PATIENCE).await;
    reached.map(drop).map_err(|why| Broken::Unfoldable(why.to_string()))
}

async fn until_rebuilt(kept: &Kept) -> Result<(), Broken> {
    let end = Instant::now() + PATIENCE;
    while kept.rebuilding().await.expect("nothing fails in memory").is_some() {
        if let Health::Stopped(why) = kept.health().await {
            return Err(Broken::ChangedByRebuild { difference: format!("it stops: {why}") });
        }
        assert!(Instant::now() < end, "the rebuild does not end");
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}
