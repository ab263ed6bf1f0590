//! What somebody has spoilt in the tables of a log is an error that names its place, whoever reads it, and nothing is skipped.
//!
//! `place` is a log of which some records can be spoilt and mended, by SQL; `ledger` is what is in it. `reads` are those who read a
//! stream, `follows` those who follow the feed, `saga` and `trail` those with logs and indexes of their own. `file` runs all of it on
//! files, `values` is what JSON has not.

mod file;
mod follows;
mod ledger;
mod place;
mod reads;
mod saga;
mod trail;
mod values;
