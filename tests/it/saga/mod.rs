//! Sagas, run by a real runner on stores in memory and in files.

mod fixture;
mod operate;
mod outcomes;
mod shapes;
mod waits;
