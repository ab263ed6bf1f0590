//! The port for rows.

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};

use super::error::BACKEND;
use super::handle::SqliteStore;
use super::row::{corrupt, text};
use super::rows::{self, Unprepared};
use super::schema;
use crate::ports::{BackendError, Fault, RowStore};
use crate::types::{LeaseName, Limits, Row, RowKey, RowPage, RowSet, RowValue, RowsWanted};

#[async_trait]
impl RowStore for SqliteStore {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        const OPERATION: &str = "prepare a set of rows";
        let (wanted, set) = (set.clone(), set.clone());
        // A set that is there is only looked at, so that a service starts while somebody writes.
        let look = move |conn: &Connection| rows::is_prepared(conn, &wanted);
        if self.shared.readers.read_at_once(OPERATION, look).await? {
            return Ok(());
        }
        self.ask(OPERATION, move |conn| rows::prepare(conn, &set)).await
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        let set = set.clone();
        self.ask("remove a set of rows", move |conn| rows::remove(conn, &set)).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        let (set, wanted, of) = (set.clone(), wanted.clone(), of.cloned());
        let limits = self.shared.log.limits;
        let read = move |conn: &Connection| page(conn, &set, &wanted, of.as_ref(), &limits);
        let page = self.shared.readers.read_at_once("read rows", read).await?;
        page.map_err(|why| BackendError::new(BACKEND, "read rows", Fault::Missing, why))
    }
}

pub(super) fn page(
    conn: &Connection,
    set: &RowSet,
    wanted: &RowsWanted,
    of: Option<&LeaseName>,
    limits: &Limits,
) -> rusqlite::Result<Result<RowPage, Unprepared>> {
    let table = rows::table(set);
    if !schema::has_table(conn, &table)? {
        return Ok(Err(Unprepared(set.clone())));
    }
    let (rows, has_more) = match wanted {
        RowsWanted::Keys(keys) => (with_keys(conn, &table, keys)?, false),
        RowsWanted::Page { prefix, after, limit } => {
            let limit = limits.row_page(*limit);
            let mut rows = with_prefix(conn, &table, prefix, after.as_ref(), limit)?;
            let has_more = rows.len() > limit;
            rows.truncate(limit);
            (rows, has_more)
        }
    };
    let checkpoints = of.map(|of| rows::checkpoints(conn, of)).transpose()?;
    Ok(Ok(RowPage::new(rows, has_more, checkpoints.unwrap_or_default())))
}

/// All keys are one parameter, so that there may be any number of them.
fn with_keys(conn: &Connection, table: &str, keys: &[RowKey]) -> rusqlite::Result<Vec<Row>> {
    let keys: Vec<&str> = keys.iter().map(RowKey::as_str).collect();
    let keys = serde_json::to_string(&keys)
        .map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
    let sql = format!(
        "SELECT key, value FROM {table} WHERE key IN (SELECT value FROM json_each(?1)) ORDER BY key"
    );
    select(conn, &sql, [keys], |_| true, usize::MAX)
}

/// A page, and one row more if there is one.
fn with_prefix(
    conn: &Connection,
    table: &str,
    prefix: &str,
    after: Option<&RowKey>,
    limit: usize,
) -> rusqlite::Result<Vec<Row>> {
    let (is_beyond, begin) = match after.map(RowKey::as_str).filter(|after| *after >= prefix) {
        Some(after) => (">", after),
        None => (">=", prefix),
    };
    // The rows come in order, and only as they are asked for: the first without the prefix ends them.
    let sql = format!("SELECT key, value FROM {table} WHERE key {is_beyond} ?1 ORDER BY key");
    select(conn, &sql, [begin], |key| key.starts_with(prefix), limit.saturating_add(1))
}

fn select(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    is_wanted: impl Fn(&str) -> bool,
    rows_max: usize,
) -> rusqlite::Result<Vec<Row>> {
    let mut select = conn.prepare_cached(sql)?;
    let mut found = select.query(params)?;
    let mut rows = Vec::new();
    while rows.len() < rows_max
        && let Some(row) = found.next()?
    {
        let key = text(row, 0)?;
        if !is_wanted(key) {
            break;
        }
        let key = RowKey::new(key).map_err(|why| corrupt(0, why))?;
        let ValueRef::Text(json) = row.get_ref(1)? else {
            return Err(corrupt(1, "a value that is no text"));
        };
        rows.push(Row { key, value: RowValue::stored(Bytes::copy_from_slice(json)) });
    }
    Ok(rows)
}
