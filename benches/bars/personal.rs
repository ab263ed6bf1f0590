//! Sealing an event: what a store in memory takes longer when a value of an event of 200 bytes is personal data, against 3 µs.

use std::time::Instant;

use freehold::EventStore;
use freehold::backend::memory::MemoryStore;
use freehold::personal::SealedStore;
use freehold::{
    Commit, DataSubject, Event, EventId, ExpectedVersion, Personal, ReadFrom, Store, StreamId,
    StreamVersion, event,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::harness::{Bar, interleave, rate, runtime};

/// Events that are sealed in a run, in commits of so many.
const EVENTS: usize = 20_000;
const COMMIT: usize = 100;
/// Of how many people.
const SUBJECTS: usize = 500;
/// What sealing one event may take.
const MICROS_MAX: f64 = 3.0;

#[derive(Serialize, Deserialize)]
enum Order {
    Placed { number: u64, cents: i64, to: Personal<String> },
}

impl Event for Order {
    const CATEGORY: &'static str = "order";
}

/// Commits whose events have payloads of 200 bytes.
fn commits(round: usize) -> Vec<Commit> {
    let stream = |n: usize| StreamId::new("order", format!("{round}-{n}")).unwrap();
    let event = |n: usize| {
        let subject = DataSubject::new(&format!("customer-{:05}", n % SUBJECTS)).unwrap();
        let text = "Ada Lovelace, 12 St James's Square, London SW1Y 4JH, ada.lovelace@example.org";
        let mut to = Personal::new(subject, text.to_owned());
        let mut new = None;
        while new.as_ref().is_none_or(|new: &freehold::NewEvent| new.data().len() < 200) {
            to = to.map(|text| text + ".");
            let order =
                Order::Placed { number: 1_000_000 + n as u64, cents: 1_250, to: to.clone() };
            new = Some(event::encode(&order, EventId::new(Uuid::now_v7())).unwrap());
        }
        new.unwrap()
    };
    let commit = |from: usize| {
        let events = (from..from + COMMIT).map(event);
        Commit::new().append(&stream(from), ExpectedVersion::NoStream, events)
    };
    (0..EVENTS).step_by(COMMIT).map(commit).collect()
}

pub(crate) fn run() -> bool {
    let runtime = runtime();
    let store = SealedStore::new(MemoryStore::new());
    let mut round = 0;
    // The keys are made once for each person, in a commit of its own.
    runtime.block_on(async {
        for commit in commits(round) {
            drop(store.seal(commit).await.unwrap());
        }
    });
    let mut seals = || {
        round += 1;
        let commits = commits(round);
        let began = Instant::now();
        let sealed = runtime.block_on(async {
            let mut sealed = Vec::with_capacity(commits.len());
            for commit in commits {
                sealed.push(store.seal(commit).await.unwrap());
            }
            sealed
        });
        let rate = rate(EVENTS, began.elapsed());
        drop(sealed);
        rate
    };
    let sealed = interleave(&mut [&mut seals]).remove(0);
    let floor = vec![1e6 / MICROS_MAX; sealed.len()];
    let what = "personal: an event of 200 bytes is sealed";
    let bar = Bar { what, floor: "one in 3 µs", at_least: 1.0, unit: "events/s" };
    let holds = bar.judge(&sealed, &floor);
    opens(&runtime, &store);
    holds
}

/// What reading costs: with all keys known, against a store with nothing to open.
fn opens(runtime: &tokio::runtime::Runtime, store: &SealedStore<MemoryStore>) {
    runtime.block_on(async {
        for commit in commits(usize::MAX) {
            store.commit(commit).await.unwrap();
        }
    });
    let read = |store: &dyn EventStore| {
        let began = Instant::now();
        runtime.block_on(async {
            for from in (0..EVENTS).step_by(COMMIT) {
                let stream = StreamId::new("order", format!("{}-{from}", usize::MAX)).unwrap();
                let from = ReadFrom::After(StreamVersion::NONE);
                let page = store.read_stream(&stream, from, COMMIT).await.unwrap();
                assert_eq!(page.events.len(), COMMIT);
            }
        });
        rate(EVENTS, began.elapsed())
    };
    let rates = interleave(&mut [&mut || read(store), &mut || read(store.inner())]);
    let what = "personal: it is read and opened, from memory";
    let bar = Bar { what, floor: "it is read as it is", at_least: 0.0, unit: "events/s" };
    bar.tell(&rates[0], &rates[1]);
}
