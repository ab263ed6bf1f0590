//! What a role needs to read and write rows, and what it is refused without.

use std::time::Duration;

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor};
use freehold::{Commit, Fault, Leases, RowSet, RowStore, RowsWanted, Store};

use crate::errors::{Role, backend_error};
use crate::server::{
    Schemas, advance, all_rows, granted, job, key, one, owner, pool, put, shown, stream,
};

const LONG: Duration = Duration::from_mins(10);

#[tokio::test]
async fn a_role_without_rights_to_rows_is_denied_and_with_those_of_the_guide_is_not() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    store.prepare(&shown()).await.unwrap();
    let role = Role::new().await;
    let schema = schemas.name("log").as_str().to_owned();
    let grant = async |rights: &str| {
        let rights = rights.replace("{s}", &schema).replace("{role}", &role.0);
        pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(rights))).await.unwrap();
    };
    grant(
        "GRANT USAGE ON SCHEMA {s} TO {role};
         GRANT SELECT ON {s}.log, {s}.migrations, {s}.events, {s}.streams TO {role};
         GRANT INSERT ON {s}.events TO {role};
         GRANT INSERT, UPDATE ON {s}.streams TO {role};
         GRANT USAGE ON SEQUENCE {s}.positions TO {role}",
    )
    .await;
    let other = PostgresStore::open_with(role.pool().await, schemas.options("log")).await.unwrap();
    let wanted = RowsWanted::Keys(vec![key("a")]);
    other.prepare(&shown()).await.unwrap();
    let strange = RowSet::new("strange").unwrap();
    let denied = [
        other.prepare(&strange).await.unwrap_err(),
        other.rows(&shown(), &wanted, None).await.unwrap_err(),
        other.claim(&job(), owner(1), LONG).await.unwrap_err(),
        other.lease(&job()).await.unwrap_err(),
        backend_error(other.commit(Commit::new().rows([put("a", "1")])).await),
        backend_error(other.commit(one(1, "a").rows([put("a", "1")])).await),
    ];
    for error in denied {
        assert_eq!(error.fault(), Fault::Denied, "{error:?}");
    }
    let version = freehold::EventStoreExt::version(&store, &stream("a")).await.unwrap();
    assert_eq!(version, freehold::StreamVersion::NONE);
    // Events alone it may write.
    let _ = other.commit(one(1, "a")).await.unwrap();

    grant(
        "GRANT SELECT, INSERT, UPDATE ON {s}.leases, {s}.checkpoints TO {role};
         GRANT SELECT ON {s}.inline TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON {s}.view_shown TO {role}",
    )
    .await;
    let lease = granted(&other, owner(1), LONG).await;
    let commit = Commit::new().rows([put("a", "1")]).advance(advance(&other, &lease, 0, 1));
    let _ = other.commit(commit).await.unwrap();
    assert!(other.renew(&lease, LONG).await.unwrap());
    other.release(&lease).await.unwrap();
    assert_eq!(all_rows(&other).await.len(), 1);
    drop(other);
    role.drop_it().await;
}
