//! Runs a saga in every way in which it can go wrong, and shows the shortest way to a broken promise.
//!
//! [`explore`] takes a [`Saga`](crate::saga::Saga) with its own steps, a world of simulated participants, and what must hold in
//! the end. It runs the saga once for every *schedule*: what becomes of each call, of each commit, and of each owner. Then it
//! builds flaws in, a compensation that is missing or a key that changes, and sees whether the invariant notices: a test that
//! tests nothing is reported as well. What it finds is a [`Violation`], which tells its story in text and as a
//! [diagram](Violation::mermaid).
//!
//! | what | may |
//! |---|---|
//! | a call | fail, be lost, lose its answer, be late by any time, arrive twice, be refused |
//! | a commit | lose its answer |
//! | an owner | stop before or after a commit, and be replaced; or be replaced and go on |
//! | anybody | ask for the saga to be given up; its deadline may pass |
//!
//! Of every saga, whatever it does, this must hold:
//!
//! - It ends once, and nothing follows; or it waits for an operator, and says why.
//! - If it has completed, nothing was compensated. Nothing is compensated before it is written down that the saga is given up,
//!   or after its pivot, or before what needed it.
//! - Its owner acts no more when it is given up, but to learn what came of a call.
//! - A step is given the same whenever it is called.
//! - What the owner has in mind is what its log says, and who was replaced writes nothing.

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
