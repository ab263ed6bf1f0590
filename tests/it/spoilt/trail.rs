//! The audit trail reads no payload, so that a spoilt one hides nothing of a flow; a row of its index that is spoilt is named.

use std::time::Duration;

use freehold::trail::{Trail, TrailError, scan};
use freehold::{Commit, EventId, EventName, ExpectedVersion, Metadata, NewEvent, Store};
use tokio::time::timeout;
use uuid::Uuid;

use super::ledger::DAMAGES;
use super::place::Tables;

const FLOW: Uuid = Uuid::from_u128(0xf10);

pub(crate) async fn a_flow_is_whole_over_a_spoilt_record_and_a_spoilt_row_is_named(
    tables: &impl Tables,
) {
    let store = tables.store().await;
    let running = Trail::new(store.clone()).subscription().start();
    let mut last = None;
    for nth in 0..4_u128 {
        let says = Metadata::new().with_correlation(FLOW).with_actor("ann").unwrap();
        let name = EventName::from_static("Paid").unwrap();
        let event = NewEvent::new(EventId::new(Uuid::from_u128(nth + 1)), name, "{}");
        let stream = "account-a".parse().unwrap();
        let commit =
            Commit::new().append(&stream, ExpectedVersion::Any, [event.with_metadata(says)]);
        last = Some(store.commit(commit).await.unwrap().token());
    }
    let reached = running.progress().wait_for(last.unwrap());
    timeout(Duration::from_secs(30), reached).await.expect("it is kept up").unwrap();
    running.stop().await;
    for (name, data, _) in DAMAGES {
        tables.put(2, name, data).await;
        let store = tables.store().await;
        let of_index = Trail::new(store.clone()).of(FLOW).await.unwrap();
        for found in [of_index, scan(&store, FLOW).await.unwrap()] {
            assert_eq!(found.events.len(), 4);
            let drawn = found.tree().to_string();
            assert!(drawn.contains(&format!("account-a@2 {name} by ann")), "{drawn}");
        }
    }
    tables.put_rows("freehold_trail", r#"{"stream":"account-a"}"#).await;
    let error = Trail::new(tables.store().await).of(FLOW).await.unwrap_err();
    let TrailError::Unreadable { row } = &error else { panic!("{error:?}") };
    assert_eq!(row.as_str(), format!("{FLOW}/{:020}", 1));
    assert!(error.to_string().contains(row.as_str()), "{error}");
}
