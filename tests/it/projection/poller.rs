//! A view that another process keeps up is asked for by one poller.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::fixture::{Accounts, User, counted, put, reads};
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
