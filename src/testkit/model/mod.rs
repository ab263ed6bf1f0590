//! A store beside a simple model of one: random calls, every answer compared.
//!
//! [`agrees`] draws sequences of commits (over several streams, with every kind of expectation, checks,
//! closings and inbox keys), repetitions, reused ids, reads of all kinds and reopenings, makes the calls, and
//! compares each answer with what the contract of the ports lets a store say. A sequence that goes wrong
//! is shrunk to a short one, and the seed that finds it again is printed.

mod calls;
mod compare;
mod expect;
mod plan;
mod reads;
mod search;
mod verdict;

pub use search::{agrees, agrees_from};
