//! Projections and sagas in processes of their own, which are killed and frozen at any moment: the log and the views in a
//! schema.

use std::sync::Arc;

use freehold::backend::postgres::{PostgresOptions, PostgresStore, SchemaName};

use crate::server::{Schemas, pool};

#[path = "../it/processes/errand.rs"]
mod errand;
#[path = "../it/processes/errands.rs"]
mod errands;
#[path = "../it/processes/projector.rs"]
mod projector;
mod sagas;

use projector::{Projector, Stores, is_frozen, is_killed, keep_up};

const SCHEMA: &str = "FREEHOLD_PROJECTOR_SCHEMA";
const KILLS: u64 = 12;
const ROUNDS: u64 = 4;

async fn open(schema: SchemaName) -> Stores {
    let options = PostgresOptions { schema, ..PostgresOptions::default() };
    let store = Arc::new(PostgresStore::open_with(pool(4).await, options).await.unwrap());
    (Arc::clone(&store) as _, store)
}

/// Whether this process is the projector that the test has started; if so, it was one until the test ended.
async fn is_projector() -> bool {
    let Ok(schema) = std::env::var(SCHEMA) else { return false };
    keep_up(open(SchemaName::new(&schema).unwrap()).await).await;
    true
}

fn starts<'s>(test: &'s str, schema: &'s SchemaName) -> impl Fn() -> Projector + 's {
    move || Projector::start(test, SCHEMA, schema.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_is_killed_leaves_every_event_in_the_views_once() {
    const TEST: &str = "processes::a_projector_that_is_killed_leaves_every_event_in_the_views_once";
    if is_projector().await {
        return;
    }
    let schemas = Schemas::new();
    let schema = schemas.name("killed");
    let stores = open(schema.clone()).await;
    is_killed(&stores, starts(TEST, &schema), KILLS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_was_frozen_beyond_its_lease_writes_nothing_any_more() {
    const TEST: &str =
        "processes::a_projector_that_was_frozen_beyond_its_lease_writes_nothing_any_more";
    if is_projector().await {
        return;
    }
    let schemas = Schemas::new();
    let schema = schemas.name("frozen");
    let stores = open(schema.clone()).await;
    is_frozen(&stores, starts(TEST, &schema), ROUNDS).await;
}
