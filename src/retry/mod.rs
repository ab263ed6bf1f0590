//! Trying again: how often, how long between, how much of it all callers together may do, and when not at all. One policy,
//! one budget and one breaker for the whole crate.

mod breaker;
mod budget;
mod policy;
mod sliding;

pub use breaker::BreakerOptions;
pub(crate) use breaker::{Breaker, Pass};
pub(crate) use budget::Purse;
pub use budget::RetryBudget;
pub use policy::RetryPolicy;
pub(crate) use policy::{Backoff, Seeds};
