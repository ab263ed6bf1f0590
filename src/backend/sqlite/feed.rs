//! Pages of the feed.

use std::sync::Arc;

use rusqlite::{Connection, Params};

use super::append::head;
use super::archive;
use super::row::{CATEGORY, Decoder, select_events, signed, text};
use crate::types::{FeedPage, Position, RecordedEvent};

/// The most events that a page makes room for before it knows how many there are.
const ROOM_EVENTS_MAX: usize = 128;
/// If one of so many events is wanted, all of them are read in passing: a row costs less there than by way of the index.
const DENSE: i64 = 2;

/// Where the events of a page are looked for.
#[derive(Clone, Copy)]
enum Tables {
    /// Where they are unless they were archived.
    Growing,
    Both,
}

/// A statement about one of two tables.
macro_rules! from {
    ($tables:expr, $select:ident, $rest:literal) => {
        match $tables {
            Tables::Growing => $select!("freehold_events", $rest),
            Tables::Both => $select!("freehold_all_events", $rest),
        }
    };
}

macro_rules! select_positions {
    ($from:literal, $rest:literal) => {
        concat!("SELECT position FROM ", $from, " ", $rest)
    };
}

macro_rules! count_positions {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT count(*), max(position) FROM (SELECT position FROM ",
            $from,
            " ",
            $rest,
            ")"
        )
    };
}

/// A page of events after a position: of those that still grow, or of all if the archive reaches there.
///
/// Whether it does is looked at before, and again after: what was moved while the page was read is in the archive by then. A
/// statement that reads from both tables sees both at one moment. So nothing is missed, without a transaction.
fn whole(
    conn: &Connection,
    after: Position,
    read: impl Fn(Tables) -> rusqlite::Result<FeedPage>,
) -> rusqlite::Result<FeedPage> {
    if !archive::reaches_beyond(conn, after)? {
        let page = read(Tables::Growing)?;
        if !archive::reaches_beyond(conn, after)? {
            return Ok(page);
        }
    }
    read(Tables::Both)
}

/// A page of all events.
pub(super) fn page(conn: &Connection, after: Position, limit: usize) -> rusqlite::Result<FeedPage> {
    whole(conn, after, |tables| {
        let sql = from!(tables, select_events, "WHERE position > ?1 ORDER BY position LIMIT ?2");
        let room = limit.min(ROOM_EVENTS_MAX);
        let mut events = select(conn, sql, (signed(after.get()), one_more(limit)), room, None)?;
        let has_more = events.len() > limit;
        events.truncate(limit);
        // One statement sees one state of the log, and without a filter its last event is the head.
        let upto = events.last().map_or(after, RecordedEvent::position);
        Ok(FeedPage::new(events, upto, has_more))
    })
}

/// A page of the events of some categories.
pub(super) fn page_of(
    conn: &Connection,
    after: Position,
    categories: &[Arc<str>],
    limit: usize,
) -> rusqlite::Result<FeedPage> {
    whole(conn, after, |tables| {
        // The head comes first: events only ever appear beyond it, so that what is read up to it afterwards
        // is all there is, without a transaction.
        let head = head(conn)?.max(after);
        let range = (signed(after.get()), signed(head.get()));
        let found = match categories {
            [one] => find(conn, tables, range, one, limit)?,
            several => find_several(conn, tables, range, several, limit)?,
        };
        let Some(Found { count, last }) = found else {
            return Ok(FeedPage::new(Vec::new(), head, false));
        };
        let (range, places) = ((range.0, last), last - range.0);
        let mut events = if places <= count.saturating_mul(DENSE) {
            let others = (places > count).then_some(categories);
            scan(conn, tables, range, others, count)?
        } else {
            look_up(conn, tables, range, categories, count)?
        };
        let has_more = events.len() > limit;
        events.truncate(limit);
        let upto = match events.last() {
            Some(last) if has_more => last.position(),
            Some(_) | None => head,
        };
        Ok(FeedPage::new(events, upto, has_more))
    })
}

/// How many events a page has, and one more if there are more, and where the last of them is. Only the index was read.
struct Found {
    count: i64,
    last: i64,
}

fn find(
    conn: &Connection,
    tables: Tables,
    (after, to): (i64, i64),
    category: &str,
    limit: usize,
) -> rusqlite::Result<Option<Found>> {
    let sql = from!(
        tables,
        count_positions,
        "WHERE category = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4"
    );
    conn.prepare_cached(sql)?.query_row((category, after, to, one_more(limit)), |row| {
        let (count, last) = (row.get(0)?, row.get::<_, Option<i64>>(1)?);
        Ok(last.map(|last| Found { count, last }))
    })
}

fn find_several(
    conn: &Connection,
    tables: Tables,
    (after, to): (i64, i64),
    categories: &[Arc<str>],
    limit: usize,
) -> rusqlite::Result<Option<Found>> {
    let mut select = conn.prepare_cached(from!(
        tables,
        select_positions,
        "WHERE category = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4"
    ))?;
    let mut positions: Vec<i64> = Vec::new();
    for category in categories {
        let rows = select.query_map((&**category, after, to, one_more(limit)), |row| row.get(0))?;
        for position in rows {
            positions.push(position?);
        }
    }
    positions.sort_unstable();
    positions.truncate(limit.saturating_add(1));
    let count = signed(positions.len() as u64);
    Ok(positions.last().map(|last| Found { count, last: *last }))
}

/// The events of some categories, read in passing; or all that there are.
fn scan(
    conn: &Connection,
    tables: Tables,
    range: (i64, i64),
    wanted: Option<&[Arc<str>]>,
    count: i64,
) -> rusqlite::Result<Vec<RecordedEvent>> {
    let sql =
        from!(tables, select_events, "WHERE position > ?1 AND position <= ?2 ORDER BY position");
    select(conn, sql, range, room(count), wanted)
}

/// The same by the index.
fn look_up(
    conn: &Connection,
    tables: Tables,
    (after, to): (i64, i64),
    categories: &[Arc<str>],
    count: i64,
) -> rusqlite::Result<Vec<RecordedEvent>> {
    let sql = from!(
        tables,
        select_events,
        "WHERE category = ?1 AND position > ?2 AND position <= ?3 ORDER BY position"
    );
    let mut events = Vec::with_capacity(room(count));
    for category in categories {
        events.extend(select(conn, sql, (&**category, after, to), 0, None)?);
    }
    events.sort_unstable_by_key(RecordedEvent::position);
    Ok(events)
}

fn select(
    conn: &Connection,
    sql: &'static str,
    params: impl Params,
    room: usize,
    wanted: Option<&[Arc<str>]>,
) -> rusqlite::Result<Vec<RecordedEvent>> {
    let mut select = conn.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    let mut decoder = Decoder::default();
    let mut events = Vec::with_capacity(room);
    while let Some(row) = rows.next()? {
        if let Some(wanted) = wanted {
            let category = text(row, CATEGORY)?;
            if !wanted.iter().any(|wanted| **wanted == *category) {
                continue;
            }
        }
        events.push(decoder.event(row)?);
    }
    Ok(events)
}

/// Room for so many events, which were counted.
fn room(count: i64) -> usize {
    usize::try_from(count).unwrap_or_default()
}

fn one_more(limit: usize) -> i64 {
    signed(limit as u64).saturating_add(1)
}
