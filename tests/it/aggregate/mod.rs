//! Repositories and units of work: what they promise, on a store that can be watched and upset.

mod cancel;
pub(crate) mod fixture;
mod hot_stream;
mod repetition;
mod repository;
mod unique;
mod unit_of_work;
