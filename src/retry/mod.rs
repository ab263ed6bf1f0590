//! Trying again: how often, and how long between. One policy for the whole crate.

mod policy;

pub use policy::RetryPolicy;
pub(crate) use policy::{Backoff, Seeds};
