//! What only a server of one's own can show: passwords, standbys, prepared transactions.

use std::error::Error;

use freehold::backend::postgres::sqlx::postgres::PgPoolOptions;
use freehold::backend::postgres::sqlx::{Connection, Executor, PgConnection};
use freehold::backend::postgres::{PostgresStore, Standby};
use freehold::{EventStore, Fault, Filter, Position, Store};

use crate::cluster::Cluster;
use crate::server::one;

/// The positions that a reader of the feed sees.
async fn fed(store: &PostgresStore) -> Vec<u64> {
    let page = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
    page.events.iter().map(|event| event.position().get()).collect()
}

#[tokio::test]
async fn a_wrong_password_is_denied_and_not_told() {
    let cluster = Cluster::start_with_password("right");
    let open = async |password: &str| {
        let options = cluster.options().password(password);
        PostgresStore::open(PgPoolOptions::new().connect_lazy_with(options)).await
    };
    let error = open("guess").await.unwrap_err();
    assert_eq!((error.fault(), error.is_transient()), (Fault::Denied, false), "{error:?}");
    assert!(!format!("{error:?}").contains("guess"));
    let store = open("right").await.unwrap();
    let _ = store.commit(one(1, "a")).await.unwrap();
}

#[tokio::test]
async fn a_standby_is_refused_with_the_reason() {
    let mut cluster = Cluster::start();
    let store = PostgresStore::open(cluster.pool()).await.unwrap();
    let _ = store.commit(one(1, "a")).await.unwrap();
    drop(store);
    cluster.kill();
    cluster.write("standby.signal", "");
    cluster.start_again();
    let error = PostgresStore::open(cluster.pool()).await.unwrap_err();
    assert_eq!(error.fault(), Fault::ReadOnly, "{error:?}");
    assert!(error.source().unwrap().is::<Standby>(), "{error:?}");
}

/// It has no session any more, and holds the lock all the same.
#[tokio::test]
async fn the_feed_waits_for_a_prepared_transaction() {
    let cluster = Cluster::start_with(&["max_prepared_transactions=4"]);
    let store = PostgresStore::open(cluster.pool()).await.unwrap();
    let mut session = PgConnection::connect_with(&cluster.options()).await.unwrap();
    let _ = store.commit(one(1, "a")).await.unwrap();
    for (n, end, before, after) in [
        (2, "COMMIT PREPARED 'p'", vec![1], vec![1, 2, 3]),
        (4, "ROLLBACK PREPARED 'p'", vec![1, 2, 3], vec![1, 2, 3, 5]),
    ] {
        session.execute("BEGIN").await.unwrap();
        let _ = store.commit_in(&mut session, one(n, "prepared")).await.unwrap();
        session.execute("PREPARE TRANSACTION 'p'").await.unwrap();
        let _ = store.commit(one(n + 1, "a")).await.unwrap();
        assert_eq!(fed(&store).await, before, "what comes next may still appear before it");
        session.execute(end).await.unwrap();
        assert_eq!(fed(&store).await, after);
    }
}
