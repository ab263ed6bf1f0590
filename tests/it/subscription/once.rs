//! Every event, in order, over restarts and over several logs.

use freehold::Position;
use freehold::subscription::{Applied, SubscriptionOptions};
use freehold::{Store, Token};

use super::fixture::{Ledger, Taken, memory, options, reach, record, start, subscribe};

#[tokio::test(start_paused = true)]
async fn every_event_is_taken_in_once_and_in_order_over_restarts() {
    let (store, got) = (memory(), Taken::default());
    let mut recorded = 0;
    for round in 0..5 {
        let running = start(Ledger::new("job", &got), &store, options());
        for _ in 0..(100 + round) {
            recorded += 1;
            record(&store, &["order-1"]).await;
            if recorded % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let head = Token::new(store.identity(), Position::new(recorded));
        if round % 2 == 0 {
            reach(running.progress(), head).await;
        }
        running.stop().await;
    }
    let running = start(Ledger::new("job", &got), &store, options());
    reach(running.progress(), Token::new(store.identity(), Position::new(recorded))).await;
    assert_eq!(got.positions(), (1..=recorded).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn events_that_come_later_are_taken_in_without_being_asked_for() {
    let (store, got) = (memory(), Taken::default());
    let running = start(Ledger::new("job", &got), &store, options());
    for n in 1..=20 {
        let began = tokio::time::Instant::now();
        let token = record(&store, &["order-1"]).await;
        reach(running.progress(), token).await;
        assert_eq!(got.positions().len(), n);
        assert!(began.elapsed().is_zero(), "it was woken by a timer");
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_the_filter_wants_is_taken_in() {
    let (store, got) = (memory(), Taken::default());
    let token =
        record(&store, &["order-1", "user-1", "order-2", "user-2", "order-1", "user-3"]).await;
    let running = start(Ledger::new("job", &got).filter("order"), &store, options());
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [1, 3, 5]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn several_logs_are_followed_each_in_its_own_order() {
    let (orders, users, got) = (memory(), memory(), Taken::default());
    let small = SubscriptionOptions { batch_events_max: 3, ..options() };
    let follow = || {
        let sink = Ledger::new("job", &got);
        subscribe(sink, orders.clone()).follow(orders.clone()).follow(users.clone()).options(small)
    };
    for _ in 0..2 {
        let running = follow().start();
        let mut last = Vec::new();
        for _ in 0..20 {
            last = vec![record(&orders, &["order-1"]).await, record(&users, &["user-1"]).await];
        }
        for token in last {
            reach(running.progress(), token).await;
        }
        running.stop().await;
    }
    for log in [&orders, &users] {
        assert_eq!(got.of_log(log.identity()), (1..=40).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_busy_with_one_log_gets_the_other_one_too() {
    let (busy, rare, got) = (memory(), memory(), Taken::default());
    let small = SubscriptionOptions { batch_events_max: 1, ..options() };
    for _ in 0..50 {
        record(&busy, &["order-1"]).await;
    }
    let token = record(&rare, &["user-1"]).await;
    let (rare_log, seen) = (rare.identity(), got.clone());
    let sink = Ledger::new("job", &got).rule(move |batch| {
        assert!(batch.log() != rare_log || seen.positions().len() < 5, "it waited");
        Ok(Applied::UpTo(batch.upto()))
    });
    let both = subscribe(sink, busy.clone()).follow(busy.clone()).follow(rare.clone());
    let running = both.options(small).start();
    reach(running.progress(), token).await;
    assert_eq!(got.of_log(rare_log), [1]);
    running.stop().await;
}
