//! A wait for a view that is paused, or that is being made, ends with that reason.

use std::time::Duration;

use freehold::consistency::Behind;
use freehold::projection::{Kept, ReadError, ReadSide, View, Want};
use freehold::subscription::{Health, SubscriptionOptions};
use freehold::{Position, Token};
use tokio::time::{Instant, sleep};

use super::fixture::{Accounts, Slow, User, put, reads};
use crate::subscription::fixture::{memory, options, reach, until};

const SECOND: Duration = Duration::from_secs(1);

fn named() -> User {
    User::Named { name: "Ada".into() }
}

fn run(reads: &ReadSide) -> Kept {
    reads.upkeep(Accounts).options(options()).start()
}

/// The reason why the view is not there, and how long it took to say so.
async fn behind(view: &View<Accounts>, token: Token) -> (Behind, Duration) {
    let began = Instant::now();
    (view.wait_for(token, 10 * SECOND).await.unwrap_err(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_paused_says_so_at_once_in_every_process() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let kept = run(&here);
    let first = put(&store, "a", named()).await;
    reach(kept.live().await.unwrap().progress(), first).await;
    kept.pause().await.unwrap();
    assert!(matches!(kept.health().await, Health::Paused));
    let token = put(&store, "a", named()).await;
    for reads in [&here, &elsewhere] {
        let view = reads.view();
        let (why, took) = behind(&view, token).await;
        assert!(matches!(why, Behind::Paused), "{why:?}");
        assert!(took.is_zero(), "{took:?}");
        // What was reached is reached, and what is there can be read.
        view.wait_for(first, SECOND).await.unwrap();
        let read = view.get("a").want(Want::Head).await;
        assert!(matches!(read, Err(ReadError::Behind(Behind::Paused))));
        let stale = view.get("a").want(Want::Head).or_stale().await.unwrap();
        assert_eq!((stale.met, stale.lag.events), (false, 1));
    }
    kept.resume().await.unwrap();
    for reads in [here, elsewhere] {
        reads.view::<Accounts>().wait_for(token, SECOND).await.unwrap();
    }
    kept.stop().await;
}

/// Who waits already, in another process, when the operator pauses.
#[tokio::test(start_paused = true)]
async fn who_waits_when_a_view_is_paused_is_told_soon() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    // Its facts take their time.
    let kept = here.upkeep(Accounts).enrich(Slow(60 * SECOND)).options(options()).start();
    kept.live().await.unwrap();
    let token = put(&store, "a", named()).await;
    let waiter = tokio::spawn(async move { behind(&elsewhere.view(), token).await });
    sleep(SECOND).await;
    kept.pause().await.unwrap();
    let (why, took) = waiter.await.unwrap();
    assert!(matches!(why, Behind::Paused), "{why:?}");
    assert!(took <= SECOND + Duration::from_millis(110), "{took:?}");
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_is_paused_and_resumed_with_the_views_that_are_read() {
    let store = memory();
    let reads = reads(&store);
    let kept = run(&reads);
    let token = put(&store, "a", named()).await;
    reach(kept.live().await.unwrap().progress(), token).await;
    kept.pause().await.unwrap();
    kept.rebuild().await.unwrap();
    sleep(600 * SECOND).await;
    assert_eq!(kept.rebuilding().await.unwrap().unwrap().events, 1, "it was built");
    let (why, _) = behind(&reads.view(), put(&store, "a", named()).await).await;
    assert!(matches!(why, Behind::Paused), "{why:?}");
    kept.resume().await.unwrap();
    until("rebuilt", async || kept.rebuilding().await.unwrap().is_none()).await;
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_view_that_is_made_for_the_first_time_says_how_far_it_is() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let mut old = Vec::new();
    for _ in 0..20 {
        old.push(put(&store, "a", named()).await);
    }
    let one = SubscriptionOptions { batch_events_max: 1, ..options() };
    let kept = here.upkeep(Accounts).enrich(Slow(2 * SECOND)).options(one).start();
    kept.live().await.unwrap();
    let new = put(&store, "a", named()).await;
    for reads in [&here, &elsewhere] {
        let view = reads.view();
        for token in [old[19], new] {
            let (why, took) = behind(&view, token).await;
            let Behind::Rebuilding { at, of } = why else { panic!("{why:?}") };
            assert_eq!((of, took), (Position::new(20), 10 * SECOND));
            assert!(at > Position::START && at < of, "{at}");
        }
    }
    // It has come to where the log ended when it was begun: from now on it is late, as any view may be.
    let view = here.view::<Accounts>();
    view.wait_for(old[19], 60 * SECOND).await.unwrap();
    let last = put(&store, "a", named()).await;
    let why = view.wait_for(last, SECOND).await.unwrap_err();
    assert!(matches!(why, Behind::TimedOut { lag } if lag.events > 0), "{why:?}");
    kept.stop().await;
}

/// While the views are made anew, the old ones are read: they are what is waited for.
#[tokio::test(start_paused = true)]
async fn a_wait_while_a_view_is_made_anew_is_for_the_one_that_is_read() {
    let store = memory();
    let reads = reads(&store);
    let token = put(&store, "a", named()).await;
    let kept = reads.upkeep(Accounts).enrich(Slow(30 * SECOND)).options(options()).start();
    reads.view::<Accounts>().wait_for(token, 60 * SECOND).await.unwrap();
    kept.rebuild().await.unwrap();
    let (why, _) = behind(&reads.view(), put(&store, "a", named()).await).await;
    assert!(matches!(why, Behind::TimedOut { lag } if lag.events == 1), "{why:?}");
    assert!(kept.rebuilding().await.unwrap().is_some());
    kept.stop().await;
}
