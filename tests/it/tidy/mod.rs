//! The house rules, as tests: who may know whom, how large things grow, what a port owes its readers.
//!
//! Each rule is a function from text to problems, tested on a small bad sample, so that it is seen to be
//! able to fail; and a test that finds no problem in this repository. A failure says where, what, and
//! the mend. The reasons are in `CONTRIBUTING.md`.

mod contracts;
mod documents;
mod floors;
mod manifest;
mod paths;
mod sizes;
mod source;
mod stories;
mod telemetry;
mod words;
