//! The archive is a table that inherits from that of events: whoever reads events reads both.

use std::time::Duration;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    Archive, Archived, BackendError, Closing, Commit, CommitError, EventStore, EventStoreExt,
    ExpectedVersion, Fault, Filter, Position, RecordedEvent, Store, StreamVersion,
};

use crate::errors::Role;
use crate::server::{Schemas, event, one, pool, stream};

/// A commit that closes a stream with its last event.
fn closing(n: u128, to: &str) -> Commit {
    let last = [event(n), Closing::because("over").event(event(n + 1).id())];
    Commit::new().append(&stream(to), ExpectedVersion::Any, last)
}

async fn run(sql: &str, schemas: &Schemas) -> Result<(), sqlx::Error> {
    let sql = sql.replace("{s}", schemas.name("log").as_str());
    pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop)
}

async fn count(sql: &str, schemas: &Schemas) -> i64 {
    let sql = sql.replace("{s}", schemas.name("log").as_str());
    pool(1).await.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0)
}

async fn places(schemas: &Schemas) -> (i64, i64) {
    let grows = count("SELECT count(*) FROM ONLY {s}.events", schemas).await;
    (grows, count("SELECT count(*) FROM {s}.archive", schemas).await)
}

async fn feed(store: &PostgresStore) -> Vec<RecordedEvent> {
    store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap().events
}

#[tokio::test]
async fn events_of_closed_streams_leave_the_table_of_the_others_and_are_read_as_before() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    for n in 0..20 {
        let _ = store.commit(one(100 + n, "over")).await.unwrap();
        let _ = store.commit(one(200 + n, "open")).await.unwrap();
    }
    let _ = store.commit(closing(500, "over")).await.unwrap();
    let before = feed(&store).await;
    assert_eq!(places(&schemas).await, (42, 0));
    assert_eq!(store.archive(5).await.unwrap(), Archived::new(5, 0, true));
    assert_eq!(places(&schemas).await, (37, 5));
    assert_eq!(store.archive(100).await.unwrap(), Archived::new(17, 1, false));
    assert_eq!(places(&schemas).await, (20, 22));
    assert_eq!(feed(&store).await, before);
    // With SQL of one's own, too, and in a store that is opened now.
    assert_eq!(count("SELECT count(*) FROM {s}.events", &schemas).await, 42);
    assert_eq!(feed(&schemas.store("log").await).await, before);
    assert_eq!(store.head().await.unwrap().get(), 42, "the newest event is an archived one");
}

/// The newest events are archived, and behind them somebody has drawn a position that cannot be seen yet.
#[tokio::test]
async fn an_archived_event_is_no_gap_and_a_gap_stays_one() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let _ = store.commit(closing(1, "over")).await.unwrap();
    // The first step waits for all who write.
    assert_eq!(store.archive(1).await.unwrap(), Archived::new(1, 0, true));
    let own = pool(1).await;
    let mut tx = own.begin().await.unwrap();
    let staged = store.commit_in(&mut tx, one(3, "slow")).await.unwrap();
    let _ = store.commit(closing(4, "late")).await.unwrap();
    while store.archive(1).await.unwrap().has_more {}
    assert_eq!(places(&schemas).await, (0, 4));
    // Also for a store that knows nothing yet.
    let anew = schemas.store("log").await;
    for store in [&store, &anew] {
        let page = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
        let positions: Vec<_> = page.events.iter().map(|event| event.position().get()).collect();
        assert_eq!((positions, page.upto.get()), (vec![1, 2], 2));
        assert_eq!(store.head().await.unwrap(), Position::new(2));
        assert_eq!(store.end().await.unwrap(), Position::new(5));
    }
    tx.commit().await.unwrap();
    assert_eq!(staged.committed().token().position(), Position::new(3));
    for store in [&store, &anew] {
        let page = store.read_all(Position::new(2), &Filter::all(), 9).await.unwrap();
        let positions: Vec<_> = page.events.iter().map(|event| event.position().get()).collect();
        assert_eq!((positions, page.upto.get()), (vec![3, 4, 5], 5));
        assert_eq!(store.head().await.unwrap(), Position::new(5));
    }
}

#[tokio::test]
async fn a_closed_stream_is_a_value_in_the_users_transaction_which_lives_on() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let _ = store.commit(closing(1, "over")).await.unwrap();
    for _ in 0..2 {
        let own = pool(1).await;
        let mut tx = own.begin().await.unwrap();
        let late = one(5, "other").append(&stream("over"), StreamVersion::new(9), [event(6)]);
        let refused = store.commit_in(&mut tx, late).await.unwrap_err();
        let CommitError::Closed(closed) = refused else { panic!("{refused:?}") };
        assert_eq!((closed.stream(), closed.version().get()), (&stream("over"), 2));
        let reused = store.commit_in(&mut tx, one(1, "other")).await.unwrap_err();
        assert!(matches!(reused, CommitError::IdReused(id) if id == event(1).id()), "{reused:?}");
        let again = store.commit_in(&mut tx, closing(1, "over")).await.unwrap();
        assert!(again.is_duplicate());
        let guarded = one(7, "other").check(&stream("over"), StreamVersion::new(2));
        let _ = store.commit_in(&mut tx, guarded).await.unwrap();
        tx.rollback().await.unwrap();
        // The same when it is archived.
        while store.archive(1).await.unwrap().has_more {}
    }
}

/// Neighbours of one group: each has its own answer.
#[tokio::test]
async fn commits_that_share_a_group_with_a_late_one_or_a_reused_id_happen() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let _ = store.commit(closing(1, "over")).await.unwrap();
    while store.archive(10).await.unwrap().has_more {}
    let commits = (0..40_u128).map(|n| match n % 4 {
        0 => one(100 + n, "over"),
        1 => one(1, &format!("reused {n}")),
        _ => one(100 + n, &format!("good {n}")),
    });
    let answers = futures::future::join_all(commits.map(|commit| store.commit(commit))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match (n % 4, answer) {
            (0, Err(CommitError::Closed(closed))) => assert_eq!(closed.version().get(), 2),
            (1, Err(CommitError::IdReused(id))) => assert_eq!(id, event(1).id()),
            (2 | 3, Ok(_)) => {}
            (_, other) => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(feed(&store).await.len(), 22);
}

/// Rows that others insert by hand are as safe as ours.
#[tokio::test]
async fn rows_inserted_by_hand_cannot_reopen_a_stream_or_repeat_what_was_archived() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let _ = store.commit(closing(1, "over")).await.unwrap();
    let insert = |id: u128, stream: &str, version: u64, name: &str| {
        let id = event(id).id();
        format!(
            "INSERT INTO {{s}}.events (event_id, category, stream, version, name, data)
             VALUES ('{id}', 'account', '{stream}', {version}, '{name}', '{{}}')"
        )
    };
    let state = |answer: Result<(), sqlx::Error>| {
        let error = answer.unwrap_err();
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap().into_owned()
    };
    for _ in 0..2 {
        assert_eq!(state(run(&insert(9, "over", 3, "Opened"), &schemas).await), "FH003");
        assert_eq!(state(run(&insert(1, "other", 1, "Opened"), &schemas).await), "23505");
        while store.archive(1).await.unwrap().has_more {}
    }
    // Also at a version whose event is not in that table any more.
    assert_eq!(state(run(&insert(9, "over", 1, "Opened"), &schemas).await), "FH003");
    // Whatever is called so closes a stream.
    run(&insert(10, "hand", 1, "freehold.closed.v1"), &schemas).await.unwrap();
    let late = store.commit(one(11, "hand")).await.unwrap_err();
    assert!(matches!(late, CommitError::Closed(_)), "{late:?}");
    assert_eq!(store.archive(10).await.unwrap(), Archived::new(1, 1, false));
}

/// A log of which nothing was ever moved asks nobody whether an id is archived.
#[tokio::test]
async fn the_archive_is_asked_for_ids_only_once_something_was_to_be_moved() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let triggers = "SELECT count(*) FROM pg_trigger
        WHERE tgrelid = '{s}.events'::regclass AND tgname = 'events_once'";
    let _ = store.commit(one(1, "open")).await.unwrap();
    assert_eq!(store.archive(10).await.unwrap(), Archived::default());
    assert_eq!(count(triggers, &schemas).await, 0);
    let _ = store.commit(closing(2, "over")).await.unwrap();
    assert_eq!(store.archive(10).await.unwrap(), Archived::new(2, 1, false));
    assert_eq!(count(triggers, &schemas).await, 1);
}

/// Whoever reads a closed stream in a transaction that decides on it holds it.
#[tokio::test]
async fn a_stream_that_a_transaction_guards_is_left_out_and_waited_for_at_last() {
    let schemas = Schemas::new();
    let options =
        PostgresOptions { lock_timeout: Duration::from_millis(100), ..schemas.options("log") };
    let store = PostgresStore::open_with(pool(5).await, options).await.unwrap();
    let _ = store.commit(closing(1, "a")).await.unwrap();
    let _ = store.commit(closing(3, "b")).await.unwrap();
    let own = pool(1).await;
    let mut tx = own.begin().await.unwrap();
    let guard = Commit::new().check(&stream("a"), StreamVersion::new(2));
    let _ = store.commit_in(&mut tx, guard).await.unwrap();
    assert_eq!(store.archive(10).await.unwrap(), Archived::new(2, 1, true), "of the other");
    let busy: BackendError = store.archive(10).await.unwrap_err();
    assert_eq!(busy.fault(), Fault::Busy);
    tx.rollback().await.unwrap();
    assert_eq!(store.archive(10).await.unwrap(), Archived::new(2, 1, false));
}

#[tokio::test]
async fn a_writer_needs_no_right_to_the_archive_and_whoever_archives_does() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let role = Role::new().await;
    let grant =
        async |rights: &str| run(&rights.replace("{role}", &role.0), &schemas).await.unwrap();
    grant(
        "GRANT USAGE ON SCHEMA {s} TO {role};
         GRANT SELECT ON {s}.log, {s}.migrations, {s}.events, {s}.streams, {s}.feed_locks TO {role};
         GRANT INSERT ON {s}.events TO {role};
         GRANT INSERT, UPDATE ON {s}.streams TO {role};
         GRANT USAGE ON SEQUENCE {s}.positions TO {role}",
    )
    .await;
    let other = PostgresStore::open_with(role.pool().await, schemas.options("log")).await.unwrap();
    let _ = other.commit(closing(1, "over")).await.unwrap();
    assert_eq!(other.archive(10).await.unwrap_err().fault(), Fault::Denied);
    assert_eq!(store.archive(10).await.unwrap().events, 2);
    // It goes on as before, with what was moved.
    assert_eq!(feed(&other).await.len(), 2);
    for categories in [&["account"][..], &["account", "user"]] {
        let filter = Filter::categories(categories.iter().copied()).unwrap();
        assert_eq!(other.read_all(Position::START, &filter, 10).await.unwrap().events.len(), 2);
    }
    assert_eq!(other.read_tail(&stream("over"), StreamVersion::NONE).await.unwrap().len(), 2);
    let reused = other.commit(one(1, "other")).await.unwrap_err();
    assert!(matches!(reused, CommitError::IdReused(_)), "{reused:?}");
    let _ = other.commit(closing(5, "next")).await.unwrap();
    // Once the first step was taken by the owner, others can take the next ones.
    grant(
        "GRANT DELETE ON {s}.events TO {role};
         GRANT INSERT ON {s}.archive TO {role}",
    )
    .await;
    assert_eq!(other.archive(10).await.unwrap(), Archived::new(2, 1, false));
    drop(other);
    role.drop_it().await;
}

/// Both tables, merged by their indexes, for every statement that reads pages.
#[tokio::test]
async fn pages_of_both_tables_are_read_from_their_indexes_in_order() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    for n in 0..300 {
        let _ = store.commit(closing(1_000 + 2 * n, &format!("over {n}"))).await.unwrap();
        if n % 100 == 0 {
            while store.archive(100).await.unwrap().has_more {}
        }
    }
    run("ANALYZE {s}.events; ANALYZE {s}.archive", &schemas).await.unwrap();
    for (statement, indexes) in [
        (
            "SELECT * FROM {s}.events WHERE position > 5 ORDER BY position LIMIT 9",
            ["events_pkey", "archive_pkey"],
        ),
        (
            "SELECT * FROM {s}.events WHERE (category, position) > ('account' COLLATE \"C\", 5)
             AND (category, position) <= ('account' COLLATE \"C\", 500) ORDER BY category, position LIMIT 9",
            ["events_category", "archive_category"],
        ),
        (
            "SELECT * FROM {s}.events WHERE category = 'account' AND stream = 'over 7' AND version < 9
             ORDER BY version DESC LIMIT 9",
            ["events_stream_category_version_key", "archive_stream_category_version_key"],
        ),
        ("SELECT max(position) FROM {s}.events", ["events_pkey", "archive_pkey"]),
    ] {
        let sql = format!("EXPLAIN {statement}").replace("{s}", schemas.name("log").as_str());
        let lines = pool(1).await.fetch_all(AssertSqlSafe(sql)).await.unwrap();
        let plan: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
        let plan = plan.join("\n");
        for index in indexes {
            assert!(plan.contains(index), "{statement}: {plan}");
        }
        assert!(!plan.contains("Seq Scan"), "{statement}: {plan}");
    }
}
