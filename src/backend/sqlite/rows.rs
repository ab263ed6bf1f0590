//! What a commit does beside its events: rows of sets, and a checkpoint that moves on.
//!
//! A set is a table of its own, so that a person can query it, and make an index on what its values hold.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use super::{row, schema};
use crate::types::{
    Advance, Epoch, Fenced, LeaseName, LogId, Parts, Position, RowSet, RowValue, RowWrite,
    Standing, Token,
};

/// A set that nobody has prepared.
#[derive(Debug, thiserror::Error)]
#[error("the set of rows `{0}` was not prepared")]
pub(super) struct Unprepared(pub(super) RowSet);

/// Makes sure that a set is there. A table of that name which cannot hold a set is an error.
pub(super) fn prepare(conn: &Connection, set: &RowSet) -> rusqlite::Result<()> {
    let table = table(set);
    conn.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {table} (
             key   TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL                -- JSON
         ) STRICT, WITHOUT ROWID"
    ))?;
    conn.prepare_cached(&upsert(set)).map(drop)
}

/// Removes a set, if it is there.
pub(super) fn remove(conn: &Connection, set: &RowSet) -> rusqlite::Result<()> {
    conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", table(set)))
}

/// Whether a set is there.
///
/// # Errors
/// As [`prepare`], if what is there cannot hold a set.
pub(super) fn is_prepared(conn: &Connection, set: &RowSet) -> rusqlite::Result<bool> {
    let is_there = schema::has_table(conn, &table(set))?;
    if is_there {
        conn.prepare_cached(&upsert(set))?;
    }
    Ok(is_there)
}

/// Whether all sets that a commit writes are there.
pub(super) fn are_prepared(
    conn: &Connection,
    parts: &Parts,
) -> rusqlite::Result<Result<(), Unprepared>> {
    for (set, _) in by_set(&parts.rows) {
        if !schema::has_table(conn, &table(set))? {
            return Ok(Err(Unprepared(set.clone())));
        }
    }
    Ok(Ok(()))
}

/// Whether an advance may happen.
pub(super) fn look(
    conn: &Connection,
    advance: &Advance,
) -> rusqlite::Result<Result<Standing, Fenced>> {
    let mut select = conn.prepare_cached(
        "SELECT epoch, coalesce((SELECT position FROM freehold_checkpoints
                                 WHERE lease = freehold_leases.name AND log = ?2), 0)
         FROM freehold_leases WHERE name = ?1",
    )?;
    let log = advance.log.as_uuid();
    let key = params![advance.lease.name().as_str(), log.as_bytes().as_slice()];
    let granted = select
        .query_row(key, |found| Ok((row::epoch(found, 0)?, row::position(found, 1)?)))
        .optional()?;
    let (epoch, checkpoint) = granted.unwrap_or((Epoch::NONE, Position::START));
    Ok(advance.standing(epoch, checkpoint))
}

/// Writes what was looked at.
pub(super) fn write(conn: &Connection, parts: &Parts) -> rusqlite::Result<()> {
    put(conn, &parts.rows)?;
    let moves = parts.advance.as_ref().filter(|advance| advance.to > advance.from);
    let Some(Advance { lease, log, to, .. }) = moves else { return Ok(()) };
    move_checkpoint(conn, lease.name(), *log, *to)
}

/// Writes rows of sets that are there.
pub(super) fn put(conn: &Connection, rows: &[RowWrite]) -> rusqlite::Result<()> {
    for (set, rows) in by_set(rows) {
        let mut upsert = conn.prepare_cached(&upsert(set))?;
        let mut delete =
            conn.prepare_cached(&format!("DELETE FROM {} WHERE key = ?1", table(set)))?;
        for row in rows {
            match &row.value {
                Some(value) => upsert.execute(params![row.key.as_str(), text(value)])?,
                None => delete.execute([row.key.as_str()])?,
            };
        }
    }
    Ok(())
}

/// Moves the checkpoint of a lease.
pub(super) fn move_checkpoint(
    conn: &Connection,
    lease: &LeaseName,
    log: LogId,
    to: Position,
) -> rusqlite::Result<()> {
    let mut upsert = conn.prepare_cached(
        "INSERT INTO freehold_checkpoints (lease, log, position) VALUES (?1, ?2, ?3)
         ON CONFLICT (lease, log) DO UPDATE SET position = ?3",
    )?;
    let log = log.as_uuid();
    let position = row::signed(to.get());
    upsert.execute(params![lease.as_str(), log.as_bytes().as_slice(), position]).map(drop)
}

/// The checkpoints of a lease, in the order of the logs' ids.
pub(super) fn checkpoints(conn: &Connection, lease: &LeaseName) -> rusqlite::Result<Vec<Token>> {
    let mut select = conn.prepare_cached(
        // What is folded within every commit holds what the log holds.
        "SELECT log, CASE WHEN log = (SELECT id FROM freehold_log)
                           AND EXISTS (SELECT 1 FROM freehold_inline WHERE name = ?1)
                     THEN max(coalesce((SELECT max(position) FROM freehold_events), 0),
                              coalesce((SELECT max(position) FROM freehold_archive), 0))
                     ELSE position END
         FROM freehold_checkpoints WHERE lease = ?1 ORDER BY log",
    )?;
    let checkpoints = select.query_map([lease.as_str()], |found| {
        Ok(Token::new(LogId::new(row::uuid(found, 0)?), row::position(found, 1)?))
    })?;
    checkpoints.collect()
}

/// The table of a set. The letters of a set's name need no quotes, and what stands before it makes it no keyword.
pub(super) fn table(set: &RowSet) -> String {
    format!("view_{set}")
}

fn upsert(set: &RowSet) -> String {
    let table = table(set);
    format!(
        "INSERT INTO {table} (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = ?2"
    )
}

/// Rows that stand together and are of one set: its statements are looked up once.
fn by_set(rows: &[RowWrite]) -> impl Iterator<Item = (&RowSet, &[RowWrite])> {
    let runs = rows.chunk_by(|row, next| row.set == next.set);
    runs.filter_map(|run| Some((&run.first()?.set, run)))
}

/// As text, so that SQL can look into it, and byte for byte, which a `str` would have to be checked for.
fn text(value: &RowValue) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(value.json()))
}
