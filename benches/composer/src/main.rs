//! What a composition costs: against the same written by hand, and against `async-graphql`'s `DataLoader`.
//!
//! `cargo run --release --manifest-path benches/composer/Cargo.toml`; it needs `valgrind`, which counts instructions: other
//! work on the machine does not move them. `-- counts` and `-- wall` run one half; `-- case NAME TIMES` is one subject alone,
//! for a profiler.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement may panic, and prints")]

mod by_hand;
mod counts;
mod ours;
mod theirs;
mod wall;
mod world;

use std::hint::black_box;

use by_hand::Hand;
use ours::{Alone, Scoped};
use theirs::Theirs;
use tokio::runtime::{Builder, Runtime};
use world::Latency;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let holds = match args[..] {
        ["case", name, times] => {
            runtime().block_on(case(name, times.parse().unwrap()));
            true
        }
        ["counts"] => counts::bars(),
        ["wall"] => wall::bars(),
        // Both are to be seen, also if the first misses.
        [] => counts::bars() & wall::bars(),
        _ => panic!("`counts`, `wall`, `case NAME TIMES`, or nothing"),
    };
    assert!(holds, "a bar was missed");
}

/// One thread: everything happens in the same order each time.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Does one thing so many times: `plain`, `policies`, `alone` or `scope` and `ready` or `yields`, or `hand`, `hot`, `all`,
/// `joined`, `their-joined` or `their-all` and how many keys.
async fn case(name: &str, times: u64) {
    let (subject, how) = name.split_once(' ').unwrap();
    let (latency, count) = match how {
        "ready" => (Latency::Ready, 0),
        "yields" => (Latency::Yields, 0),
        keys => (Latency::Ready, keys.parse().unwrap()),
    };
    let (hand, alone) = (Hand::new(latency), Alone::new(latency));
    let (scoped, theirs) = (Scoped::new(latency), Theirs::new(latency));
    for id in 0..times {
        match subject {
            "plain" => drop(black_box(hand.plain(id).await)),
            "policies" => drop(black_box(hand.with_policies(id).await)),
            "alone" => drop(black_box(alone.page(id).await)),
            "scope" => drop(black_box(scoped.page(id).await)),
            "hand" => drop(black_box(hand.keys(count).await)),
            "hot" => drop(black_box(scoped.hot(count).await)),
            "joined" => drop(black_box(scoped.joined(count).await)),
            "all" => drop(black_box(scoped.all(count).await)),
            "their-joined" => drop(black_box(theirs.joined(count).await)),
            "their-all" => drop(black_box(theirs.all(count).await)),
            other => panic!("`{other}` is no subject"),
        }
    }
}
