//! The broker in NATS JetStream, against a real server: `scripts/test` installs one, or set `FREEHOLD_NATS_SERVER` to the
//! program, and `FREEHOLD_PYTHON` to a Python that has the packages `nats-py` and `cloudevents`.
//!
//! Every test has a server of its own, which goes away at its end.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic: that is how it says no"
)]

mod batches;
mod conformance;
mod end_to_end;
mod exclusive;
mod killed;
mod lost;
mod opened;
mod proxy;
mod refused;
mod server;
mod shop;
mod silent;
