//! A rebuild fills beside what is read, takes its place at once, and goes on after a crash.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::projection::{Eventual, Kept, On, Projection, ReadSide, Recorded, View, Views, Want};
use freehold::subscription::Health;
use freehold::{
    Commit, Event, EventId, EventStore, ExpectedVersion, Store, StreamId, Token, event,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::fixture::set_is_there;
use crate::subscription::fixture::{TokioClock, memory};

#[derive(Serialize, Deserialize)]
enum Ticked {
    Tick,
}

impl Event for Ticked {
    const CATEGORY: &'static str = "clock";
}

/// Counts, in two ways that must agree.
struct Ticks;

#[derive(Default, Serialize, Deserialize)]
struct Count {
    ticks: u64,
    last: u64,
}

impl Projection for Ticks {
    const NAME: &'static str = "ticks";
    type View = Count;
    type Events = Ticked;
    type Level = Eventual<1_000>;
}

impl On<Ticked> for Ticks {
    fn on(&self, event: &Recorded<'_, Ticked>, views: &mut Views<'_, Count>) {
        let at = event.record().position().get();
        views.update("all", |count| {
            count.ticks += 1;
            count.last = at;
        });
    }
}

async fn tick(store: &MemoryStore, times: u64) -> Token {
    let stream = StreamId::new("clock", "1").unwrap();
    let events = (0..times)
        .map(|_| event::encode(&Ticked::Tick, EventId::new(uuid::Uuid::now_v7())).unwrap());
    store.commit(Commit::new().append(&stream, ExpectedVersion::Any, events)).await.unwrap().token()
}

/// On the clock of the test, so that an old build gets old when its time passes.
fn read_side(store: &MemoryStore) -> ReadSide {
    ReadSide::new(store.clone()).follow(store.clone()).clock(TokioClock)
}

fn run(reads: &ReadSide) -> Kept {
    reads.upkeep(Ticks).retire_after(Duration::from_mins(1)).start()
}

/// What a reader sees now: never half a build.
async fn seen(view: &View<Ticks>) -> u64 {
    let read = view.get("all").await.unwrap();
    let count = read.value.unwrap_or_default();
    assert_eq!(count.ticks, count.last, "every event once");
    count.ticks
}

async fn until_rebuilt(kept: &Kept) {
    while kept.rebuilding().await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A view is there to be asked for before anybody folds a first event into it.
#[tokio::test(start_paused = true)]
async fn a_view_that_nobody_has_kept_up_yet_reads_as_empty() {
    let store = memory();
    let view = read_side(&store).view::<Ticks>();
    assert_eq!(seen(&view).await, 0);
    assert!(view.page("", None, 10).want(Want::Head).await.unwrap().views.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_that_was_asked_for_is_seen_at_once() {
    let store = memory();
    let reads = read_side(&store);
    let kept = run(&reads);
    let written = tick(&store, 5_000).await;
    reads.view::<Ticks>().wait_for(written, Duration::from_secs(5)).await.unwrap();
    kept.rebuild().await.unwrap();
    assert!(kept.rebuilding().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn readers_never_see_a_half_built_view() {
    let store = memory();
    let reads = read_side(&store);
    let view = reads.view::<Ticks>();
    let kept = run(&reads);
    let before = tick(&store, 5_000).await;
    view.wait_for(before, Duration::from_secs(5)).await.unwrap();
    kept.rebuild().await.unwrap();
    let mut newest = 5_000;
    while newest < 8_000 {
        newest += 10;
        let token = tick(&store, 10).await;
        view.wait_for(token, Duration::from_secs(5)).await.unwrap();
        assert!(seen(&view).await >= newest, "a reader went back in time");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until_rebuilt(&kept).await;
    assert!(set_is_there(&store, "ticks_g1").await);
    assert_eq!(seen(&view).await, 8_000);
    let token = tick(&store, 1).await;
    view.wait_for(token, Duration::from_secs(5)).await.unwrap();
    assert_eq!(seen(&view).await, 8_001);
    assert!(matches!(kept.health().await, Health::Ok));
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_goes_on_in_whatever_process_runs() {
    let store = memory();
    let reads = read_side(&store);
    let kept = run(&reads);
    let token = tick(&store, 3_000).await;
    reads.view::<Ticks>().wait_for(token, Duration::from_secs(5)).await.unwrap();
    kept.rebuild().await.unwrap();
    // Asked twice, it is done once.
    kept.rebuild().await.unwrap();
    // The handle is dropped in the middle: what was under way is not finished.
    drop(kept);
    let token = tick(&store, 10).await;
    let other = read_side(&store);
    let kept = run(&other);
    let view = other.view::<Ticks>();
    view.wait_for(token, Duration::from_secs(30)).await.unwrap();
    until_rebuilt(&kept).await;
    let read = view.get("all").want(Want::Head).await.unwrap();
    assert_eq!(read.value.map(|count| count.ticks), Some(3_010));
    assert!(set_is_there(&store, "ticks_g1").await && !set_is_there(&store, "ticks_g2").await);
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_waiter_in_another_process_outlives_the_swap() {
    let store = memory();
    let [here, there] = [read_side(&store), read_side(&store)];
    let kept = run(&here);
    let token = tick(&store, 2_000).await;
    let elsewhere = there.view::<Ticks>();
    elsewhere.wait_for(token, Duration::from_secs(5)).await.unwrap();
    kept.rebuild().await.unwrap();
    for _ in 0..200 {
        let token = tick(&store, 5).await;
        elsewhere.wait_for(token, Duration::from_secs(5)).await.unwrap();
        assert_eq!(seen(&elsewhere).await, store.head().await.unwrap().get());
    }
    assert!(set_is_there(&store, "ticks_g1").await);
    until_rebuilt(&kept).await;
    kept.stop().await;
}

/// Who still reads the old build can do so for a while, and no longer.
#[tokio::test(start_paused = true)]
async fn the_old_build_is_removed_when_its_time_is_over_and_not_before() {
    let store = memory();
    let reads = read_side(&store);
    let kept = run(&reads);
    let token = tick(&store, 100).await;
    reads.view::<Ticks>().wait_for(token, Duration::from_secs(5)).await.unwrap();
    kept.rebuild().await.unwrap();
    until_rebuilt(&kept).await;
    let swapped = Instant::now();
    while swapped.elapsed() < Duration::from_secs(59) {
        assert!(set_is_there(&store, "ticks").await, "gone after {:?}", swapped.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // It is looked at once a second.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert!(!set_is_there(&store, "ticks").await, "the old build stays");
    assert!(set_is_there(&store, "ticks_g1").await);
    assert_eq!(seen(&reads.view::<Ticks>()).await, 100);
    // Its number is not used again.
    kept.rebuild().await.unwrap();
    until_rebuilt(&kept).await;
    assert!(set_is_there(&store, "ticks_g2").await && set_is_there(&store, "ticks_g1").await);
    assert_eq!(seen(&reads.view::<Ticks>()).await, 100);
    kept.stop().await;
}

/// The same projection, shared out otherwise.
struct SharedTicks;

impl Projection for SharedTicks {
    const NAME: &'static str = Ticks::NAME;
    const PARTITIONS: u32 = 2;
    type View = Count;
    type Events = Ticked;
    type Level = Eventual<1_000>;
}

impl On<Ticked> for SharedTicks {
    fn on(&self, event: &Recorded<'_, Ticked>, views: &mut Views<'_, Count>) {
        Ticks.on(event, views);
    }
}

#[tokio::test(start_paused = true)]
async fn views_that_are_shared_out_otherwise_are_not_kept_up_and_that_is_said() {
    let store = memory();
    let kept = run(&read_side(&store));
    kept.live().await.unwrap();
    kept.stop().await;
    let shared = read_side(&store).run(SharedTicks);
    let Health::Stopped(error) = shared.health().await else { panic!("it is kept up") };
    assert_eq!(error.to_string(), "the views are shared out over 1 parts, and not over 2");
    assert!(shared.lag().await.is_err() && shared.rebuilding().await.is_err());
    shared.stop().await;
}
