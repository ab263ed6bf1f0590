//! Sagas, run by a real runner on stores in memory and in files.

mod explored;
mod fixture;
mod operate;
mod outcomes;
mod owners;
mod shapes;
mod waits;
