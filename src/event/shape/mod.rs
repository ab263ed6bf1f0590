//! What a type reads, as far as it says so when it is asked.
//!
//! `run` asks it once for each place, `asked` is what it is given on the way there, and `stand_in` what must come before.

mod asked;
mod run;
mod stand_in;

#[cfg(test)]
pub(super) use run::PLACES_MAX;
pub(crate) use run::shape;
