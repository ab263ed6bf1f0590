//! NATS JetStream: set `FREEHOLD_NATS_SERVER` to the program `nats-server`, and `FREEHOLD_PYTHON` to a Python that has the packages
//! `nats-py` and `cloudevents`.
//!
//! Every test has a server of its own (`server`), which goes away at its end.

mod batches;
mod conformance;
mod end_to_end;
mod exclusive;
mod killed;
mod lost;
mod opened;
mod refused;
mod server;
mod shop;
mod silent;
