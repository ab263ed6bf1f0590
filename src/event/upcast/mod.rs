//! What becomes of the events of earlier programs: [`Upcasts`] are the steps, [`UpcastsBuilder`] makes and checks them.

mod builder;
mod flaw;
mod steps;

pub use builder::UpcastsBuilder;
pub use flaw::UpcastFlaw;
pub use steps::Upcasts;
pub(super) use steps::{Stuck, Why};
