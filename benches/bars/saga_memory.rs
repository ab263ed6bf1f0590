//! In memory: sagas of three steps, one after another in each of two tasks.

use freehold::backend::memory::MemoryStore;

use crate::harness::{interleave, median, runtime, timed};
use crate::saga;

const TASKS: usize = 2;
const SAGAS: usize = 10_000;
const STEPS: usize = 3;

pub(crate) fn run() -> bool {
    let rates = interleave(&mut [&mut ours]);
    println!("saga_memory: {:.0} sagas/s of three steps", median(&mut rates[0].clone()));
    true
}

fn ours() -> f64 {
    let runtime = runtime();
    timed(TASKS * SAGAS, || {
        runtime.block_on(saga::run::<STEPS>(MemoryStore::new(), TASKS, SAGAS));
    })
}
