//! Projections and their reads, on the store in memory and on the paused clock.

mod behind;
mod failures;
pub(crate) mod fixture;
mod fold;
mod inline;
mod parts;
mod pause;
mod poller;
mod reads;
mod rebuild;
mod refused;
mod session;
