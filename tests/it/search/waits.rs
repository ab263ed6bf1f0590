//! Every wait ends, with what was waited for or with the reason.

use std::time::Duration;

use freehold::consistency::{Behind, Session};
use freehold::subscription::SubscriptionOptions;
use freehold::{Position, Store, Token};
use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::fixture::{Catalogue, PATIENCE, describe, keys, logs, open, reads, reads_on, run};
use crate::projection::fixture::{User, counted, put};
use crate::subscription::fixture::{memory, options};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_was_waited_for_is_found_and_the_answer_says_how_fresh_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let reads = reads([&items, &brands]);
    let search = open::<Catalogue>(&reads, folder.path()).await;
    let token = describe(&items, "i1", "blue teapot").await;
    let before = search.find("tea", 9).await.unwrap();
    assert_eq!((before.value.len(), before.lag.events), (0, 1));
    assert_eq!(search.build().await.unwrap(), None);
    let running = run(&search, Catalogue);
    let reached = search.wait_for(token, PATIENCE).await.unwrap();
    assert_eq!(reached.at, Session::from(token));
    let found = search.find("tea", 9).await.unwrap();
    assert_eq!(found.at.position(token.log()), token.position());
    assert_eq!((found.value.len(), found.lag.events, found.met), (1, 0, true));
    running.stop().await;
    // What comes later is in neither the hits nor the place.
    describe(&items, "i2", "tea").await;
    let found = search.find("tea", 9).await.unwrap();
    assert_eq!(found.at.position(token.log()), token.position());
    assert_eq!((found.value.len(), found.lag.events), (1, 1));
    assert_eq!(search.lag().await.unwrap().events, 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_cannot_be_served_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let ([items, brands], other) = (logs(), memory());
    let reads = reads([&items, &brands]);
    let search = open::<Catalogue>(&reads, folder.path()).await;
    let token = describe(&items, "i1", "tea").await;
    let began = Instant::now();
    let answer = search.wait_for(describe(&other, "i1", "tea").await, 10 * SECOND).await;
    assert!(matches!(answer, Err(Behind::OtherLog { token }) if token == other.identity()));
    let future = Token::new(token.log(), Position::new(9));
    let answer = search.wait_for(future, 10 * SECOND).await;
    assert!(matches!(answer, Err(Behind::NotYetWritten { head }) if head == token.position()));
    assert!(began.elapsed().is_zero());
    let answer = search.wait_for(token, 10 * SECOND).await;
    assert!(matches!(answer, Err(Behind::TimedOut { lag }) if lag.events == 1), "{answer:?}");
    assert_eq!(began.elapsed(), 10 * SECOND);
    let running = run(&search, Catalogue);
    search.wait_for(token, PATIENCE).await.unwrap();
    running.stop().await;
    let token = describe(&items, "i2", "tea").await;
    let answer = search.wait_for(token, PATIENCE).await;
    assert!(matches!(answer, Err(Behind::Ended)), "{answer:?}");
}

/// However many wait, for as long as they wait, and nobody when nobody waits.
#[tokio::test(start_paused = true)]
async fn one_looks_at_the_index_for_all_who_wait() {
    let folder = tempfile::tempdir().unwrap();
    let ([items, brands], leases) = (logs(), memory());
    let asked = counted(&leases);
    let search =
        open::<Catalogue>(&reads_on(asked.clone(), [&items, &brands]), folder.path()).await;
    let token = describe(&items, "i1", "tea").await;
    let before = asked.injected().calls;
    let waits = (0..500).map(|n| search.wait_for(token, SECOND + SECOND * (n % 2)));
    let ended = join_all(waits).await;
    assert!(ended.iter().all(|ended| matches!(ended, Err(Behind::TimedOut { .. }))));
    // Every ten milliseconds: who holds the lease.
    let looks = asked.injected().calls - before;
    assert!((150..=205).contains(&looks), "{looks} looks in 2 s");
    sleep(60 * SECOND).await;
    assert_eq!(asked.injected().calls - before, looks);
    let elsewhere = reads_on(leases, [&items, &brands]);
    let running = run(&open::<Catalogue>(&elsewhere, folder.path()).await, Catalogue);
    search.wait_for(token, PATIENCE).await.unwrap();
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_write_sees_what_another_process_has_written() {
    let folder = tempfile::tempdir().unwrap();
    let ([items, brands], leases) = (logs(), memory());
    let writes = reads_on(leases.clone(), [&items, &brands]);
    let running = run(&open::<Catalogue>(&writes, folder.path()).await, Catalogue);
    let reader = open::<Catalogue>(&reads_on(leases, [&items, &brands]), folder.path()).await;
    for n in 0..5 {
        let token = describe(&items, &format!("i{n}"), "tea").await;
        reader.wait_for(token, PATIENCE).await.unwrap();
        assert_eq!(keys(&reader, "tea").await.len(), n + 1);
    }
    running.stop().await;
}

/// Nothing is committed for them, and nobody waits for that.
#[tokio::test(start_paused = true)]
async fn events_that_are_not_wanted_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let reads = reads([&items, &brands]);
    let search = open::<Catalogue>(&reads, folder.path()).await;
    let token = describe(&items, "i1", "tea").await;
    let running = run(&search, Catalogue);
    search.wait_for(token, PATIENCE).await.unwrap();
    running.stop().await;
    let other = put(&items, "a", User::Closed).await;
    assert!(other.position() > token.position());
    search.wait_for(other, Duration::ZERO).await.unwrap();
    search.wait_for_head(Duration::ZERO).await.unwrap();
    assert!(search.lag().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn commits_are_no_closer_than_they_may_be_and_take_in_what_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let [items, brands] = logs();
    let reads = reads([&items, &brands]);
    let search = open::<Catalogue>(&reads, folder.path()).await;
    let indexing = search.indexing(Catalogue).options(options()).commit_interval(10 * SECOND);
    let running = indexing.heap_bytes(0).start();
    let began = Instant::now();
    search.wait_for(describe(&items, "i1", "tea").await, PATIENCE).await.unwrap();
    assert!(began.elapsed() < SECOND);
    search.wait_for(describe(&items, "i2", "tea").await, PATIENCE).await.unwrap();
    let took = began.elapsed();
    assert!((10 * SECOND..11 * SECOND).contains(&took), "{took:?}");
    running.stop().await;
    let few = SubscriptionOptions { batch_events_max: 1, ..options() };
    let running = search.indexing(Catalogue).options(few).start();
    describe(&items, "i3", "tea").await;
    search.wait_for_head(PATIENCE).await.unwrap();
    running.stop().await;
}
