//! What must hold of any bytes, one file for each target of the fuzzer. Each body panics where it does not, and says otherwise
//! whether the bytes were taken or refused.
//!
//! The crate in `fuzz` runs them for as long as somebody lets it; the suite runs them on what is kept in `corpus`, and on what chance
//! makes of that. They see the crate as its users do.

pub(crate) mod event;
pub(crate) mod place;
pub(crate) mod shapes;
pub(crate) mod snapshot;
pub(crate) mod token;
pub(crate) mod upcasts;
pub(crate) mod verdict;
