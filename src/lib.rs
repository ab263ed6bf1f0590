#![cfg_attr(docsrs, feature(doc_cfg))]
//! freehold

pub mod backend;
pub mod event;
mod ports;
#[cfg(feature = "testkit")]
pub mod testkit;
mod types;

pub use ports::*;
pub use types::*;
