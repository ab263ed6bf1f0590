//! From a commit to the effect at the other end: outbox, relay, broker, inbox.

mod consumer;
mod crash;
mod fixture;
pub(crate) mod mortal;
mod naive;
mod park;
mod relay;
mod trouble;
mod upcasts;
