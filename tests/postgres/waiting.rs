//! Waiting for a view while the feed is held back.

use std::time::Duration;

use freehold::backend::postgres::sqlx::Connection;
use freehold::consistency::Behind;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views, Want};
use freehold::{Event, EventStore, Store};
use serde::{Deserialize, Serialize};

use crate::server::{Schemas, one, pool};

#[derive(Serialize, Deserialize)]
enum Account {
    Opened { n: u64 },
}

impl Event for Account {
    const CATEGORY: &'static str = "account";
}

struct Opened;

impl Projection for Opened {
    const NAME: &'static str = "opened";
    type View = u64;
    type Events = Account;
    type Level = Eventual<1_000>;
}

impl On<Account> for Opened {
    fn on(&self, event: &Recorded<'_, Account>, views: &mut Views<'_, u64>) {
        let Account::Opened { n } = event.event();
        views.set("last", *n);
    }
}

/// A transaction that is open holds the feed back, so a commit behind it cannot be seen yet. Its token is not taken for one
/// that was made up.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_behind_an_open_transaction_is_waited_for() {
    let schemas = Schemas::new();
    let store = schemas.store("waiting").await;
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let kept = reads.run(Opened);
    let view = reads.view::<Opened>();
    let patience = Duration::from_mins(1);
    let first = store.commit(one(1, "first")).await.unwrap();
    view.wait_for(first.token(), patience).await.unwrap();

    let mut connection = pool(1).await.acquire().await.unwrap().detach();
    let mut tx = connection.begin().await.unwrap();
    drop(store.commit_in(&mut tx, one(2, "open")).await.unwrap());
    let token = store.commit(one(3, "behind")).await.unwrap().token();
    assert!(store.head().await.unwrap() < token.position(), "the feed is not held back");
    assert_eq!(store.end().await.unwrap(), token.position());
    let behind = view.wait_for(token, Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(behind, Behind::TimedOut { .. }), "{behind:?}");
    let head = view.get("last").want(Want::Head).within(Duration::from_millis(200));
    let stale = head.or_stale().await.unwrap();
    assert!(!stale.met, "{stale:?}");

    tx.rollback().await.unwrap();
    view.wait_for(token, patience).await.unwrap();
    let fresh = view.get("last").want(Want::Head).await.unwrap();
    assert_eq!((fresh.value, fresh.met), (Some(3), true));
    kept.stop().await;
}
