//! The driver: leads each invoice through the services, by a saga.
//!
//! A saga is a row of steps. Each is one durable commit in one service, under a key that derives from the invoice and the
//! step: asked for twice, it happens once. The sagas are kept in Order's own log, so what is local to Order is one commit with the
//! saga's record of it. A process may die anywhere: the next one that runs sagas takes over what is not over
//! ([`Driver::finish`]). `docs/shop.md` goes through every crash point.
//!
//! In reading order: `sagas`, the rows of steps; `local`, the steps in Order's log, and `steps`, those at other services;
//! `parties`, who takes part; `faults`, what goes wrong on purpose; `flow`, who starts sagas and waits for them; `log`, what is
//! read back of them; `terms`, what must not change between two runs.

mod faults;
mod flow;
mod local;
mod log;
mod parties;
mod sagas;
mod steps;
mod terms;

pub use faults::{Fail, Faults};
pub use flow::Driver;
pub use log::{Known, Outcomes, Waiting};
pub use parties::Services;
