//! Crash points, one by one and in pairs: whatever a relay and a consumer are doing when they die or freeze, each message
//! arrives, in the order of its key, and has its effect once.

use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::inbox::{Marks, OnGap};
use freehold::outbox::{Relay, RunningRelay};
use freehold::testkit::PausedClock;
use tokio::time::{sleep, timeout};

use super::fixture::{
    consume, firsts, memory, name, noted, options, send, send_in_vain, source, stored, until_noted,
    wanted,
};
use super::mortal::{End, Life};

const SENT: [&str; 7] = ["a1", "b1", "a2", "a3", "c1", "b2", "a4"];
/// No process lives for so many calls.
const ENDLESS: usize = usize::MAX;
/// All of it takes far less.
const LONG: Duration = Duration::from_hours(2);

async fn sender() -> MemoryStore {
    let store = memory();
    send(&store, &SENT[..3]).await;
    send_in_vain(&store, &["a9", "d1"]).await;
    send(&store, &SENT[3..4]).await;
    send(&store, &SENT[4..]).await;
    store
}

fn relay(life: &Life, store: &MemoryStore, broker: &MemoryBroker) -> RunningRelay {
    Relay::new(name("relay"), source(), life.of(store.clone()))
        .publish_to(life.of(broker.clone()))
        .options(options())
        .clock(PausedClock::new())
        .seed(7)
        .start()
}

/// Relays live and end one after the other, and the last one lives on.
async fn relayed(ends: &[(usize, End)]) -> (Vec<String>, Vec<usize>) {
    let (store, broker) = (sender().await, MemoryBroker::without_dedupe());
    let (mut calls, mut frozen) = (Vec::new(), Vec::new());
    for (nth, end) in ends {
        let life = Life::until(*nth, *end);
        let running = relay(&life, &store, &broker);
        let drained = async {
            running.drained().await.unwrap();
            // Until all that it does once is done.
            sleep(Duration::from_secs(30)).await;
        };
        tokio::select! {
            biased;
            () = life.over() => {}
            () = drained => {}
        }
        calls.push(life.calls());
        frozen.push((life, running));
    }
    let life = Life::default();
    let last = relay(&life, &store, &broker);
    // The one before may hold the lease for a while.
    sleep(Duration::from_secs(5)).await;
    for (life, _) in &frozen {
        life.thaw();
    }
    timeout(LONG, last.drained()).await.expect("all is published in time").unwrap();
    sleep(Duration::from_secs(30)).await;
    calls.push(life.calls());
    (stored(&broker), calls)
}

async fn check_relayed(ends: &[(usize, End)]) {
    let (stored, _) = relayed(ends).await;
    assert_eq!(firsts(&stored), wanted(&SENT), "{ends:?}: {stored:?}");
    // Two batches of three can be under way in each process that ended: its own, and the one before whose checkpoint was lost.
    let twice = stored.len() - SENT.len();
    assert!(twice <= 3 * ends.len(), "{ends:?}: {twice} came twice: {stored:?}");
}

#[tokio::test(start_paused = true)]
async fn a_relay_may_die_or_freeze_at_any_call() {
    let (_, calls) = relayed(&[]).await;
    assert!(calls[0] > 15, "a relay makes some calls: {calls:?}");
    for nth in 1..=calls[0] {
        for end in End::ALL {
            check_relayed(&[(nth, end)]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_relays_one_after_the_other_may_die_or_freeze_at_any_call() {
    let (_, calls) = relayed(&[]).await;
    // All pairs, or a tenth of them with each first call and each second call among them.
    let step = if std::env::var_os("FREEHOLD_HEAVY").is_some() { 1 } else { 10 };
    for first in 1..=calls[0] {
        for second in (1 + first % step..=calls[0]).step_by(step) {
            let ends = [End::ALL[first % 3], End::ALL[(first / 3 + second) % 3]];
            check_relayed(&[(first, ends[0]), (second, ends[1])]).await;
        }
    }
}

/// A broker that has everything, two of them twice and late.
async fn full() -> MemoryBroker {
    let (store, broker) = (sender().await, MemoryBroker::without_dedupe());
    for _ in 0..2 {
        let name = name(&format!("relay-{}", broker.messages().len()));
        let relay = Relay::new(name, source(), store.clone()).publish_to(broker.clone()).start();
        relay.drained().await.unwrap();
        relay.stop().await;
    }
    assert_eq!(broker.messages().len(), 2 * SENT.len());
    broker
}

/// Consumers live and end one after the other, and the last one lives on.
async fn consumed(marks: Marks, ends: &[(usize, End)]) -> (MemoryStore, usize) {
    let (store, broker) = (memory(), full().await);
    let mut frozen = Vec::new();
    for (nth, end) in ends {
        let life = Life::until(*nth, *end);
        let deliveries = life.of(broker.consumer("notes", []));
        let running = consume(life.of(store.clone()), deliveries, marks);
        tokio::select! {
            biased;
            () = life.over() => {}
            () = sleep(Duration::from_mins(1)) => {}
        }
        frozen.push((life, running));
    }
    let life = Life::default();
    let deliveries = life.of(broker.consumer("notes", []));
    let last = consume(life.of(store.clone()), deliveries, marks);
    sleep(Duration::from_secs(5)).await;
    for (life, _) in &frozen {
        life.thaw();
    }
    let all = until_noted(&store, SENT.len() as u64);
    timeout(LONG, all).await.unwrap_or_else(|_| panic!("{marks:?} {ends:?}: something is lost"));
    // What comes twice has come by then.
    sleep(Duration::from_mins(2)).await;
    last.stop().await;
    (store, life.calls())
}

async fn check_consumed(marks: Marks, ends: &[(usize, End)]) {
    let (store, _) = consumed(marks, ends).await;
    for (key, texts) in wanted(&SENT) {
        assert_eq!(noted(&store, &key).await, texts, "{marks:?} {ends:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_may_die_or_freeze_at_any_call_and_each_effect_happens_once() {
    for marks in [Marks::ById, Marks::BySequence(OnGap::Park)] {
        let (_, calls) = consumed(marks, &[]).await;
        assert!(calls > 15, "a consumer makes some calls");
        for nth in 1..=calls.min(60) {
            for end in End::ALL {
                check_consumed(marks, &[(nth, end)]).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_consumers_one_after_the_other_may_die_or_freeze_at_any_call() {
    let step = if std::env::var_os("FREEHOLD_HEAVY").is_some() { 1 } else { 10 };
    for marks in [Marks::ById, Marks::BySequence(OnGap::Park)] {
        let (_, calls) = consumed(marks, &[]).await;
        let calls = calls.min(60);
        for first in 1..=calls {
            for second in (1 + first % step..=calls).step_by(step) {
                let ends = [End::ALL[first % 3], End::ALL[(first / 3 + second) % 3]];
                check_consumed(marks, &[(first, ends[0]), (second, ends[1])]).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_without_an_end_goes_on() {
    assert!(!Life::until(ENDLESS, End::Before).is_over());
}
