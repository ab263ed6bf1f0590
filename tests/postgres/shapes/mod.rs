//! Every shape that `serde` has goes through a schema and comes back as it was: `round_trip`, with what the tests without a server
//! have.

#[path = "../../it/shapes/any.rs"]
mod any;
#[path = "../../it/fuzz/bodies/shapes.rs"]
mod form;
mod round_trip;
#[path = "../../it/shapes/survive.rs"]
mod survive;
