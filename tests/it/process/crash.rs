//! Crash points, one by one and in pairs: whatever the process is doing when it dies or freezes, each message has its answer once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::inbox::{Consumer, RunningConsumer};
use freehold::process::Processes;
use freehold::testkit::PausedClock;
use freehold::{Broker, Destination, LeaseName, Outbound};
use tokio::time::sleep;

use crate::messaging::mortal::{End, Life};

use super::fixture::{Heard, Order, Store, envelope, message, noted, paid, placed, sent, shipped};

/// Longer than the broker takes to deliver again, several times over.
const LONG: Duration = Duration::from_mins(10);

fn story() -> Vec<Heard> {
    vec![
        paid("1"),
        placed("2"),
        noted("2", "a"),
        placed("1"),
        noted("3", "too early"),
        noted("2", "bad"),
        placed("3"),
        shipped("1"),
        paid("2"),
    ]
}

async fn published() -> MemoryBroker {
    let broker = MemoryBroker::without_dedupe();
    let all: Vec<_> = story()
        .iter()
        .map(|heard| {
            let message = message(envelope(heard));
            let destination = Destination::from(message.envelope.kind());
            Outbound::new(message, destination)
        })
        .collect();
    for answer in broker.publish(&all).await {
        answer.unwrap();
    }
    broker
}

fn consume(life: &Life, store: &MemoryStore, broker: &MemoryBroker) -> RunningConsumer {
    let store = life.of(store.clone());
    let orders = Processes::new(Order::default(), store.clone()).unwrap().clock(PausedClock::new());
    Consumer::new(LeaseName::new("orders").unwrap(), life.of(broker.consumer("orders", [])), store)
        .clock(PausedClock::new())
        .seed(7)
        .start(orders)
}

/// Processes live and end one after the other, and the last one lives on: what was sent, by instance, and how many calls each
/// has made.
async fn lives(ends: &[(usize, End)]) -> (BTreeMap<String, Vec<String>>, Vec<usize>) {
    let (store, broker) =
        (MemoryStore::builder().clock(PausedClock::new()).build(), published().await);
    let (mut calls, mut frozen) = (Vec::new(), Vec::new());
    for (nth, end) in ends {
        let life = Life::until(*nth, *end);
        let running = consume(&life, &store, &broker);
        tokio::select! {
            biased;
            () = life.over() => {}
            () = sleep(LONG) => {}
        }
        calls.push(life.calls());
        frozen.push((life, running));
    }
    let last = consume(&Life::default(), &store, &broker);
    sleep(LONG).await;
    for (life, _) in &frozen {
        life.thaw();
    }
    sleep(LONG).await;
    last.stop().await;
    let place: Store = Arc::new(store);
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in sent(&place).await {
        let (instance, kind) = line.split_once(' ').unwrap();
        all.entry(instance.into()).or_default().push(kind.into());
    }
    let listed = super::fixture::orders(&place).list(None, 10).await.unwrap().0;
    for it in listed {
        all.entry(it.instance).or_default().push(format!("{:?} {}", it.standing, it.waiting));
    }
    (all, calls)
}

fn expected() -> BTreeMap<String, Vec<String>> {
    let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    BTreeMap::from([
        ("1".into(), lines(&["t.pay.v1", "t.ship.v1", "t.confirmed.v1"])),
        ("2".into(), lines(&["t.pay.v1", "Parked 1"])),
        ("3".into(), lines(&["t.pay.v1", "Open 0"])),
    ])
}

#[tokio::test(start_paused = true)]
async fn a_process_may_die_or_freeze_at_any_call_and_each_message_has_its_answer_once() {
    let (undisturbed, calls) = lives(&[(usize::MAX, End::Before)]).await;
    assert_eq!(undisturbed, expected());
    assert!(calls[0] > 20, "{calls:?}");
    for nth in 1..=calls[0] {
        for end in End::ALL {
            let (all, _) = lives(&[(nth, end)]).await;
            assert_eq!(all, expected(), "{end:?} at call {nth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_may_die_one_after_the_other() {
    let (_, calls) = lives(&[(usize::MAX, End::Before)]).await;
    let step = if std::env::var_os("FREEHOLD_HEAVY").is_some() { 1 } else { 5 };
    for first in (1..=calls[0]).step_by(step) {
        for second in (1..=calls[0]).step_by(step) {
            for ends in
                [[End::After, End::After], [End::Before, End::Frozen], [End::Frozen, End::After]]
            {
                let (all, _) = lives(&[(first, ends[0]), (second, ends[1])]).await;
                assert_eq!(all, expected(), "{ends:?} at calls {first} and {second}");
            }
        }
    }
}
