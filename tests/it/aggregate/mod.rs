//! Repositories and units of work: what they promise, on a store that can be watched and upset.

mod as_of;
mod cancel;
mod closing;
pub(crate) mod fixture;
mod hot_stream;
mod repetition;
mod repository;
mod snapshots;
mod split;
mod unique;
mod unit_of_work;
mod upcasts;
