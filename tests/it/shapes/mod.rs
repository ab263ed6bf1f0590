//! Every shape that `serde` has goes through a store and comes back as it was, whoever reads it.
//!
//! `form` is an event of every shape, `any` draws one, and `survive` sees what becomes of some in a store; `round_trip` does so on the
//! stores that need no server.

mod any;
mod round_trip;
mod survive;

pub(crate) use crate::fuzz::bodies::shapes as form;
