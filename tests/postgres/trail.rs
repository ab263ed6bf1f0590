//! The audit trail: the index of flows is a table beside the events.

use freehold::trail::{Trail, scan};
use freehold::{Commit, EventId, EventName, ExpectedVersion, Metadata, NewEvent, Store};
use uuid::Uuid;

use crate::server::{Schemas, pool};

/// A handle of another process asks while nobody keeps the index up any more.
#[tokio::test]
async fn the_events_of_a_flow_are_found_by_the_index_as_by_reading_all() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let running = Trail::new(store.clone()).subscription().start();
    let mut last = None;
    for nth in 0..60 {
        let says = Metadata::new().with_correlation(Uuid::from_u128(nth % 3));
        let name = EventName::from_static("Noted").unwrap();
        let event = NewEvent::new(EventId::new(Uuid::now_v7()), name, "{}").with_metadata(says);
        let stream = format!("order-{}", nth % 2).parse().unwrap();
        let commit = Commit::new().append(&stream, ExpectedVersion::Any, [event]);
        last = Some(store.commit(commit).await.unwrap().token());
    }
    running.progress().wait_for(last.unwrap()).await.unwrap();
    running.stop().await;
    let other = schemas.store("log").await;
    for flow in (0..4).map(Uuid::from_u128) {
        let found = Trail::new(other.clone()).of(flow).await.unwrap();
        let all = scan(&other, flow).await.unwrap();
        assert_eq!((&found.events, found.lag), (&all.events, all.lag));
        assert_eq!(
            (found.events.len(), found.at),
            (if flow.as_u128() < 3 { 20 } else { 0 }, last.unwrap())
        );
    }
    let count = format!(
        "SELECT count(*) FROM {}.view_freehold_trail",
        schemas.options("log").schema.as_str()
    );
    let rows: i64 =
        sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&pool(1).await).await.unwrap();
    assert_eq!(rows, 60);
}
