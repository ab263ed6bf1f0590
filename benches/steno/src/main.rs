//! Sagas of this crate against `steno`'s, with the same steps, tasks and log: in memory, and in PostgreSQL.
//!
//! `cargo run --release --manifest-path benches/steno/Cargo.toml`; the second bar needs `DATABASE_URL`. `steno` ships a log in
//! memory and a trait for others; the one in PostgreSQL is here: one statement for each of its calls, each its own transaction,
//! and all that wait for each other by `steno`'s own rules.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement may panic, and prints")]

mod ours;
mod theirs;

use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

/// How many runs there are; a bar holds when the median of the ratios meets it.
const RUNS: usize = 5;

fn main() {
    let mut holds = compare(
        "in memory, three steps, 16 at a time",
        10.0,
        || ours::memory(16, 400),
        || theirs::memory(16, 100),
    );
    if let Ok(url) = std::env::var("DATABASE_URL") {
        holds &= compare(
            "PostgreSQL, three steps, 16 at a time",
            4.0,
            || ours::postgres(&url, 16, 60),
            || theirs::postgres(&url, 16, 15),
        );
    } else {
        println!("PostgreSQL: left out, since DATABASE_URL names no server");
    }
    assert!(holds, "a bar was missed");
}

fn compare(what: &str, at_least: f64, ours: impl Fn() -> f64, theirs: impl Fn() -> f64) -> bool {
    let (mut our, mut their, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=RUNS {
        let (one, other) = (ours(), theirs());
        // The first round warms up.
        if round > 0 {
            our.push(one);
            their.push(other);
            ratios.push(one / other);
        }
    }
    let ratio = median(&mut ratios);
    let holds = ratio >= at_least;
    println!(
        "{what}: {:.0} sagas/s, steno: {:.0} sagas/s\n    ratio {ratio:.1} (of {RUNS} runs, {:.1} to {:.1}), bar {at_least}: {}",
        median(&mut our),
        median(&mut their),
        ratios[0],
        ratios[RUNS - 1],
        if holds { "pass" } else { "FAIL" }
    );
    holds
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    count as f64 / begun.elapsed().as_secs_f64()
}
