//! Projections and sagas in processes of their own, which are killed and frozen at any moment: the log and the views in a
//! schema.

use std::sync::Arc;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore, SchemaName};

use crate::server::{Schemas, pool};

#[path = "../it/processes/archiving.rs"]
mod archiving;
#[path = "../it/processes/errand.rs"]
mod errand;
#[path = "../it/processes/errands.rs"]
mod errands;
#[path = "../it/processes/projector.rs"]
mod projector;
#[path = "../it/processes/rebuilding.rs"]
mod rebuilding;
mod sagas;
#[path = "../it/processes/shared.rs"]
mod shared;

use projector::{Projector, Stores, is_frozen, is_killed, keep_up};

const SCHEMA: &str = "FREEHOLD_PROJECTOR_SCHEMA";
const KILLS: u64 = 12;
const ROUNDS: u64 = 4;
const REBUILD_KILLS: u64 = 6;
const SHARER: &str = "FREEHOLD_SHARER_SCHEMA";
const SHARED_ROUNDS: usize = 3;
const ARCHIVER: &str = "FREEHOLD_ARCHIVER_SCHEMA";
const ARCHIVE_ROUNDS: u64 = 8;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_whose_process_is_killed_goes_on_and_is_never_seen_half_full() {
    const TEST: &str =
        "processes::a_rebuild_whose_process_is_killed_goes_on_and_is_never_seen_half_full";
    if is_projector().await {
        return;
    }
    let schemas = Schemas::new();
    let schema = schemas.name("rebuilding");
    let stores = open(schema.clone()).await;
    rebuilding::is_killed(&stores, starts(TEST, &schema), REBUILD_KILLS).await;
}

/// The same of one of three processes that share the work.
async fn is_sharer() -> bool {
    let Ok(schema) = std::env::var(SHARER) else { return false };
    shared::keep_up(open(SchemaName::new(&schema).unwrap()).await).await;
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_projection_outlives_that_one_process_is_killed_and_one_frozen() {
    const TEST: &str =
        "processes::a_shared_projection_outlives_that_one_process_is_killed_and_one_frozen";
    if is_sharer().await {
        return;
    }
    let schemas = Schemas::new();
    let schema = schemas.name("shared");
    let stores = open(schema.clone()).await;
    let start = || Projector::start(TEST, SHARER, schema.as_str());
    shared::is_decimated(&stores, start, SHARED_ROUNDS).await;
}

/// The same of one that archives.
async fn is_archiver() -> bool {
    let Ok(schema) = std::env::var(ARCHIVER) else { return false };
    archiving::archive(archived(SchemaName::new(&schema).unwrap()).await).await;
    true
}

async fn archived(schema: SchemaName) -> archiving::Kept {
    let options = PostgresOptions { schema, ..PostgresOptions::default() };
    Arc::new(PostgresStore::open_with(pool(4).await, options).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_archive_are_killed_and_no_event_is_lost_or_there_twice() {
    const TEST: &str =
        "processes::those_who_archive_are_killed_and_no_event_is_lost_or_there_twice";
    if is_archiver().await {
        return;
    }
    let schemas = Schemas::new();
    let schema = schemas.name("archive");
    let store = archived(schema.clone()).await;
    let start = || Projector::start(TEST, ARCHIVER, schema.as_str());
    archiving::are_killed(&store, start, ARCHIVE_ROUNDS).await;
    let left = format!("SELECT count(*) FROM ONLY {}.events", schema.as_str());
    let left = sqlx::query(AssertSqlSafe(left)).fetch_one(&pool(1).await).await.unwrap();
    assert_eq!(left.get::<i64, _>(0), 0);
}
