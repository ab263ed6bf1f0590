//! Sagas: business transactions over several services, which complete or leave nothing behind.
//!
//! A [`Saga`] is a row of steps, each a transaction of its own. Those before the pivot have compensations; when the pivot has
//! happened, those behind it are repeated until they have happened, too. What must not be is not a matter of discipline: a step
//! before the pivot without a compensation, one behind it that can be refused, or a compensation that gives up, does not
//! compile.
//!
//! # What it guarantees
//!
//! If [`Sagas::start`] has returned, or the commit that holds a [`Starting`], the saga ends as [`Ended::Completed`],
//! [`Ended::Compensated`] or, by an operator, [`Ended::Abandoned`]; it may wait for an operator before. Actions and compensations
//! are called at least once, under the same [`Key`] and with the same input; they happen exactly once where the participant keeps a
//! [`Barrier`], or answers a repeated key as the first time, or the step is local. The whole promise, with its tests, is in
//! `docs/guarantees.md`.
//!
//! # Its first saga
//!
//! ```
//! use freehold::backend::memory::MemoryStore;
//! use freehold::saga::{
//!     Again, Before, Definition, Do, Effect, Ended, Failure, HasPivot, Key, Pivot, Resolve, Retriable, Saga,
//!     Sagas, Step, Undo,
//! };
//! # #[derive(Default)] struct Stock; #[derive(Default)] struct Cards; #[derive(Default)] struct Carrier;
//! # impl Stock {
//! #     async fn reserve(&self, _: &Key<Do>, _: &str) -> Result<u32, Failure<String>> { Ok(7) }
//! #     async fn release(&self, _: &Key<Do>) -> Result<(), Again> { Ok(()) }
//! # }
//! # impl Cards { async fn charge(&self, _: &Key<Do>, _: u64) -> Result<(), Failure<String>> { Ok(()) } }
//! # impl Carrier { async fn send(&self, _: &Key<Do>, _: u32) -> Result<(), Again> { Ok(()) } }
//!
//! impl Step for Stock {
//!     const NAME: &'static str = "reserve";
//!     // The stock keeps a barrier: its compensation bars an action that is late.
//!     const RESOLVE: Resolve = Resolve::Tombstone;
//!     type In = String;
//!     type Out = u32;
//!     type Refusal = String;
//!
//!     async fn run(&self, key: &Key<Do>, sku: &String) -> Result<u32, Failure<String>> {
//!         self.reserve(key, sku).await
//!     }
//!
//!     async fn compensate(&self, _: &Key<Undo>, action: &Key<Do>, _: &String, _: Effect<u32>) -> Result<(), Again> {
//!         self.release(action).await
//!     }
//! }
//!
//! impl Pivot for Cards {
//!     const NAME: &'static str = "charge";
//!     type In = u64;
//!     type Out = ();
//!     type Refusal = String;
//!
//!     async fn run(&self, key: &Key<Do>, cents: &u64) -> Result<(), Failure<String>> {
//!         self.charge(key, *cents).await
//!     }
//! }
//!
//! impl Retriable for Carrier {
//!     const NAME: &'static str = "send";
//!     type In = u32;
//!     type Out = ();
//!
//!     async fn run(&self, key: &Key<Do>, shelf: &u32) -> Result<(), Again> {
//!         self.send(key, *shelf).await
//!     }
//! }
//!
//! struct Buy;
//!
//! impl Saga for Buy {
//!     const NAME: &'static str = "buy";
//!     type Input = (String, u64);
//!     type Ending = HasPivot;
//!
//!     fn define(&self, mut steps: Before<Self::Input>) -> Definition<Self::Input, HasPivot> {
//!         let shelf = steps.step(Stock, (), |(sku, _): &(String, u64), ()| sku.clone());
//!         let (_, mut steps) = steps.pivot(Cards, (), |(_, cents): &(String, u64), ()| *cents);
//!         steps.then(Carrier, (shelf,), |_, (shelf,)| *shelf);
//!         steps.build()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sagas = Sagas::builder(MemoryStore::new()).saga(&Buy)?.build();
//! let running = sagas.run()?;
//! let id = sagas.start::<Buy>("order-17", ("85123A".to_owned(), 1_530)).await?;
//! assert_eq!(sagas.ended(&id).await?, Ended::Completed);
//! running.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! A saga's log is a stream of the service's own event store, in the category `saga`: one record for each step that has
//! happened, none for attempts. A state machine without clock, store or participants says what is to be done next; an explorer in
//! the testkit has shown it every fault at every moment. Whoever takes a saga over writes that down first, and every record is
//! written at the version that its writer knows, so that only the newest owner can write. A subscription keeps the list of the
//! sagas that are not over, and with it knows which to take over. See `docs/sagas.md`.
//!
//! Source: Garcia-Molina and Salem, *Sagas*, 1987; Richardson, *Microservices Patterns*, 2018, for the pivot.

mod act;
mod adapt;
mod append;
mod barrier;
mod book;
#[cfg(feature = "testkit")]
mod by_hand;
mod calling;
mod contract;
mod define;
mod desk;
mod drive;
mod each;
mod error;
mod hand;
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

#[cfg(feature = "testkit")]
pub(crate) use {
    act::{Act, Call, Said},
    book::Registered,
    by_hand::{Stage, Written},
    hand::Hand,
    json::{Json, Out},
    node::{Node, Work},
    record::Record,
    run::{Command, Outcome, Way},
    shape::{Kind, Shape},
    state::{Phase, State},
};
#[cfg(all(test, feature = "testkit"))]
pub(crate) use {
    record::{Action, Cause},
    run::{Rules, Run},
    shape::StepShape,
};
