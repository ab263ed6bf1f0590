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
mod composer;
mod fuzz;
mod messaging;
mod mutants;
mod past;
mod personal;
mod process;
mod processes;
mod projection;
mod saga;
mod search;
mod shapes;
mod shop;
mod spoilt;
mod sqlite;
mod subscription;
mod telemetry;
mod testkit;
mod tidy;
mod trail;
