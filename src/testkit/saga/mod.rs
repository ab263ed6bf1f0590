//! Runs a saga with everything that can go wrong, and shows the shortest way to a broken promise.

mod at_once;
mod call;
mod explore;
mod play;
#[cfg(test)]
mod protocol;
mod report;
mod schedule;
mod search;
mod story;
mod watch;

pub use at_once::now;
pub use explore::{Exploration, Explore, ExploreOn, explore};
pub use report::{Breach, Coverage, Explored, Violation};
