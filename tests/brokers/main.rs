//! Brokers against real servers, which the tests start themselves. `nats` and `rabbitmq` have what each must do, behind the features
//! of those names; what is the same for both stands here once. `scripts/test` installs the servers.
//!
//! In reading order: `messages`, what is published and received; `publishers`, many that publish at once; `process`, a program that is
//! frozen; `proxy`, what lies between a client and its server; `end_to_end`, from a commit here to an effect there; `shop`, the
//! example. None of them has tests: those are in `nats` and in `rabbitmq`, so that each can be run without the other.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic: that is how it says no"
)]
#![cfg_attr(
    not(all(feature = "nats", feature = "rabbitmq")),
    allow(dead_code, reason = "what is for one broker only is not used by the other")
)]

#[cfg(not(any(feature = "nats", feature = "rabbitmq")))]
compile_error!("there is no broker to test: choose the feature `nats` or `rabbitmq`, or both");

mod end_to_end;
mod messages;
#[cfg(feature = "nats")]
mod nats;
mod process;
mod proxy;
mod publishers;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod shop;
