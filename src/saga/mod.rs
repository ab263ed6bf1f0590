//! Sagas.

#![allow(dead_code, unreachable_pub, unused_imports)]

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
