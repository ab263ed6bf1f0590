//! Whatever bytes there are: events, steps from old ones, snapshots and tokens are read as what they are, or refused.
//!
//! `bodies` are the targets of the fuzzer, which `scripts/fuzz` runs. `kept` runs them on what is in `corpus` and on what chance makes
//! of it; `mutate` is that chance.

pub(crate) mod bodies;
mod kept;
mod mutate;
