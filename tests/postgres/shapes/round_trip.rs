//! A schema for each case.

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Builder;

use super::any::shape;
use super::survive::survive;
use crate::server::Schemas;

#[test]
fn an_event_of_any_shape_survives_in_a_schema() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    TestRunner::new(Config::with_cases(12))
        .run(&vec(shape(), 1..12), |shapes| {
            let schemas = Schemas::new();
            runtime.block_on(async { survive(&schemas.store("log").await, &shapes).await })
        })
        .unwrap();
}
