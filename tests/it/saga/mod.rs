//! Sagas, run by a real runner on stores in memory and in files.

mod compile;
mod fixture;
mod operate;
mod outcomes;
mod pictures;
mod shapes;
mod versions;
mod waits;
