//! Sagas whose logs are in PostgreSQL: the tests of the other stores, and the fixture, are shared.

#[path = "../../it/saga/exact.rs"]
mod exact;
#[path = "../../it/saga/fixture.rs"]
#[allow(dead_code, reason = "the other tests on memory and files use all of it")]
mod fixture;
#[path = "../../it/saga/outcomes.rs"]
mod outcomes;
mod places;
#[path = "../../it/saga/runners.rs"]
mod runners;
#[path = "../../it/saga/starts.rs"]
mod starts;
#[path = "../../it/saga/trouble.rs"]
mod trouble;
