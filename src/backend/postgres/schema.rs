//! The tables and functions, and how a database gets them.

use std::sync::Arc;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqlSafeStr, SqlStr};

use super::error::{BACKEND, NewerSchema, Standby, backend};
use super::options::{PostgresOptions, SchemaName};
use super::row::{COLUMNS, COLUMNS_OF_MESSAGES, COLUMNS_OF_STREAM};
use super::rows;
use super::value::{Moment, Uuid};
use crate::ports::{BackendError, Fault};
use crate::types::{LogId, RowSet};

/// The steps from an empty schema to today's. They are only ever added to.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_events.sql"),
    include_str!("schema/002_rows.sql"),
    include_str!("schema/003_inline.sql"),
    include_str!("schema/004_outbox.sql"),
    include_str!("schema/005_primary.sql"),
    include_str!("schema/006_lock_keys.sql"),
    include_str!("schema/007_archive.sql"),
    include_str!("schema/008_personal.sql"),
];

/// The class of the advisory locks of all logs. Nothing else should use it.
const LOCK_CLASS: i32 = 1_718_773_092;

/// How far a job `c` has come. What is folded within every commit holds what the log holds.
const REACHED: &str = "CASE WHEN c.log = (SELECT id FROM {schema}.log)
             AND EXISTS (SELECT FROM {schema}.inline AS i WHERE i.name = c.lease)
        THEN (SELECT coalesce(max(e.position), 0) FROM {schema}.events AS e) ELSE c.position END";

/// Fails on a standby, before anything is read. Such a one may lag behind what this process knows to be settled: what it has not
/// replayed yet would be passed over. No row is looked at for it, so that it is asked even where there are none.
const ON_PRIMARY: &str = "(SELECT true FROM {schema}.on_primary())";

/// The statements, with the name of the schema in them.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    schema: SchemaName,
    pub(super) log: SqlStr,
    pub(super) commit: SqlStr,
    pub(super) commit_rows: SqlStr,
    pub(super) commit_and_send: SqlStr,
    pub(super) forward: SqlStr,
    pub(super) backward: SqlStr,
    pub(super) feed: FeedSql,
    pub(super) feed_of: SqlStr,
    pub(super) feed_of_one: SqlStr,
    pub(super) events: SqlStr,
    pub(super) inbox: SqlStr,
    pub(super) claim: SqlStr,
    pub(super) renew: SqlStr,
    pub(super) release: SqlStr,
    pub(super) lease: SqlStr,
    pub(super) remove: SqlStr,
    pub(super) prepare: SqlStr,
    pub(super) write_rows: SqlStr,
    pub(super) begin_fold: SqlStr,
    pub(super) hold_out: SqlStr,
    pub(super) set_inline: SqlStr,
    pub(super) outbox: FeedSql,
    pub(super) enqueue: SqlStr,
    pub(super) outbox_due: SqlStr,
    pub(super) outbox_trim: SqlStr,
    pub(super) archive: SqlStr,
    pub(super) keys: SqlStr,
    pub(super) add_keys: SqlStr,
    pub(super) forget_keys: SqlStr,
}

/// The statements that read a log in the order of its positions.
#[derive(Clone, Debug)]
pub(super) struct FeedSql {
    /// The newest position that can be seen, who held the lock after that, and up to where the log is settled anyway.
    pub(super) horizon: SqlStr,
    /// So many positions after one.
    pub(super) run: SqlStr,
    /// What is at them.
    pub(super) page: SqlStr,
    /// The newest position up to one.
    pub(super) newest: SqlStr,
}

impl FeedSql {
    fn of_events(schema: &SchemaName) -> Self {
        let sql = |text: &str| within(schema, text);
        Self {
            horizon: sql("SELECT seen, holders, 0::bigint FROM {schema}.horizon()"),
            run: sql("SELECT position FROM {schema}.events
                WHERE position > $1 ORDER BY position LIMIT $2"),
            page: sql("SELECT {columns} FROM {schema}.events
                WHERE {on primary} AND position > $1 ORDER BY position LIMIT $2"),
            newest: sql("SELECT max(position) FROM {schema}.events
                WHERE {on primary} AND position <= $1"),
        }
    }

    fn of_messages(schema: &SchemaName) -> Self {
        let sql = |text: &str| within(schema, text);
        Self {
            horizon: sql("SELECT seen, holders, settled FROM {schema}.outbox_horizon()"),
            run: sql("SELECT position FROM {schema}.outbox
                WHERE position > $1 ORDER BY position LIMIT $2"),
            page: sql("SELECT {columns of messages} FROM {schema}.outbox
                WHERE {on primary} AND position > $1 ORDER BY position LIMIT $2"),
            newest: sql("SELECT greatest(
                    t.settled, CASE WHEN t.newest <= $1 THEN t.newest END,
                    (SELECT max(o.position) FROM {schema}.outbox AS o
                     WHERE o.position > t.settled AND o.position <= $1))
                FROM {schema}.outbox_trimmed AS t WHERE {on primary}"),
        }
    }
}

impl Sql {
    pub(super) fn new(options: &PostgresOptions) -> Self {
        let sql = |text: &str| within(&options.schema, text);
        let of_stream = "SELECT {columns of stream} FROM {schema}.events WHERE category = $1 AND stream = $2 AND";
        // The limit is set before the row is found, and found before it is waited for.
        let of_lease = "FROM (SELECT set_config('lock_timeout', $1, true)) AS limited
                WHERE l.name = $2 AND l.epoch = $3 AND l.owner IS NOT NULL";
        Self {
            schema: options.schema.clone(),
            log: sql("SELECT id FROM {schema}.log"),
            commit: sql("SELECT * FROM {schema}.commit(
                $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"),
            commit_rows: sql("SELECT * FROM {schema}.commit_rows(
                $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                $20, $21, $22, $23, $24, $25, $26, $27, $28)"),
            commit_and_send: sql("SELECT * FROM {schema}.commit_and_send(
                $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34)"),
            forward: sql(&format!("{of_stream} version > $3 ORDER BY version LIMIT $4")),
            backward: sql(&format!("{of_stream} version < $3 ORDER BY version DESC LIMIT $4")),
            feed: FeedSql::of_events(&options.schema),
            // The page of each category, merged.
            feed_of: sql(
                "SELECT {columns} FROM unnest($1::text[]) AS of (wanted)
                CROSS JOIN LATERAL {schema}.page_of(of.wanted, $2, $3, $4) AS page
                WHERE {on primary} ORDER BY position LIMIT $4",
            ),
            // The same for a single category, of which there is nothing to merge: the rows come as they are found.
            feed_of_one: sql("SELECT {columns} FROM {schema}.page_of($1, $2, $3, $4) WHERE {on primary}"),
            events: sql("SELECT {columns} FROM {schema}.events WHERE event_id = ANY($1)"),
            inbox: sql("SELECT first_position, last_position, token_position, categories, streams,
                    versions
                FROM {schema}.inbox WHERE consumer = $1 AND message = $2"),
            claim: sql("SELECT granted, holder, micros FROM {schema}.claim($1, $2, $3, $4)"),
            renew: sql(&format!("UPDATE {{schema}}.leases AS l
                SET expires_at = clock_timestamp() + $4 * interval '1 microsecond' {of_lease}")),
            release: sql(&format!("UPDATE {{schema}}.leases AS l SET owner = NULL {of_lease}")),
            lease: sql("SELECT l.epoch, CASE WHEN l.expires_at > clock_timestamp() THEN l.owner END,
                    ARRAY(SELECT c.log FROM {schema}.checkpoints AS c WHERE c.lease = l.name ORDER BY c.log),
                    ARRAY(SELECT {reached} FROM {schema}.checkpoints AS c WHERE c.lease = l.name ORDER BY c.log)
                FROM {schema}.leases AS l WHERE l.name = $1"),
            remove: sql("SELECT {schema}.remove($1, $2)"),
            prepare: sql("SELECT {schema}.prepare($1)"),
            write_rows: sql("SELECT {schema}.write_rows($1, $2, $3, $4)"),
            begin_fold: sql("SELECT {schema}.begin_fold($1, $2)"),
            hold_out: sql("SELECT folds, checkpoint FROM {schema}.hold_out($1, $2)"),
            set_inline: sql("SELECT {schema}.set_inline($1, $2)"),
            outbox: FeedSql::of_messages(&options.schema),
            enqueue: sql("SELECT * FROM {schema}.enqueue($1, $2, $3, $4, $5, $6, $7, $8)"),
            outbox_due: sql("SELECT moved, next FROM {schema}.outbox_due($1, $2, $3)"),
            outbox_trim: sql("SELECT {schema}.outbox_trim($1, $2, $3, $4)"),
            archive: sql("SELECT events, streams, has_more FROM {schema}.move_closed($1, $2)"),
            keys: sql("SELECT subject, number, key FROM {schema}.subject_keys
                WHERE {on primary} AND subject = ANY($1) ORDER BY subject, number"),
            add_keys: sql("SELECT {schema}.add_keys($1, $2, $3, $4)"),
            forget_keys: sql("SELECT {schema}.forget_keys($1, $2)"),
        }
    }

    /// A statement on the rows of a set, which is a table of its own. A set's name needs no quotes either.
    pub(super) fn of_set(&self, set: &RowSet, text: &str) -> SqlStr {
        within(&self.schema, &text.replace("{view}", &format!("{{schema}}.{}", rows::view(set))))
    }
}

/// A statement of ours, with the name of the schema in it. The name needs no quotes, so nothing else can get in.
fn within(schema: &SchemaName, text: &str) -> SqlStr {
    let text = text
        .replace("{on primary}", ON_PRIMARY)
        .replace("{schema}", schema.as_str())
        .replace("{reached}", &REACHED.replace("{schema}", schema.as_str()))
        .replace("{columns}", COLUMNS)
        .replace("{columns of stream}", COLUMNS_OF_STREAM)
        .replace("{columns of messages}", COLUMNS_OF_MESSAGES)
        .replace("{class}", &LOCK_CLASS.to_string());
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// Brings the schema to today's form, and says which log it holds. Any number of processes may do so at once.
pub(super) async fn migrate(
    conn: &mut PgConnection,
    options: &PostgresOptions,
    sql: &Sql,
) -> Result<LogId, BackendError> {
    let failed = |error| backend("migrate", error);
    let standby = sqlx::query("SELECT pg_is_in_recovery()").fetch_one(&mut *conn).await;
    if standby.and_then(|row| row.try_get(0)).map_err(failed)? {
        return Err(BackendError::new(BACKEND, "open", Fault::ReadOnly, Standby));
    }
    if check(version(conn, options).await.map_err(failed)?)? < newest_known() {
        // The caller has seen to it that this future is not dropped.
        let mut tx = conn.begin().await.map_err(failed)?;
        upgrade(&mut tx, options).await?;
        tx.commit().await.map_err(failed)?;
    }
    log_id(conn, sql).await.map_err(failed)
}

/// The log that this connection leads to.
pub(super) async fn log_id(conn: &mut PgConnection, sql: &Sql) -> sqlx::Result<LogId> {
    let row = sqlx::query(sql.log.clone()).fetch_one(conn).await?;
    Ok(LogId::new(row.try_get::<Uuid, _>(0)?.0))
}

async fn upgrade(conn: &mut PgConnection, options: &PostgresOptions) -> Result<(), BackendError> {
    let failed = |error| backend("migrate", error);
    // One process at a time for each schema.
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2))");
    let lock = lock.bind(LOCK_CLASS + 1).bind(options.schema.as_str());
    lock.execute(&mut *conn).await.map_err(failed)?;
    let found = check(version(conn, options).await.map_err(failed)?)?;
    let run = |text: &str| within(&options.schema, text);
    if found == 0 {
        let begin = "CREATE SCHEMA IF NOT EXISTS {schema};
            CREATE TABLE {schema}.migrations (version bigint PRIMARY KEY, migrated_at timestamptz NOT NULL)";
        conn.execute(sqlx::raw_sql(run(begin))).await.map_err(failed)?;
    }
    for (version, step) in (1_i64..).zip(MIGRATIONS) {
        if version > found {
            conn.execute(sqlx::raw_sql(run(step))).await.map_err(failed)?;
            sqlx::query(run("INSERT INTO {schema}.migrations VALUES ($1, $2)"))
                .bind(version)
                .bind(Moment(options.clock.now()))
                .execute(&mut *conn)
                .await
                .map_err(failed)?;
        }
    }
    if found == 0 {
        let insert = sqlx::query(run("INSERT INTO {schema}.log (id) VALUES ($1)"));
        insert.bind(Uuid(options.ids.draw())).execute(conn).await.map_err(failed)?;
    }
    Ok(())
}

async fn version(conn: &mut PgConnection, options: &PostgresOptions) -> sqlx::Result<i64> {
    // From the table, and not by `to_regclass`: that asks a cache, which after a wait for an advisory lock may not
    // have heard yet of what the one who held it has made.
    let there = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables
                        WHERE schemaname = $1 AND tablename = 'migrations')",
    )
    .bind(options.schema.as_str());
    if !there.fetch_one(&mut *conn).await?.try_get::<bool, _>(0)? {
        return Ok(0);
    }
    let newest =
        within(&options.schema, "SELECT coalesce(max(version), 0) FROM {schema}.migrations");
    sqlx::query(newest).fetch_one(conn).await?.try_get(0)
}

fn check(found: i64) -> Result<i64, BackendError> {
    let known = newest_known();
    if found > known {
        let why = NewerSchema { found, known };
        return Err(BackendError::new(BACKEND, "migrate", Fault::NewerSchema, why));
    }
    Ok(found)
}

fn newest_known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}
