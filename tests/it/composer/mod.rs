//! Compositions: few calls, in time, and honest about what is missing.

mod asking;
mod batching;
mod dropped;
mod faults;
mod fixture;
mod graphs;
mod handler;
mod limits;
mod standing;
mod views;
