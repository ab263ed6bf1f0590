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

pub use aggregate::{Aggregate, Handle, Repository, UnitOfWork};
pub use event::Event;
pub use ports::*;
pub use types::*;
