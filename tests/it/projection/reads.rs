//! How fresh a read is, and how it waits.

use std::time::Duration;

use freehold::consistency::{Behind, Session};
use freehold::projection::{ReadError, View, Want};
use freehold::subscription::SubscriptionOptions;
use freehold::testkit::{Faults, FaultyStore};
use freehold::{Position, Store, Token};
use tokio::time::{Instant, sleep};

use super::fixture::{Accounts, Transfer, User, put, reads};
use crate::subscription::fixture::{memory, options, reach};

const SECOND: Duration = Duration::from_secs(1);

fn moved(from: &str, to: &str) -> Transfer {
    Transfer::Moved { from: from.to_owned(), to: to.to_owned(), cents: 1 }
}

/// The balance of `b`, how many events it is behind, and whether that was as wanted.
async fn balance(view: &View<Accounts>, want: Want) -> (i64, u64, bool) {
    let fresh = view.get("b").want(want).within(SECOND).or_stale().await.unwrap();
    (fresh.value.map_or(0, |account| account.cents), fresh.lag.events, fresh.met)
}

#[tokio::test(start_paused = true)]
async fn a_read_of_what_is_there_never_waits_and_says_how_old_it_is() {
    let store = memory();
    let reads = reads(&store);
    let (view, began) = (reads.view::<Accounts>(), Instant::now());
    // Nobody has ever run it.
    put(&store, "1", moved("a", "b")).await;
    for n in 1..=3 {
        assert_eq!(balance(&view, Want::Any).await, (0, n, true));
        put(&store, "1", moved("a", "b")).await;
    }
    sleep(SECOND).await;
    let lag = view.get("b").await.unwrap().lag;
    assert_eq!((lag.events, lag.time.as_secs()), (4, 1));
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_was_never_run_is_empty_and_behind() {
    let store = memory();
    put(&store, "1", moved("a", "b")).await;
    let fresh = reads(&store).view::<Accounts>().get("b").await.unwrap();
    assert!(fresh.value.is_none());
    assert_eq!(fresh.lag.events, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_view_is_not_behind_however_long_nothing_happens() {
    let store = memory();
    let reads = reads(&store);
    let running = reads.upkeep(Accounts).options(options()).start();
    let token = put(&store, "1", moved("a", "b")).await;
    reach(running.live().await.unwrap().progress(), token).await;
    sleep(3_600 * SECOND).await;
    let fresh = reads.view::<Accounts>().get("b").await.unwrap();
    assert!(fresh.lag.is_none() && fresh.lag.time.is_zero(), "{:?}", fresh.lag);
    assert_eq!(fresh.at, Session::from(token));
    assert!(reads.view::<Accounts>().lag().await.unwrap().is_none());
    running.stop().await;
}

/// Each batch takes 100 ms, so that there is something to wait for.
#[tokio::test(start_paused = true)]
async fn a_read_waits_for_what_it_wants_and_no_longer() {
    let store = memory();
    let slow = Faults::seeded(0).delay(1.0, SECOND / 10);
    let reads = freehold::projection::ReadSide::new(FaultyStore::new(store.clone(), slow))
        .follow(store.clone())
        .clock(crate::subscription::fixture::TokioClock);
    let few = SubscriptionOptions { batch_events_max: 1, ..options() };
    let running = reads.upkeep(Accounts).options(few).start();
    let view = reads.view::<Accounts>();
    sleep(SECOND).await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(put(&store, "1", moved("a", "b")).await);
    }
    let wait = 60 * SECOND;
    let two = view.get("b").want(Want::AtLeast(tokens[1].into())).within(wait).await.unwrap();
    assert!(two.met && two.at.position(tokens[1].log()) >= tokens[1].position());
    let cents = two.value.unwrap().cents;
    assert!((2..4).contains(&cents), "{cents}");
    let all = view.get("b").want(Want::Head).within(wait).await.unwrap();
    assert_eq!((all.value.unwrap().cents, all.lag.events, all.met), (4, 0, true));
    // What is young enough need not be waited for.
    put(&store, "1", moved("a", "b")).await;
    let young = view.get("b").want(Want::Within(SECOND)).within(wait).await.unwrap();
    assert!(young.met && young.value.unwrap().cents >= 4);
    running.stop().await;
    sleep(2 * SECOND).await;
    put(&store, "1", moved("a", "b")).await;
    sleep(2 * SECOND).await;
    let running = reads.upkeep(Accounts).options(few).start();
    let old = view.get("b").want(Want::Within(SECOND)).within(wait).await.unwrap();
    assert_eq!((old.value.unwrap().cents, old.met), (6, true));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_not_served_in_time_fails_or_is_stale_and_says_so() {
    let store = memory();
    let reads = reads(&store);
    let running = reads.upkeep(Accounts).options(options()).start();
    let token = put(&store, "1", moved("a", "b")).await;
    reach(running.live().await.unwrap().progress(), token).await;
    running.stop().await;
    // Another process, in which nobody was stopped.
    let view = super::fixture::reads(&store).view::<Accounts>();
    let token = put(&store, "1", moved("a", "b")).await;
    for want in [Want::AtLeast(token.into()), Want::Head] {
        let began = Instant::now();
        let error = view.get("b").want(want.clone()).within(SECOND).await.unwrap_err();
        let ReadError::Behind(Behind::TimedOut { lag }) = error else { panic!("{error:?}") };
        assert_eq!((lag.events, began.elapsed()), (1, SECOND));
        assert_eq!(balance(&view, want).await, (1, 1, false));
    }
    assert_eq!(balance(&view, Want::Within(60 * SECOND)).await, (1, 1, true));
    sleep(2 * SECOND).await;
    assert_eq!(balance(&view, Want::Within(SECOND)).await, (1, 1, false));
    let none = view.get("b").want(Want::Head).within(Duration::ZERO).await;
    assert!(matches!(none, Err(ReadError::Behind(Behind::TimedOut { .. }))), "{none:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_session_has_seen_of_other_logs_is_not_waited_for() {
    let (store, other) = (memory(), memory());
    let reads = reads(&store);
    let running = reads.upkeep(Accounts).options(options()).start();
    let mut session: Session = put(&store, "1", moved("a", "b")).await.into();
    session.observe(Token::new(other.identity(), Position::new(1_000)));
    let view = reads.view::<Accounts>();
    assert_eq!(balance(&view, Want::AtLeast(session)).await, (1, 0, true));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn views_are_read_in_pages_by_what_their_keys_begin_with() {
    let store = memory();
    let reads = reads(&store);
    let running = reads.upkeep(Accounts).options(options()).start();
    for id in ["b1", "a1", "a3", "a10", "a2", "b", "a"] {
        put(&store, id, User::Named { name: id.to_owned() }).await;
    }
    put(&store, "a3", User::Closed).await;
    let token = put(&store, "1", moved("a1", "a2")).await;
    reach(running.live().await.unwrap().progress(), token).await;
    let view = reads.view::<Accounts>();
    let page = async |prefix: &str, after: Option<&str>, limit| {
        let page = view.page(prefix, after, limit).await.unwrap().value;
        let keys: Vec<_> = page.views.iter().map(|(key, _)| key.to_string()).collect();
        (keys.join(" "), page.has_more)
    };
    assert_eq!(page("", None, 100).await, ("a a1 a10 a2 b b1".to_owned(), false));
    assert_eq!(page("a", None, 2).await, ("a a1".to_owned(), true));
    assert_eq!(page("a", Some("a1"), 2).await, ("a10 a2".to_owned(), false));
    assert_eq!(page("a1", None, 2).await, ("a1 a10".to_owned(), false));
    assert_eq!(page("c", None, 2).await, (String::new(), false));
    running.stop().await;
}
