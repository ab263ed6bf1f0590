//! Every test that needs more than one module: one binary, one link.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    clippy::unwrap_used,
    reason = "a test may panic: that is how it says no"
)]

mod aggregate;
mod messaging;
mod mutants;
mod process;
mod processes;
mod projection;
mod saga;
mod search;
mod shop;
mod sqlite;
mod subscription;
mod telemetry;
mod testkit;
mod tidy;
