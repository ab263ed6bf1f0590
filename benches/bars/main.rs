//! Speed, as a ratio to a floor in the same run.
//!
//! A floor is the bare driver with the same schema, durability, payload, tasks and checks, tuned as well as
//! ours. Runs are interleaved, ours and the floor's in turn; a bar holds when the median of the ratios of
//! neighbouring runs meets it. `cargo bench --bench bars [-- NAME…]` runs all of them, or those whose names
//! hold one of the given words; `FREEHOLD_BENCH_RUNS` sets how many runs (5).

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement may panic, and prints; its counts are small"
)]

mod bare;
mod catch_up;
mod entry;
mod harness;
mod hot_stream;
mod memory_append;
mod outbox;
#[cfg(feature = "nats")]
mod outbox_nats;
#[cfg(feature = "personal")]
mod personal;
mod postgres;
mod postgres_append;
mod postgres_catch_up;
mod postgres_command;
mod postgres_hot_stream;
mod postgres_lock;
mod postgres_read;
mod postgres_writer;
mod saga;
mod saga_memory;
mod saga_parked;
mod saga_postgres;
mod saga_sqlite;
mod snapshot;
mod sqlite_append;
mod sqlite_read;
mod year;

use std::process::ExitCode;

/// A bar by its name; running it says whether it holds.
type Named = (&'static str, fn() -> bool);

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted =
        |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let bars: &[Named] = &[
        ("memory_append", memory_append::run),
        ("sqlite_append", sqlite_append::run),
        ("sqlite_read", sqlite_read::run),
        ("hot_stream", hot_stream::run),
        ("catch_up", catch_up::run),
        ("outbox_bars", outbox::run),
        #[cfg(feature = "nats")]
        ("outbox_nats", outbox_nats::run),
        #[cfg(feature = "personal")]
        ("personal", personal::run),
        ("postgres_append", postgres_append::run),
        ("postgres_catch_up", postgres_catch_up::run),
        ("postgres_command", postgres_command::run),
        ("postgres_hot_stream", postgres_hot_stream::run),
        ("postgres_lock", postgres_lock::run),
        ("postgres_read", postgres_read::run),
        ("saga_memory", saga_memory::run),
        ("saga_parked", saga_parked::run),
        ("saga_postgres", saga_postgres::run),
        ("saga_sqlite", saga_sqlite::run),
        ("snapshot", snapshot::run),
        ("year", year::run),
    ];
    let mut held = true;
    for (name, run) in bars {
        if wanted(name) {
            held &= run();
        }
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
