//! Projections and their reads, on the store in memory and on the paused clock.

mod behind;
mod closed;
mod decoded;
mod failures;
pub(crate) mod fixture;
mod fold;
mod idle;
mod inline;
mod late;
mod memory;
mod parts;
mod pause;
mod poller;
mod reads;
mod rebuild;
mod rebuild_failures;
mod refused;
mod replayed;
mod session;
mod upcasts;
