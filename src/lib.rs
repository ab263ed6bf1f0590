#![cfg_attr(docsrs, feature(doc_cfg))]
//! freehold

pub mod aggregate;
pub mod backend;
pub mod event;
mod ports;
pub mod retry;
#[cfg(feature = "testkit")]
pub mod testkit;
mod types;

pub use aggregate::contract::{Aggregate, Handle};
pub use aggregate::repository::Repository;
pub use aggregate::unit_of_work::UnitOfWork;
pub use event::contract::Event;
pub use ports::*;
pub use types::*;
