//! What a saga costs in memory that waits: its log is in a file.

use std::time::Duration;

use freehold::backend::sqlite::SqliteStore;
use freehold::saga::{Before, Definition, NoPivot, RunningSagas, Saga, Sagas};

use crate::harness::runtime;
use crate::saga::{Order, order};

const PARKED: usize = 20_000;
const BYTES_MAX: usize = 1_024;

/// It waits for a signal that never comes.
struct Patient;

impl Saga for Patient {
    const NAME: &'static str = "patient";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        steps.signal::<()>("never", None);
        steps.build()
    }
}

pub(crate) fn run() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime();
    runtime.block_on(async {
        let store = SqliteStore::open(dir.path().join("parked.db")).await.unwrap();
        let sagas = Sagas::builder(store).saga(&Patient).unwrap().build();
        let running = sagas.run().unwrap();
        // Not all at once: what is measured is what they cost when they wait.
        let some = async |from: usize, upto: usize| {
            for n in from..upto {
                sagas.start::<Patient>(&n.to_string(), order(n)).await.unwrap();
                if n % 256 == 255 {
                    parked(&running, n + 1).await;
                }
            }
            parked(&running, upto).await;
        };
        // The first ones fill caches that stay as large as they are.
        some(0, PARKED).await;
        let before = resident();
        some(PARKED, 2 * PARKED).await;
        let bytes = resident().saturating_sub(before) / PARKED;
        let holds = bytes <= BYTES_MAX;
        println!(
            "saga_parked: {bytes} bytes of memory for a saga that waits, and no task, bar {BYTES_MAX}: {}",
            if holds { "pass" } else { "FAIL" }
        );
        holds
    })
}

/// Until so many wait, and no other.
async fn parked(running: &RunningSagas, count: usize) {
    while running.count() != (0, 0, count) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The memory of this process that is in use.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1_024
}
