//! For each clause of the conformance suite, a store that breaks just that promise: the suite must see
//! it.
//!
//! [`flaw`] wraps a store in memory; [`store`], [`repeats`], [`reading`] and [`feed`] hold the mutants by what they
//! break; [`roll`] says which clause kills which; [`killed`] sees that it does.

mod feed;
mod flaw;
mod killed;
mod reading;
mod repeats;
mod roll;
mod store;
