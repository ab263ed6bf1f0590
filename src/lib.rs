#![cfg_attr(docsrs, feature(doc_cfg))]
//! freehold

mod ports;
mod types;
pub mod event;

pub use ports::*;
pub use types::*;
