//! Sagas: business transactions over several services, which complete or leave nothing behind.
//!
//! A [`Saga`] is a row of steps. Those before the pivot can be compensated; when the pivot has happened, those behind it are
//! repeated until they have happened, too.

mod act;
mod adapt;
mod append;
mod barrier;
mod book;
mod contract;
mod define;
mod desk;
mod drive;
mod each;
mod error;
mod handle;
mod id;
mod instance;
mod json;
mod ledger;
mod look;
mod node;
mod operate;
mod options;
mod outcome;
mod picture;
mod policy;
mod record;
mod run;
mod running;
mod sagas;
mod shape;
mod shared;
mod show;
mod state;
mod step;
mod waiting;

pub use barrier::{Barrier, BarrierError, Entered, Leaving, Pass};
pub use contract::Saga;
pub use define::{After, Before, Definition, HasPivot, NoPivot};
pub use error::{OperateError, StartError};
pub use handle::{Deps, Handle};
pub use id::{Do, InvalidKey, InvalidSagaId, Key, SagaId, Undo};
pub use look::{Found, News};
pub use node::Fault;
pub use operate::{By, Cancelled, Entry, Resolution};
pub use options::SagaOptions;
pub use outcome::{Again, Effect, Failure};
pub use picture::{picture, text};
pub use policy::{Policy, Resolve};
pub use running::RunningSagas;
pub use sagas::{Sagas, SagasBuilder, Starting};
pub use shared::SagaStore;
pub use show::{Ended, GivenUp, Listed, Standing};
pub use step::{
    Local, LocalPivot, LocalRetriable, LocalStep, Payload, Pivot, ReadOnly, Retriable, Step,
};

#[cfg(all(test, feature = "testkit"))]
pub(crate) use {
    json::{Json, Out},
    record::{Cause, Record},
    run::{Command, Outcome, Rules, Run, Way},
    shape::{Kind, Shape, StepShape},
    state::{Phase, State},
};
