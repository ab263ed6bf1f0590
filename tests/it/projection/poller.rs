//! A view that another process keeps up is asked for by one poller.

use std::time::Duration;

use freehold::consistency::Behind;
use freehold::testkit::{Faults, FaultyStore};
use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::fixture::{Accounts, Slow, User, counted, put, reads};
use crate::subscription::fixture::{memory, options, process, reach};

const SECOND: Duration = Duration::from_secs(1);

fn named() -> User {
    User::Named { name: "Ada".into() }
}

#[tokio::test(start_paused = true)]
async fn a_view_that_another_process_keeps_up_is_waited_for() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let running = elsewhere.upkeep(Accounts).options(options()).start();
    let view = here.view::<Accounts>();
    for _ in 0..20 {
        let (token, began) = (put(&store, "a", named()).await, Instant::now());
        view.wait_for(token, SECOND).await.unwrap();
        assert!(began.elapsed() <= Duration::from_millis(11), "{:?}", began.elapsed());
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_poller_asks_for_all_who_wait_and_nobody_asks_when_nobody_waits() {
    let inner = memory();
    let store = counted(&inner);
    let view = reads(&store).view::<Accounts>();
    let token = put(&inner, "a", named()).await;
    let waits = (0..500).map(|n| view.wait_for(token, SECOND + SECOND * (n % 2)));
    let ended = join_all(waits).await;
    assert!(ended.iter().all(Result::is_err));
    let calls = store.injected().calls;
    // Each asks for the head once, and each that gives up for the lag, and whether the view is made for the first time. What polls asks how far
    // the view is, and now and then which build is read and whether it is paused.
    let asked = 500 + 500 * 4;
    assert!((200..=262).contains(&(calls - asked)), "{} calls to poll in 2 s", calls - asked);
    sleep(60 * SECOND).await;
    assert_eq!(store.injected().calls, calls);
}

/// What kept the view up here has ended, and who took it over is slow.
#[tokio::test(start_paused = true)]
async fn one_poller_asks_for_all_who_wait_for_what_another_process_has_taken_over() {
    let inner = memory();
    let store = counted(&inner);
    let (here, elsewhere) = (reads(&store), reads(&inner));
    let view = here.view::<Accounts>();
    let first = here.upkeep(Accounts).options(options()).start();
    view.wait_for(put(&inner, "a", named()).await, SECOND).await.unwrap();
    first.stop().await;
    let second = elsewhere.upkeep(Accounts).enrich(Slow(3 * SECOND)).options(options()).start();
    second.live().await.unwrap();
    let token = put(&inner, "a", named()).await;
    sleep(SECOND).await;
    let before = store.injected().calls;
    let waits = (0..500).map(|n| view.wait_for(token, SECOND + 5 * SECOND * (n % 2)));
    let ended = join_all(waits).await;
    let (late, reached): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_err);
    assert_eq!((late.len(), reached.len()), (250, 250));
    // Those that give up ask for the end, for the lag and for the first build; the others ask for nothing. The poller asks for two
    // seconds, ten milliseconds after each answer: for the part, whether it is paused, and now and then for the build.
    let polled = store.injected().calls - before - 250 * 4;
    assert!((300..=700).contains(&polled), "{polled} calls to poll in 2 s");
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_also_where_the_store_does_not_answer() {
    let store = memory();
    let token = put(&store, "a", named()).await;
    let silent = FaultyStore::new(store, Faults::seeded(0).delay(1.0, 3_600 * SECOND));
    let (view, began) = (reads(&silent).view::<Accounts>(), Instant::now());
    let why = view.wait_for(token, 5 * SECOND).await.unwrap_err();
    assert!(matches!(why, Behind::Unreadable(_)), "{why:?}");
    assert_eq!(began.elapsed(), 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_asks_is_gone_another_asks() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let view = here.view::<Accounts>();
    let token = put(&store, "a", named()).await;
    let first = tokio::spawn({
        let view = view.clone();
        async move { view.wait_for(token, 60 * SECOND).await }
    });
    tokio::task::yield_now().await;
    let second = tokio::spawn(async move { view.wait_for(token, 60 * SECOND).await });
    sleep(SECOND).await;
    first.abort();
    let running = elsewhere.upkeep(Accounts).options(options()).start();
    reach(running.live().await.unwrap().progress(), token).await;
    let began = Instant::now();
    second.await.unwrap().unwrap();
    assert!(began.elapsed() <= Duration::from_millis(11), "{:?}", began.elapsed());
    running.stop().await;
}

/// Nobody has told this process, but the store knows: that is asked before the answer.
#[tokio::test(start_paused = true)]
async fn who_has_no_time_to_wait_is_told_what_is_there() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let running = elsewhere.upkeep(Accounts).options(options()).start();
    let token = put(&store, "a", named()).await;
    reach(running.live().await.unwrap().progress(), token).await;
    here.view::<Accounts>().wait_for(token, Duration::ZERO).await.unwrap();
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_not_kept_up_here_any_more_is_waited_for_if_another_process_goes_on() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let first = here.upkeep(Accounts).options(options()).start();
    let token = put(&store, "a", named()).await;
    let view = here.view::<Accounts>();
    view.wait_for(token, SECOND).await.unwrap();
    let second = elsewhere.upkeep(Accounts).options(options()).start();
    first.stop().await;
    let token = put(&store, "a", named()).await;
    reach(second.live().await.unwrap().progress(), token).await;
    view.wait_for(token, SECOND).await.unwrap();
    let token = put(&store, "a", named()).await;
    view.wait_for(token, SECOND).await.unwrap();
    second.stop().await;
}

/// A future that nobody drives, and nobody drops: as one of several in a `select!`, or behind a full queue.
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_not_driven_does_not_hold_up_the_others() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let view = here.view::<Accounts>();
    let token = put(&store, "a", named()).await;
    let mut neglected = Box::pin(view.wait_for(token, 60 * SECOND));
    assert!(futures::poll!(neglected.as_mut()).is_pending());
    sleep(SECOND).await;
    let (began, other) = (Instant::now(), view.wait_for(token, 60 * SECOND));
    let running = elsewhere.upkeep(Accounts).options(options()).start();
    other.await.unwrap();
    assert!(began.elapsed() <= Duration::from_millis(21), "{:?}", began.elapsed());
    drop(neglected);
    running.stop().await;
}

/// Whoever asked first belonged to a runtime that has ended since, though the wait itself is still there.
#[test]
fn a_wait_outlives_the_runtime_of_the_one_who_began_to_ask() {
    let store = memory();
    let (here, elsewhere) = (reads(&store), reads(&store));
    let view = here.view::<Accounts>();
    let (first, second) = (process(), process());
    let token = second.block_on(put(&store, "a", named()));
    let mut neglected = Box::pin(view.wait_for(token, 60 * SECOND));
    first.block_on(async { assert!(futures::poll!(neglected.as_mut()).is_pending()) });
    drop(first);
    second.block_on(async {
        let running = elsewhere.upkeep(Accounts).options(options()).start();
        let began = Instant::now();
        view.wait_for(token, 60 * SECOND).await.unwrap();
        assert!(began.elapsed() <= Duration::from_millis(21), "{:?}", began.elapsed());
        running.stop().await;
    });
}
