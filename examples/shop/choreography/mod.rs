//! The same business without a driver: each service says what it has done, and knows what to do about what others say.
//!
//! Nothing here knows the order of the steps: that is in the `reactions` of each service, and drawn in `flow`. `shop` places
//! invoices and waits for them, by a `watch` on Order's log. `mode` says which of the two ways a shop goes, since it cannot change.

pub mod flow;
mod mode;
mod shop;
mod watch;

pub use mode::{Mode, check_mode};
pub use shop::{Choreography, Stations};
