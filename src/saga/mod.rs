//! The protocol of a saga, as a machine without clock, store or participants; compiled for its tests alone, until there is an
//! engine that runs it.
//!
//! A saga is a row of steps. Those before the pivot can be compensated; when the pivot has happened, those behind it are repeated
//! until they have happened, too. `shape` says what a saga is made of, `record` what is written down of it, `state` what that
//! means, and `run` what its owner does next. The explorer in `testkit` sees that whatever fails, is lost, comes late or twice, and
//! whoever takes over, a completed saga has every effect once and a compensated one none; and that each rule of the protocol is
//! needed. Source: Garcia-Molina and Salem, *Sagas*, 1987, for what a saga is; for the rules, `docs/decisions`.

#![allow(dead_code, reason = "an engine will use what the tests do not")]

mod json;
mod outcome;
mod record;
mod run;
mod shape;
mod state;

pub(crate) use json::Json;
pub(crate) use record::{Cause, Record};
pub(crate) use run::{Command, Outcome, Rules, Run, Way};
pub(crate) use shape::{Kind, Resolve, Shape, StepShape};
pub(crate) use state::{Phase, State};
