//! Sagas, run by a real runner on stores in memory and in files.

mod barrier;
mod closed;
mod exact;
mod explored;
mod fixture;
mod impatience;
mod operate;
mod outcomes;
mod pictures;
mod places;
mod restarts;
mod runners;
mod shapes;
mod starts;
mod telemetry;
mod trouble;
mod unknown;
mod unreadable;
mod unwritable;
mod versions;
mod waits;
