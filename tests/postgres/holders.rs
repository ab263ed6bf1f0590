//! Who holds the feed back is told: his process, for how long, and doing what, as far as one's own role may know.

use std::time::Duration;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};

use crate::errors::Role;
use crate::outbox::sends;
use crate::server::{Schemas, one, pool};

/// What a view tells of one who holds a log back.
#[derive(Debug)]
struct Holder {
    pid: Option<i32>,
    open_for: Option<Duration>,
    state: Option<String>,
    query: Option<String>,
    gid: Option<String>,
}

async fn holders(pool: &PgPool, view: &str) -> Vec<Holder> {
    let select = format!(
        "SELECT pid, (extract(epoch FROM open_for) * 1000000)::bigint, state, query, gid FROM {view}"
    );
    let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(pool).await.unwrap();
    let holder = |row: sqlx::postgres::PgRow| Holder {
        pid: row.get(0),
        open_for: row.get::<Option<i64>, _>(1).map(|n| Duration::from_micros(n as u64)),
        state: row.get(2),
        query: row.get(3),
        gid: row.get(4),
    };
    rows.into_iter().map(holder).collect()
}

#[tokio::test]
async fn who_holds_the_feed_back_is_told_with_his_query_to_his_own_role_alone() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let (holding, schema) = (pool(2).await, schemas.name("log").as_str().to_owned());
    let role = Role::new().await;
    let grant = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT ON {schema}.feed_holders, {schema}.outbox_holders TO {role}",
        role = role.0
    );
    holding.execute(sqlx::raw_sql(AssertSqlSafe(grant))).await.unwrap();
    let stranger = role.pool().await;

    let mut told = Vec::new();
    for (view, commit) in [("feed_holders", one(1, "a")), ("outbox_holders", sends(2, "a"))] {
        let view = format!("{schema}.{view}");
        assert!(holders(&holding, &view).await.is_empty());
        let mut tx = holding.begin().await.unwrap();
        let began = "SELECT pg_backend_pid(), txid_current()::text";
        let pid: i32 = tx.fetch_one(began).await.unwrap().get(0);
        let _ = store.commit_in(&mut tx, commit).await.unwrap();
        tx.execute("SELECT pg_sleep(0.02), 'I hold it'").await.unwrap();
        let (own, other) = (holders(&holding, &view).await, holders(&stranger, &view).await);
        tx.rollback().await.unwrap();
        told.push((pid, own, other));
    }
    stranger.close().await;
    role.drop_it().await;
    // Judged when nothing is open any more that the clearing away would wait for.
    for (pid, own, other) in told {
        let [own] = &own[..] else { panic!("{own:?}") };
        assert_eq!((own.pid, own.state.as_deref()), (Some(pid), Some("idle in transaction")));
        assert!(own.open_for.unwrap() >= Duration::from_millis(20), "{own:?}");
        assert!(own.query.as_ref().unwrap().contains("'I hold it'"), "{own:?}");
        assert_eq!(own.gid, None);
        let [other] = &other[..] else { panic!("{other:?}") };
        assert_eq!((other.pid, other.open_for), (Some(pid), None), "{other:?}");
        assert!(!other.query.as_ref().unwrap().contains("hold"), "{other:?}");
    }
}
