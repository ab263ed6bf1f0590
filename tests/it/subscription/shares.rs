//! Each process works at its share of the parts, whoever comes and goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::Leases;
use freehold::backend::memory::MemoryStore;
use freehold::subscription::{Applied, Partition, Running, SinkError, SubscriptionOptions};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout};

use super::fixture::{Ledger, Taken, memory, name, options, process, record, start, until};

const PARTS: u32 = 7;
const MINUTE: Duration = Duration::from_mins(1);
/// Who comes or goes is noticed within a third of this, and each part is asked for ten times as often as it lasts.
const SOON: Duration = Duration::from_secs(6);

/// The processes of a job, and which of them took the newest event of each part in.
#[derive(Clone)]
struct Job {
    store: MemoryStore,
    parts: u32,
    got: Taken,
    whose: Arc<Mutex<BTreeMap<u32, u32>>>,
}

impl Job {
    fn new(parts: u32) -> Self {
        Self { store: memory(), parts, got: Taken::default(), whose: Arc::default() }
    }

    fn options(&self) -> SubscriptionOptions {
        SubscriptionOptions { partitions: self.parts, batch_events_max: 5, ..options() }
    }

    /// A process with this number.
    fn join(&self, process: u32) -> Running {
        let whose = Arc::clone(&self.whose);
        let sink = Ledger::new("job", &self.got).rule(move |batch| {
            whose.lock().unwrap().insert(batch.partition().index(), process);
            Ok(Applied::UpTo(batch.upto()))
        });
        start(sink, &self.store, self.options())
    }

    async fn record(&self) {
        let streams: Vec<_> = (0..60).map(|n| format!("order-{n}")).collect();
        let parts = Partition::all(self.parts);
        let is_there = |part: Partition| streams.iter().any(|stream| part.owns(stream));
        assert!(parts.into_iter().all(is_there));
        let streams: Vec<_> = streams.iter().map(String::as_str).collect();
        record(&self.store, &streams).await;
    }

    /// How many parts each process works at now, by the number of the process.
    async fn shares(&self) -> BTreeMap<u32, usize> {
        self.whose.lock().unwrap().clear();
        self.record().await;
        sleep(Duration::from_millis(1)).await;
        let mut shares = BTreeMap::new();
        for process in self.whose.lock().unwrap().values() {
            *shares.entry(*process).or_default() += 1;
        }
        shares
    }

    /// How often the parts have changed hands.
    async fn grants(&self) -> u64 {
        let mut grants = 0;
        for n in 0..self.parts {
            grants += self.store.lease(&name("job").part(n, self.parts)).await.unwrap().epoch.get();
        }
        grants
    }

    /// That every event was taken in once, and those of a stream in their order.
    async fn check(&self) {
        let head = freehold::EventStore::head(&self.store).await.unwrap().get();
        until("all is taken in", async || self.got.positions().len() as u64 >= head).await;
        for (stream, positions) in self.got.of_streams() {
            assert!(positions.is_sorted(), "{stream} {positions:?}");
        }
        let mut all = self.got.positions();
        all.sort_unstable();
        assert_eq!(all, (1..=head).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_gets_its_share_soon_and_whoever_goes_leaves_it_to_the_others() {
    let job = Job::new(PARTS);
    let first = job.join(1);
    sleep(SOON).await;
    assert_eq!(job.shares().await, [(1, 7)].into());
    let second = job.join(2);
    sleep(SOON).await;
    assert_eq!(job.shares().await, [(1, 4), (2, 3)].into());
    let third = job.join(3);
    sleep(SOON).await;
    assert_eq!(job.shares().await, [(1, 3), (2, 2), (3, 2)].into());
    let second = {
        second.stop().await;
        sleep(SOON).await;
        assert_eq!(job.shares().await, [(1, 4), (3, 3)].into());
        job.join(2)
    };
    first.stop().await;
    sleep(SOON).await;
    let shares = job.shares().await;
    assert_eq!(shares.values().sum::<usize>(), 7);
    assert!(shares.values().all(|share| [3, 4].contains(share)), "{shares:?}");
    job.check().await;
    second.stop().await;
    third.stop().await;
}

#[tokio::test(start_paused = true)]
async fn parts_do_not_change_hands_while_nobody_comes_or_goes() {
    let job = Job::new(PARTS);
    let running: Vec<_> = (0..3).map(|process| job.join(process)).collect();
    sleep(MINUTE).await;
    let (before, shares) = (job.grants().await, job.shares().await);
    for _ in 0..60 {
        job.record().await;
        sleep(MINUTE).await;
    }
    assert_eq!((job.grants().await, job.shares().await), (before, shares));
    job.check().await;
    for running in running {
        running.stop().await;
    }
}

/// Processes come and go while events are recorded without a pause.
#[tokio::test(start_paused = true)]
async fn who_comes_or_goes_loses_no_event_and_repeats_none() {
    let job = Job::new(PARTS);
    let mut running = vec![job.join(0)];
    let mut chance = fastrand::Rng::with_seed(7);
    for process in 1..40 {
        for _ in 0..5 {
            job.record().await;
            sleep(Duration::from_millis(chance.u64(0..2_000))).await;
        }
        if running.len() < 3 || running.len() < 6 && chance.bool() {
            running.push(job.join(process));
        } else {
            running.swap_remove(chance.usize(0..running.len())).stop().await;
        }
    }
    job.check().await;
    for running in running {
        running.stop().await;
    }
}

/// Lets so much time pass in each of the processes, a little at a time.
fn pass(time: Duration, processes: &[&Runtime]) {
    let step = Duration::from_millis(50);
    for _ in 0..time.as_millis() / step.as_millis() {
        for process in processes {
            process.block_on(async { sleep(step).await });
        }
    }
}

#[test]
fn the_parts_of_a_killed_process_are_shared_out_when_its_leases_are_over() {
    let job = Job::new(PARTS);
    let [killed, other, third] = [(); 3].map(|()| process());
    let enter = |runtime: &Runtime, process| runtime.block_on(async { job.join(process) });
    std::mem::forget(enter(&killed, 1));
    let running = [enter(&other, 2), enter(&third, 3)];
    pass(2 * SOON, &[&killed, &other, &third]);
    killed.block_on(job.record());
    pass(SOON, &[&killed, &other, &third]);
    let mut shares: BTreeMap<_, usize> = BTreeMap::new();
    for process in job.whose.lock().unwrap().values() {
        *shares.entry(*process).or_default() += 1;
    }
    let mut sizes: Vec<_> = shares.into_values().collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 2, 3]);
    drop(killed);
    job.whose.lock().unwrap().clear();
    other.block_on(job.record());
    pass(options().lease_time + SOON, &[&other, &third]);
    let shares = job.whose.lock().unwrap().clone();
    assert_eq!(shares.len(), 7);
    let second = shares.values().filter(|process| **process == 2).count();
    assert!([3, 4].contains(&second), "{shares:?}");
    other.block_on(job.check());
    for (running, runtime) in running.into_iter().zip([other, third]) {
        runtime.block_on(running.stop());
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_for_which_there_is_no_part_stands_by() {
    let job = Job::new(2);
    let first = job.join(1);
    let second = job.join(2);
    sleep(SOON).await;
    let third = job.join(3);
    sleep(MINUTE).await;
    assert_eq!(job.shares().await, [(1, 1), (2, 1)].into());
    first.stop().await;
    sleep(2 * SOON).await;
    assert_eq!(job.shares().await, [(2, 1), (3, 1)].into());
    second.stop().await;
    third.stop().await;
}

/// A process whose sink is out of order has a share like any other, and stops at each of its parts.
#[tokio::test(start_paused = true)]
async fn a_part_that_nobody_works_at_is_taken_beyond_the_share_and_kept() {
    let job = Job::new(4);
    let broken = Ledger::new("job", &Taken::default()).rule(|_| Err(SinkError::fatal("broken")));
    let broken = start(broken, &job.store, job.options());
    let well = job.join(1);
    sleep(SOON).await;
    job.record().await;
    let all = async { until("all is taken in", async || job.got.positions().len() >= 60).await };
    timeout(3 * options().lease_time, all).await.expect("a part is with nobody");
    let (before, began) = (job.grants().await, Instant::now());
    while began.elapsed() < 10 * MINUTE {
        job.record().await;
        sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(job.grants().await, before);
    job.check().await;
    // Who takes the place of the broken one gets its share.
    broken.stop().await;
    sleep(2 * SOON).await;
    let second = job.join(2);
    sleep(2 * SOON).await;
    assert_eq!(job.shares().await, [(1, 2), (2, 2)].into());
    well.stop().await;
    second.stop().await;
}
