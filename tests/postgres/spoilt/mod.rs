//! What somebody has spoilt in the tables of a schema is an error that names its place: `schema`, with what the tests on files have.

#[path = "../../it/spoilt/follows.rs"]
mod follows;
#[path = "../../it/spoilt/ledger.rs"]
mod ledger;
#[path = "../../it/spoilt/place.rs"]
mod place;
#[path = "../../it/spoilt/reads.rs"]
mod reads;
#[path = "../../it/spoilt/saga.rs"]
mod saga;
mod schema;
#[path = "../../it/spoilt/trail.rs"]
mod trail;
