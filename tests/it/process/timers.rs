//! Timers: messages to oneself, for later.

use std::sync::Arc;
use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::inbox::Consumer;
use freehold::outbox::Relay;
use freehold::process::{ProcessOptions, Standing, timers_of};
use freehold::testkit::PausedClock;
use freehold::{Envelope, LeaseName, Outbox, Source};
use tokio::time::{Instant, advance, sleep};

use super::fixture::{
    Order, Orders, REMINDED_AFTER, Store, envelope, hear, hear_all, noted, orders, outbox, paid,
    placed, sent, shipped,
};

fn memory() -> (Store, Orders) {
    let store: Store = Arc::new(MemoryStore::builder().clock(PausedClock::new()).build());
    let orders = orders(&store).clock(PausedClock::new());
    (store, orders)
}

/// The timers that have come due since `known` messages were in the outbox.
async fn due(store: &Store, known: usize) -> Vec<Envelope> {
    store.outbox_due(100).await.unwrap();
    outbox(store).await.split_off(known)
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_heard_when_it_is_due_and_once() {
    let (store, orders) = memory();
    hear_all(&orders, &store, &[placed("1")]).await;
    advance(Duration::from_mins(14) + Duration::from_secs(59)).await;
    assert!(due(&store, 1).await.is_empty(), "it is too early");
    advance(Duration::from_secs(1)).await;
    let timers = due(&store, 1).await;
    assert_eq!(timers.len(), 1);
    assert!(hear(&orders, &store, timers[0].clone()).await);
    assert!(!hear(&orders, &store, timers[0].clone()).await, "again");
    assert_eq!(sent(&store).await.last().unwrap(), "1 t.remind.v1");
    let heard: Vec<_> = orders.find("1").await.unwrap().unwrap().heard().collect();
    assert_eq!(heard, ["t.placed.v1", "Late"]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_was_cancelled_or_whose_instance_is_over_is_ignored() {
    let (store, orders) = memory();
    hear_all(&orders, &store, &[placed("1"), paid("1")]).await;
    hear_all(&orders, &store, &[placed("2"), paid("2"), shipped("2")]).await;
    advance(REMINDED_AFTER).await;
    let timers = due(&store, 5).await;
    assert_eq!(timers.len(), 2);
    for timer in timers {
        assert!(!hear(&orders, &store, timer).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_set_again_is_another() {
    let (store, orders) = memory();
    hear_all(&orders, &store, &[placed("1")]).await;
    advance(Duration::from_mins(1)).await;
    hear_all(&orders, &store, &[noted("1", "wait")]).await;
    advance(Duration::from_mins(14)).await;
    let first = due(&store, 1).await;
    assert_eq!(first.len(), 1);
    assert!(!hear(&orders, &store, first[0].clone()).await, "it was replaced");
    advance(Duration::from_mins(1)).await;
    let second = due(&store, 2).await;
    assert!(hear(&orders, &store, second[0].clone()).await);
}

#[tokio::test(start_paused = true)]
async fn a_timer_waits_with_the_others_while_its_instance_is_parked() {
    let (store, orders) = memory();
    hear_all(&orders, &store, &[placed("1"), noted("1", "bad")]).await;
    advance(REMINDED_AFTER).await;
    let timers = due(&store, 1).await;
    assert!(hear(&orders, &store, timers[0].clone()).await);
    assert_eq!(sent(&store).await.len(), 2, "nothing but the timer itself");
    orders.discard("1", "ann", "a test").await.unwrap();
    assert_eq!(sent(&store).await.last().unwrap(), "1 t.remind.v1");
}

#[tokio::test(start_paused = true)]
async fn what_has_waited_too_long_for_a_beginning_is_overdue_and_goes_on_waiting() {
    let (store, orders) = memory();
    let early_wait = Duration::from_mins(5);
    let orders = orders.options(ProcessOptions { early_wait, ..ProcessOptions::default() });
    hear_all(&orders, &store, &[paid("1"), shipped("1"), paid("2")]).await;
    hear_all(&orders, &store, &[placed("2")]).await;
    let before = outbox(&store).await.len();
    advance(early_wait).await;
    let timers = due(&store, before).await;
    assert_eq!(timers.len(), 2);
    for timer in timers {
        hear(&orders, &store, timer).await;
    }
    let (listed, _) = orders.list(None, 10).await.unwrap();
    let standing: Vec<_> = listed.iter().map(|it| (it.instance.as_str(), it.standing)).collect();
    assert_eq!(standing, [("1", Standing::Overdue), ("2", Standing::Open)]);
    assert_eq!(orders.stuck(Duration::from_hours(1), 10).await.unwrap().len(), 1);
    assert!(hear(&orders, &store, envelope(&placed("1"))).await);
    assert_eq!(sent(&store).await.last().unwrap(), "1 t.confirmed.v1");
}

#[tokio::test(start_paused = true)]
async fn a_timer_comes_through_the_relay_and_the_broker() {
    let (store, orders) = memory();
    let broker = MemoryBroker::new();
    let relay =
        Relay::new(LeaseName::new("relay").unwrap(), Source::new("/t").unwrap(), store.clone())
            .publish_to(broker.clone())
            .clock(PausedClock::new())
            .start();
    let deliveries = broker.consumer("orders", [timers_of::<Order>().unwrap()]);
    let consumer = Consumer::new(LeaseName::new("orders").unwrap(), deliveries, store.clone())
        .clock(PausedClock::new())
        .start(orders.clone());
    hear_all(&orders, &store, &[placed("1")]).await;
    let began = Instant::now();
    let is_reminded = async || sent(&store).await.contains(&"1 t.remind.v1".to_owned());
    while !is_reminded().await {
        sleep(Duration::from_secs(1)).await;
        assert!(began.elapsed() < REMINDED_AFTER * 2, "nobody was reminded");
    }
    assert!(began.elapsed() >= REMINDED_AFTER);
    let told = orders.find("1").await.unwrap().unwrap().to_string();
    assert!(told.contains("Late from /t → t.remind.v1"), "{told}");
    consumer.stop().await;
    relay.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_nothing_follows_from_any_more_waits_no_longer() {
    let (store, orders) = memory();
    hear_all(&orders, &store, &[placed("1")]).await;
    advance(Duration::from_secs(1)).await;
    hear_all(&orders, &store, &[noted("1", "wait"), noted("1", "bad")]).await;
    advance(Duration::from_mins(14) + Duration::from_secs(59)).await;
    let replaced = due(&store, 1).await;
    assert!(hear(&orders, &store, replaced[0].clone()).await, "it waits");
    assert_eq!(orders.list(None, 1).await.unwrap().0[0].waiting, 1);
    orders.discard("1", "ann", "a test").await.unwrap();
    assert_eq!(orders.list(None, 1).await.unwrap().0[0].waiting, 0);
}
