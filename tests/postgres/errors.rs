//! Trouble, told so that somebody can act on it, with nothing half written.

use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool};
use freehold::backend::postgres::{NewerSchema, PostgresOptions, PostgresStore};
use freehold::{
    BackendError, Commit, CommitError, EventName, EventStore, EventStoreExt, ExpectedVersion,
    Fault, InvalidCommit, NewEvent, Store, StreamVersion,
};
use uuid::Uuid;

use crate::server::{Schemas, event, one, pool, stream, url};

/// A role that can log in and has no rights; dropped by [`Role::drop_it`].
pub(crate) struct Role(pub(crate) String);

impl Role {
    pub(crate) async fn new() -> Self {
        let name = format!("freehold_{}", Uuid::now_v7().simple());
        let create = format!("CREATE ROLE {name} LOGIN PASSWORD 'right'");
        pool(1).await.execute(AssertSqlSafe(create)).await.unwrap();
        Self(name)
    }

    fn options(&self) -> PgConnectOptions {
        url().parse::<PgConnectOptions>().unwrap().username(&self.0).password("right")
    }

    pub(crate) async fn pool(&self) -> PgPool {
        PgPoolOptions::new().max_connections(2).connect_with(self.options()).await.unwrap()
    }

    pub(crate) async fn drop_it(self) {
        let name = &self.0;
        let drop = format!("DROP OWNED BY {name}; DROP ROLE {name}");
        pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await.unwrap();
    }
}

async fn fails_to_open(pool: PgPool, options: PostgresOptions) -> BackendError {
    PostgresStore::open_with(pool, options).await.unwrap_err()
}

pub(crate) fn backend_error(answer: Result<freehold::Committed, CommitError>) -> BackendError {
    match answer.unwrap_err() {
        CommitError::Backend(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable() {
    // Nobody listens on the discard port.
    let options = url().parse::<PgConnectOptions>().unwrap().host("127.0.0.1").port(9);
    let pool = PgPoolOptions::new()
        .acquire_timeout(std::time::Duration::from_millis(300))
        .connect_lazy_with(options);
    let error = fails_to_open(pool, PostgresOptions::default()).await;
    assert_eq!(error.fault(), Fault::Unavailable);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_missing() {
    let options = url().parse::<PgConnectOptions>().unwrap().database("freehold_no_such");
    let pool = PgPoolOptions::new().connect_lazy_with(options);
    let error = fails_to_open(pool, PostgresOptions::default()).await;
    assert_eq!(error.fault(), Fault::Missing, "{error:?}");
}

#[tokio::test]
async fn a_role_without_rights_is_denied_and_writes_nothing() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let role = Role::new().await;
    let error = fails_to_open(role.pool().await, schemas.options("other")).await;
    assert_eq!(error.fault(), Fault::Denied, "it may not create a schema: {error:?}");
    let error = fails_to_open(role.pool().await, schemas.options("log")).await;
    assert_eq!(error.fault(), Fault::Denied, "it may not look into the schema: {error:?}");

    // It may read, and not write.
    let schema = schemas.name("log").as_str().to_owned();
    let grant = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        role = role.0
    );
    pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(grant))).await.unwrap();
    let reader = PostgresStore::open_with(role.pool().await, schemas.options("log")).await.unwrap();
    let error = backend_error(reader.commit(one(1, "a")).await);
    assert_eq!((error.fault(), error.is_transient()), (Fault::Denied, false));
    assert_eq!(reader.version(&stream("a")).await.unwrap(), StreamVersion::NONE);
    let _ = store.commit(one(1, "a")).await.unwrap();
    assert_eq!(reader.head().await.unwrap().get(), 1);

    // With what the guide says that it needs, it may write.
    let grant = format!(
        "GRANT INSERT ON {schema}.events, {schema}.inbox TO {role};
         GRANT INSERT, UPDATE ON {schema}.streams TO {role};
         GRANT USAGE ON SEQUENCE {schema}.positions TO {role}",
        role = role.0
    );
    pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(grant))).await.unwrap();
    let _ = reader.commit(one(2, "a")).await.unwrap();
    drop(reader);
    role.drop_it().await;
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_left_alone() {
    let schemas = Schemas::new();
    drop(schemas.store("log").await);
    let schema = schemas.name("log");
    let insert = format!("INSERT INTO {}.migrations VALUES (99, now())", schema.as_str());
    pool(1).await.execute(AssertSqlSafe(insert)).await.unwrap();
    let error = fails_to_open(pool(1).await, schemas.options("log")).await;
    assert_eq!(error.fault(), Fault::NewerSchema);
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<NewerSchema>().unwrap();
    assert_eq!((source.found, source.known), (99, 8));
}

#[tokio::test]
async fn a_schema_that_is_dropped_under_the_store_is_missing() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let drop = format!("DROP SCHEMA {} CASCADE", schemas.name("log").as_str());
    pool(1).await.execute(AssertSqlSafe(drop)).await.unwrap();
    assert_eq!(backend_error(store.commit(one(1, "a")).await).fault(), Fault::Missing);
    let error = store.read_tail(&stream("a"), StreamVersion::NONE).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Missing);
}

/// From now on this happens whenever an event is written to a stream.
async fn events_of(schemas: &Schemas, stream: &str, happens: &str) {
    let trigger = "CREATE FUNCTION {s}.upon() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.stream = '{stream}' THEN {happens}; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER upon BEFORE INSERT ON {s}.events FOR EACH ROW EXECUTE FUNCTION {s}.upon()";
    let trigger = trigger.replace("{s}", schemas.name("log").as_str());
    let trigger = trigger.replace("{stream}", stream).replace("{happens}", happens);
    pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(trigger))).await.unwrap();
}

/// PostgreSQL says `53100` when its disk is full; here a trigger says it.
#[tokio::test]
async fn a_full_disk_is_full_and_a_neighbour_in_the_group_is_not() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    events_of(&schemas, "large", "RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'").await;
    let both = Commit::new().append(&stream("small"), ExpectedVersion::Any, [event(1)]).append(
        &stream("large"),
        ExpectedVersion::Any,
        [event(2)],
    );
    let (left, full, right) =
        tokio::join!(store.commit(one(3, "a")), store.commit(both), store.commit(one(4, "b")));
    assert_eq!(backend_error(full).fault(), Fault::Full);
    let _ = (left.unwrap(), right.unwrap());
    assert_eq!(store.version(&stream("small")).await.unwrap(), StreamVersion::NONE);
}

/// PostgreSQL says `57014` of a statement that somebody cancels, and of one that takes longer than its `statement_timeout`.
#[tokio::test]
async fn a_statement_that_is_cancelled_is_busy_and_its_neighbours_in_the_group_are_not() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    events_of(&schemas, "slow", "PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(600)").await;
    let (left, slow, right) = tokio::join!(
        store.commit(one(1, "a")),
        store.commit(one(2, "slow")),
        store.commit(one(3, "b"))
    );
    let error = backend_error(slow);
    assert_eq!((error.fault(), error.is_transient()), (Fault::Busy, true), "{error:?}");
    let _ = (left.unwrap(), right.unwrap());
    assert_eq!(store.version(&stream("slow")).await.unwrap(), StreamVersion::NONE);
}

#[tokio::test]
async fn a_server_that_only_reads_is_read_only() {
    let schemas = Schemas::new();
    drop(schemas.store("log").await);
    let options = url()
        .parse::<PgConnectOptions>()
        .unwrap()
        .options([("default_transaction_read_only", "on")]);
    let pool = PgPoolOptions::new().connect_with(options).await.unwrap();
    let error = fails_to_open(pool.clone(), schemas.options("other")).await;
    assert_eq!(error.fault(), Fault::ReadOnly, "{error:?}");
    let store = PostgresStore::open_with(pool, schemas.options("log")).await.unwrap();
    assert_eq!(backend_error(store.commit(one(1, "a")).await).fault(), Fault::ReadOnly);
    assert_eq!(store.head().await.unwrap().get(), 0);
}

#[tokio::test]
async fn an_event_beyond_the_limit_is_refused_before_it_is_sent_and_one_of_10_mb_can_be_allowed() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let name = EventName::from_static("Large").unwrap();
    let large = NewEvent::new(event(1).id(), name, vec![b' '; 10 << 20]);
    let commit = Commit::new().append(&stream("a"), ExpectedVersion::Any, [large]);
    let refused = store.commit(commit.clone()).await.unwrap_err();
    assert!(matches!(refused, CommitError::Invalid(InvalidCommit::TooLarge { .. })));

    let mut options = schemas.options("log");
    options.limits.bytes_per_event_max = 10 << 20;
    let store = PostgresStore::open_with(pool(2).await, options).await.unwrap();
    let _ = store.commit(commit).await.unwrap();
    let events = store.read_tail(&stream("a"), StreamVersion::NONE).await.unwrap();
    assert_eq!(events[0].data().len(), 10 << 20);
}

#[tokio::test]
async fn many_processes_open_an_empty_schema_at_once() {
    let schemas = Schemas::new();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let options = schemas.options("log");
            tokio::spawn(async move {
                PostgresStore::open_with(pool(1).await, options).await.unwrap().identity()
            })
        })
        .collect();
    let mut logs = Vec::new();
    for one in opening {
        logs.push(one.await.unwrap());
    }
    logs.dedup();
    assert_eq!(logs.len(), 1);
}

/// As large as the limits allow.
#[tokio::test]
async fn a_commit_of_10_000_events_and_one_over_10_000_streams_are_written() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let long = Commit::new().append(&stream("a"), ExpectedVersion::Any, (1..=10_000).map(event));
    let _ = store.commit(long).await.unwrap();
    let wide = (1..=10_000).fold(Commit::new(), |commit, n| {
        let stream = stream(&format!("wide{n}"));
        commit.append(&stream, ExpectedVersion::NoStream, [event(10_000 + n)])
    });
    let committed = store.commit(wide).await.unwrap();
    assert_eq!(committed.positions().unwrap().end().get(), 20_000);
    assert_eq!(store.head().await.unwrap().get(), 20_000);
}

/// Somebody holds a stream for long: others of the same process go on, and the one who waits is told.
#[tokio::test]
async fn a_stream_that_is_held_for_long_is_busy_and_others_go_on() {
    let schemas = Schemas::new();
    let mut options = schemas.options("log");
    options.lock_timeout = std::time::Duration::from_millis(20);
    options.retries_max = 3;
    let store = PostgresStore::open_with(pool(8).await, options).await.unwrap();
    let pool = pool(1).await;
    let mut tx = pool.begin().await.unwrap();
    let staged = store.commit_in(&mut tx, one(1, "a")).await.unwrap();
    // More than there are groups at a time, beside one that touches nothing of it.
    let held = futures::future::join_all((2..10).map(|n| store.commit(one(n, "a"))));
    let (held, free) = tokio::join!(held, store.commit(one(20, "b")));
    let _ = free.unwrap();
    for answer in held {
        assert_eq!(backend_error(answer).fault(), Fault::Busy);
    }
    tx.commit().await.unwrap();
    let _ = staged.committed();
    let _ = store.commit(one(2, "a")).await.unwrap();
    assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::new(2));
}
