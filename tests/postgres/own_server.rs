//! What only a server of one's own can show: passwords, TLS, standbys, prepared transactions.

use std::error::Error;

use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use freehold::backend::postgres::sqlx::{Connection, Executor, PgConnection, Row};
use freehold::backend::postgres::{PostgresStore, Standby};
use freehold::{
    CommitError, DataSubject, EventStore, Fault, Filter, Outbox, Position, Store, SubjectKeys,
};

use crate::cluster::Cluster;
use crate::outbox::sends;
use crate::server::one;

/// The positions that a reader of the feed sees.
async fn fed(store: &PostgresStore) -> Vec<u64> {
    let page = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
    page.events.iter().map(|event| event.position().get()).collect()
}

/// Whatever is asked of the feed, of the outbox, or of somebody's keys, it is said that the server is a standby.
async fn is_refused_to_read(store: &PostgresStore) {
    let (start, all) = (Position::START, Filter::all());
    let categories = |names: &[&str]| Filter::categories(names.iter().copied()).unwrap();
    let refusals = [
        store.read_all(start, &all, 9).await.err(),
        store.read_all(start, &categories(&["account"]), 1).await.err(),
        store.read_all(start, &categories(&["account"]), 9).await.err(),
        store.read_all(start, &categories(&["account", "other"]), 1).await.err(),
        store.read_all(start, &categories(&["account", "other"]), 9).await.err(),
        store.head().await.err(),
        store.end().await.err(),
        store.changed(Position::new(1)).await.err(),
        store.outbox_page(start, 9).await.err(),
        store.outbox_head().await.err(),
        store.outbox_end().await.err(),
        store.rings(&[DataSubject::new("customer-1").unwrap()]).await.err(),
    ];
    for (nth, refusal) in refusals.into_iter().enumerate() {
        let error = refusal.unwrap_or_else(|| panic!("read {nth} was answered by a standby"));
        assert_eq!((error.fault(), error.is_transient()), (Fault::ReadOnly, false), "{error:?}");
        assert!(error.source().unwrap().is::<Standby>(), "{error:?}");
    }
}

/// The prepared transactions that hold the feed back.
async fn prepared_holders(session: &mut PgConnection) -> Vec<String> {
    let holders = "SELECT gid FROM freehold.feed_holders
                   WHERE pid IS NULL AND state = 'prepared' AND open_for >= interval '0'";
    session.fetch_all(holders).await.unwrap().iter().map(|row| row.get(0)).collect()
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

/// TLS is the pool's: the store asks for none, and works over it, notifications included.
#[tokio::test]
async fn a_pool_with_tls_reaches_a_server_that_admits_nothing_else() {
    let cluster = Cluster::start_with_tls();
    let pool = |options: PgConnectOptions| {
        let wait = std::time::Duration::from_secs(10);
        PgPoolOptions::new().max_connections(6).acquire_timeout(wait).connect_lazy_with(options)
    };
    let options = || cluster.options().ssl_mode(PgSslMode::VerifyFull);
    let trusting = pool(options().ssl_root_cert(cluster.certificate()));
    let store = PostgresStore::open(trusting.clone()).await.unwrap();
    let select = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                  WHERE backend_type = 'client backend'";
    let woken = tokio::spawn({
        let other = PostgresStore::open(pool(options().ssl_root_cert(cluster.certificate())));
        let other = other.await.unwrap();
        async move { other.changed(Position::START).await }
    });
    let _ = store.commit(one(1, "a")).await.unwrap();
    woken.await.unwrap().unwrap();
    assert_eq!(fed(&store).await, [1]);
    let row = trusting.fetch_one(select).await.unwrap();
    let (encrypted, all): (i64, i64) = (row.get(0), row.get(1));
    assert!(encrypted > 0 && encrypted == all, "{encrypted} of {all}");

    // In the clear it is not let in, and a server that nobody vouches for is not trusted.
    let plain = PostgresStore::open(pool(cluster.options().ssl_mode(PgSslMode::Disable)));
    assert_eq!(plain.await.unwrap_err().fault(), Fault::Denied);
    let strange = PostgresStore::open(pool(options())).await.unwrap_err();
    assert_eq!(strange.fault(), Fault::Unavailable, "{strange:?}");
    assert!(format!("{strange:?}").contains("UnknownIssuer"), "{strange:?}");
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

/// A pool finds another server behind the same address. A standby shows no locks, so every gap would look settled.
#[tokio::test]
async fn a_store_whose_server_has_become_a_standby_goes_beyond_no_gap() {
    let mut cluster = Cluster::start();
    let store = PostgresStore::open(cluster.pool()).await.unwrap();
    let mut session = PgConnection::connect_with(&cluster.options()).await.unwrap();
    for commit in [one(1, "a"), sends(2, "a")] {
        let _ = store.commit(commit).await.unwrap();
    }
    let mut tx = session.begin().await.unwrap();
    for commit in [one(3, "b"), sends(4, "b")] {
        let _ = store.commit_in(&mut tx, commit).await.unwrap();
    }
    for commit in [one(5, "a"), sends(6, "a")] {
        let _ = store.commit(commit).await.unwrap();
    }
    assert_eq!(fed(&store).await, [1], "what is beyond the gap is not settled");
    cluster.kill();
    cluster.write("standby.signal", "");
    cluster.start_again();

    is_refused_to_read(&store).await;
    let CommitError::Backend(error) = store.commit(one(7, "a")).await.unwrap_err() else {
        panic!("a standby has taken a commit")
    };
    assert_eq!(error.fault(), Fault::ReadOnly, "{error:?}");

    // Promoted, it is a primary as any other.
    cluster.pool().execute("SELECT pg_promote()").await.unwrap();
    assert_eq!(fed(&store).await, [1, 3]);
    assert_eq!(store.outbox_page(Position::START, 9).await.unwrap().events.len(), 2);
}

/// What it has not replayed yet looks as if it was not there, without any gap.
#[tokio::test]
async fn a_standby_that_lags_behind_is_refused() {
    for replayed in [0, 2] {
        let mut cluster = Cluster::start();
        let store = PostgresStore::open(cluster.pool()).await.unwrap();
        let write = async |from: u128| {
            for n in [from, from + 2] {
                let _ = store.commit(one(n, "a")).await.unwrap();
                let _ = store.commit(sends(n + 1, "a")).await.unwrap();
            }
        };
        if replayed > 0 {
            write(1).await;
        }
        cluster.kill();
        cluster.keep();
        cluster.start_again();
        write(11).await;
        assert_eq!(fed(&store).await.len(), replayed + 2, "so much is known to be settled");
        assert_eq!(store.outbox_page(Position::START, 9).await.unwrap().events.len(), replayed + 2);
        cluster.kill();
        cluster.go_back();
        cluster.write("standby.signal", "");
        cluster.start_again();
        is_refused_to_read(&store).await;
    }
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
        assert_eq!(prepared_holders(&mut session).await, ["p"]);
        let _ = store.commit(one(n + 1, "a")).await.unwrap();
        assert_eq!(fed(&store).await, before, "what comes next may still appear before it");
        session.execute(end).await.unwrap();
        assert_eq!(fed(&store).await, after);
        assert!(prepared_holders(&mut session).await.is_empty());
    }
}
