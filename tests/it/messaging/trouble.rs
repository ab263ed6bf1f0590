//! A broker in trouble: it is waited for, however long it takes, and fed again with what it has lost.

use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::outbox::{Relay, RelayOptions, RunningRelay};
use freehold::subscription::Health;
use freehold::testkit::{BrokerFault, FaultyBroker, PausedClock};
use freehold::{Broker, LeaseName};
use tokio::time::sleep;

use super::fixture::{firsts, memory, name, options, send, source, stored, wanted};

fn relay(name: LeaseName, store: &MemoryStore, broker: impl Broker) -> RunningRelay {
    Relay::new(name, source(), store.clone())
        .publish_to(broker)
        .options(options())
        .clock(PausedClock::new())
        .seed(7)
        .start()
}

#[tokio::test(start_paused = true)]
async fn while_the_broker_is_down_commits_go_on_and_nothing_is_parked() {
    let (store, inner) = (memory(), MemoryBroker::new());
    let broker = FaultyBroker::new(inner.clone());
    broker.down();
    let relay = relay(name("relay"), &store, broker.clone());
    let texts: Vec<String> =
        (0..50).flat_map(|n| ["a", "b", "c"].map(|key| format!("{key}{n}"))).collect();
    for text in &texts {
        send(&store, &[text]).await;
        sleep(Duration::from_mins(1)).await;
    }
    assert!(stored(&inner).is_empty());
    assert!(relay.parked(10).await.unwrap().is_empty());
    let health = relay.health().await;
    assert!(matches!(health, Health::Stalled { .. } | Health::Late { .. }), "{health:?}");
    let lag = relay.lag().await.unwrap();
    assert!(lag.events >= 150 && lag.time > Duration::from_hours(2), "{lag:?}");
    broker.up();
    relay.drained().await.unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(stored(&inner), texts);
    assert!(matches!(relay.health().await, Health::Ok));
}

#[tokio::test(start_paused = true)]
async fn whatever_trouble_there_is_the_order_of_a_key_holds() {
    for seed in 0..100 {
        let (store, inner) = (memory(), MemoryBroker::without_dedupe());
        let broker = FaultyBroker::new(inner.clone());
        let broker = if seed % 2 == 0 { broker } else { broker.unordered() };
        broker.seeded(seed, 0.3);
        let texts: Vec<String> =
            (0..12).flat_map(|n| ["a", "b"].map(|key| format!("{key}{n:02}"))).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let relay = relay(name("relay"), &store, broker.clone());
        for texts in texts.chunks(5) {
            send(&store, texts).await;
        }
        relay.drained().await.unwrap();
        assert!(broker.injected() > 0, "seed {seed}");
        assert_eq!(firsts(&stored(&inner)), wanted(&texts), "seed {seed}: {:?}", stored(&inner));
        assert!(relay.parked(1).await.unwrap().is_empty(), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_only_what_was_not_stored_is_published_again() {
    for is_ordered in [true, false] {
        let (store, inner) = (memory(), MemoryBroker::without_dedupe());
        let broker = FaultyBroker::new(inner.clone());
        let broker = if is_ordered { broker } else { broker.unordered() };
        broker.script([None, Some(BrokerFault::LostBefore), None]);
        send(&store, &["a1", "b1", "c1"]).await;
        let relay = relay(name("relay"), &store, broker.clone());
        relay.drained().await.unwrap();
        assert_eq!(stored(&inner), ["a1", "c1", "b1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_broker_has_lost_it_is_fed_again() {
    for (lost, restarts) in [(1, true), (4, true), (7, true), (4, false)] {
        let (store, broker) = (memory(), MemoryBroker::new());
        let mut running = relay(name("relay"), &store, broker.clone());
        let first = ["a1", "b1", "a2", "c1", "b2", "a3", "a4"];
        for text in first {
            send(&store, &[text]).await;
            running.drained().await.unwrap();
        }
        broker.lose(lost);
        assert_eq!(stored(&broker).len(), first.len() - lost);
        if restarts {
            running.stop().await;
            running = relay(name("relay"), &store, broker.clone());
        }
        send(&store, &["a5", "b3"]).await;
        running.drained().await.unwrap();
        let all: Vec<&str> = first.into_iter().chain(["a5", "b3"]).collect();
        let there = firsts(&stored(&broker));
        let same = |key: &str| {
            let mut found = there.get(key).cloned().unwrap_or_default();
            found.sort();
            found == wanted(&all)[key]
        };
        assert!(["a", "b", "c"].into_iter().all(same), "{lost} {restarts}: {there:?}");
        if restarts {
            assert_eq!(
                there,
                wanted(&all),
                "in order, if it is seen before anything else goes out"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_was_made_anew_is_fed_from_the_beginning() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let running = relay(name("relay"), &store, broker.clone());
    send(&store, &["a1", "b1", "a2"]).await;
    running.drained().await.unwrap();
    running.stop().await;
    broker.recreate();
    let running = relay(name("relay"), &store, broker.clone());
    send(&store, &["a3"]).await;
    running.drained().await.unwrap();
    assert_eq!(stored(&broker), ["a1", "b1", "a2", "a3"]);
}

/// Waits until the broker has these messages.
async fn until_stored(broker: &MemoryBroker, texts: &[&str]) {
    let waiting = async {
        while stored(broker) != texts {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(10), waiting).await;
    assert!(waited.is_ok(), "{:?} are there, and not {texts:?}", stored(broker));
}

/// Nothing is sent in between, and each relay ends as soon as the broker was fed again.
#[tokio::test(start_paused = true)]
async fn what_a_broker_was_fed_again_and_loses_again_it_is_fed_once_more() {
    for is_recreated in [true, false] {
        let (store, broker) = (memory(), MemoryBroker::new());
        let texts = ["a1", "b1", "a2"];
        let running = relay(name("relay"), &store, broker.clone());
        for text in texts {
            send(&store, &[text]).await;
            running.drained().await.unwrap();
        }
        running.stop().await;
        for _ in 0..3 {
            if is_recreated {
                broker.recreate();
            } else {
                broker.lose(2);
            }
            let running = relay(name("relay"), &store, broker.clone());
            until_stored(&broker, &texts).await;
            running.stop().await;
        }
        let running = relay(name("relay"), &store, broker.clone());
        send(&store, &["a3"]).await;
        running.drained().await.unwrap();
        assert_eq!(stored(&broker), ["a1", "b1", "a2", "a3"]);
    }
}

/// A broker in memory goes with its process. What others have published into the next one does not look like what was there.
#[tokio::test(start_paused = true)]
async fn another_broker_is_fed_from_the_beginning_also_if_it_has_more_than_the_one_before() {
    let (store, others) = (memory(), memory());
    let running = relay(name("relay"), &store, MemoryBroker::new());
    send(&store, &["a1", "b1"]).await;
    running.drained().await.unwrap();
    running.stop().await;
    let broker = MemoryBroker::new();
    let first = relay(name("relay"), &others, broker.clone());
    send(&others, &["c1", "c2", "c3"]).await;
    first.drained().await.unwrap();
    let running = relay(name("relay"), &store, broker.clone());
    send(&store, &["a2"]).await;
    running.drained().await.unwrap();
    assert_eq!(stored(&broker), ["c1", "c2", "c3", "a1", "b1", "a2"]);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_hands_over_at_once() {
    let (store, broker) = (memory(), MemoryBroker::without_dedupe());
    let first = relay(name("relay"), &store, broker.clone());
    let second = relay(name("relay"), &store, broker.clone());
    send(&store, &["a1", "a2"]).await;
    first.drained().await.unwrap();
    let begun = tokio::time::Instant::now();
    first.stop().await;
    send(&store, &["a3"]).await;
    second.drained().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "no lease had to expire");
    assert_eq!(stored(&broker), ["a1", "a2", "a3"]);
}

#[tokio::test(start_paused = true)]
async fn parts_share_the_keys_out_and_keep_their_order() {
    let (store, broker) = (memory(), MemoryBroker::new());
    let shared = || {
        Relay::new(name("relay"), source(), store.clone())
            .publish_to(broker.clone())
            .options(RelayOptions { partitions: 4, ..options() })
            .seed(7)
            .start()
    };
    let (first, second) = (shared(), shared());
    let texts: Vec<String> =
        (0..40).flat_map(|n| ["a", "b", "c", "d", "e"].map(|key| format!("{key}{n:02}"))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for texts in texts.chunks(7) {
        send(&store, texts).await;
    }
    first.drained().await.unwrap();
    drop(second);
    assert_eq!(firsts(&stored(&broker)), wanted(&texts));
    assert_eq!(stored(&broker).len(), texts.len());
}
