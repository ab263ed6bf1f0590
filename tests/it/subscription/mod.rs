//! Subscriptions, on the store in memory and on the paused clock.

mod answers;
mod batches;
mod checkpoint;
pub(crate) mod fixture;
mod frozen;
mod hand_over;
mod health;
mod once;
mod park;
mod parts;
mod pause;
mod replaces;
mod replay;
mod shares;
mod stop;
mod trouble;
