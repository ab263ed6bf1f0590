//! Wallets: a small service as a user of freehold would write it.
//!
//! [`wallet`] is its domain, [`shelf`] a store of its own. The tests use freehold's scenarios, strategies
//! and conformance suite.

pub mod shelf;
pub mod wallet;
