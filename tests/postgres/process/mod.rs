//! Processes whose records are in PostgreSQL: the tests of the other stores, and the fixture, are shared.

#[path = "../../it/process/fixture.rs"]
#[allow(dead_code, reason = "the other tests on memory and files use all of it")]
mod fixture;
#[path = "../../it/process/interleaved.rs"]
mod interleaved;
#[path = "../../it/process/parked.rs"]
mod parked;
mod places;
#[path = "../../it/process/rules.rs"]
mod rules;
