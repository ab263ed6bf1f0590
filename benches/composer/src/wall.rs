//! A bar in time: sources that take a millisecond.

use std::time::{Duration, Instant};

use crate::by_hand::Hand;
use crate::ours::Scoped;
use crate::runtime;
use crate::world::Latency;

/// How many runs there are; the bar holds when the median of the ratios meets it.
const RUNS: usize = 7;
/// How many compositions make a run.
const PAGES: u64 = 400;
/// As much as ours may take of the time of the same by hand.
const AT_MOST: f64 = 1.02;

pub(crate) fn bars() -> bool {
    let sleeps = Latency::Sleeps(Duration::from_millis(1));
    let (hand, scoped, runtime) = (Hand::new(sleeps), Scoped::new(sleeps), runtime());
    let (mut our, mut their, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=RUNS {
        let one = timed(|| {
            runtime.block_on(async {
                for id in 0..PAGES {
                    drop(scoped.page(id).await.unwrap())
                }
            })
        });
        let other = timed(|| {
            runtime.block_on(async {
                for id in 0..PAGES {
                    drop(hand.plain(id).await.unwrap())
                }
            })
        });
        // The first round warms up.
        if round > 0 {
            our.push(one);
            their.push(other);
            ratios.push(one / other);
        }
    }
    let ratio = median(&mut ratios);
    let holds = ratio <= AT_MOST;
    println!(
        "sources of 1 ms: {:.0} us a composition, by hand: {:.0} us\n    ratio {ratio:.3} (of {RUNS} runs, {:.3} to {:.3}), bar {AT_MOST}: {}",
        median(&mut our),
        median(&mut their),
        ratios[0],
        ratios[RUNS - 1],
        if holds { "pass" } else { "FAIL" }
    );
    holds
}

/// Microseconds for each page.
fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e6 / PAGES as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
