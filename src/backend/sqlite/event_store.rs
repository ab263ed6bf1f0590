//! The port for reading. A page is one trip to a blocking thread.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Params};

use super::append::head;
use super::archive::{self, Finder};
use super::batch::publish;
use super::duplicate;
use super::error::BACKEND;
use super::handle::SqliteStore;
use super::row::{Decoder, previous, select_events, select_of_stream, signed};
use super::streams::{self, Place};
use crate::ports::{BackendError, EventStore, telemetry};
use crate::types::{
    Committed, DedupKey, FeedPage, Filter, LogId, Position, ReadFrom, RecordedEvent, StreamId,
    StreamPage, StreamVersion, Token,
};

/// The most events that a page makes room for before it has seen them.
const ROOM_EVENTS_MAX: usize = 128;

#[async_trait]
impl EventStore for SqliteStore {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let (stream, limit) = (stream.clone(), self.shared.log.limits.page(limit));
        let read = move |conn: &Connection| read_stream(conn, &stream, from, limit);
        self.shared.readers.read_at_once("read a stream", read).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let (filter, limit) = (filter.clone(), self.shared.log.limits.page(limit));
        let read = move |conn: &Connection| {
            let page = match filter.wanted() {
                None => read_feed(conn, after, limit)?,
                Some(categories) => read_categories(conn, after, categories, limit)?,
            };
            let head = if page.has_more { head(conn)? } else { page.upto };
            Ok((page, head))
        };
        let (page, head) = self.shared.readers.read("read the feed", read).await?;
        telemetry::feed_lag(BACKEND, head.get().saturating_sub(page.upto.get()));
        Ok(page)
    }

    async fn head(&self) -> Result<Position, BackendError> {
        let head = self.shared.readers.read("read the head", head).await?;
        publish(&self.shared.heads, head);
        Ok(head)
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        let mut heads = self.shared.heads.subscribe();
        loop {
            if *heads.borrow_and_update() > after {
                return Ok(());
            }
            if self.head().await? > after {
                // It was not the writer of this store.
                self.shared.looks.found();
                return Ok(());
            }
            // The writer of this store tells. Others do not: somebody looks for all who wait.
            loop {
                tokio::select! {
                    _ = heads.changed() => break,
                    () = self.shared.looks.sleep() => if self.shared.looks.is_due() { break },
                }
            }
        }
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        let (of, log) = (of.clone(), self.shared.log.id);
        let read = move |conn: &Connection| outcome(conn, log, &of);
        self.shared.readers.read("read an outcome", read).await
    }
}

fn read_stream(
    conn: &Connection,
    stream: &StreamId,
    from: ReadFrom,
    limit: usize,
) -> rusqlite::Result<StreamPage> {
    let Some(newest) = streams::newest(conn, stream)? else {
        return Ok(StreamPage::new(Vec::new(), false));
    };
    let (newest_version, limit) = (newest.version.get(), limit as u64);
    // The page has the events after `low`, up to `high`.
    let (low, high, has_more) = match from {
        ReadFrom::After(version) => {
            let high = version.get().saturating_add(limit).min(newest_version);
            (version.get(), high, high < newest_version)
        }
        ReadFrom::Before(_) | ReadFrom::End => {
            let high = match from {
                ReadFrom::Before(version) => version.get().saturating_sub(1).min(newest_version),
                _ => newest_version,
            };
            let low = high.saturating_sub(limit);
            (low, high, low > 0)
        }
    };
    if low >= high {
        return Ok(StreamPage::new(Vec::new(), has_more));
    }
    let mut events = walk_back(conn, stream, newest, low, high)?;
    if let ReadFrom::After(_) = from {
        events.reverse();
    }
    Ok(StreamPage::new(events, has_more))
}

/// The events after version `low` up to `high`, the newest first.
fn walk_back(
    conn: &Connection,
    stream: &StreamId,
    newest: Place,
    low: u64,
    high: u64,
) -> rusqlite::Result<Vec<RecordedEvent>> {
    let mut at = Some(streams::find(conn, stream, StreamVersion::new(high), newest)?);
    let mut found = Finder::new(
        conn,
        [
            select_of_stream!("freehold_events", "WHERE position = ?1"),
            select_of_stream!("freehold_archive", "WHERE position = ?1"),
        ],
    )?;
    let mut decoder = Decoder::default();
    let mut events = Vec::with_capacity(usize::try_from(high - low).unwrap_or(usize::MAX));
    while let Some(position) = at
        && events.len() as u64 + low < high
    {
        let event = found.at(position, |row| {
            at = previous(row)?;
            decoder.event_of(stream.clone(), row)
        });
        events.push(event?);
    }
    Ok(events)
}

/// Where the events of a page are looked for.
#[derive(Clone, Copy)]
enum Tables {
    /// Where they are unless they were archived.
    Growing,
    Both,
}

/// A page of events after a position: of those that still grow, or of all if the archive reaches there.
///
/// Whether it does is looked at before, and again after: what was moved while the page was read is in the archive by then. A
/// statement that reads from both tables sees both at one moment. So nothing is missed, without a transaction.
fn page(
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

pub(super) fn read_feed(
    conn: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<FeedPage> {
    page(conn, after, |from| {
        let sql = match from {
            Tables::Growing => {
                select_events!("freehold_events", "WHERE position > ?1 ORDER BY position LIMIT ?2")
            }
            Tables::Both => select_events!(
                "freehold_all_events",
                "WHERE position > ?1 ORDER BY position LIMIT ?2"
            ),
        };
        let mut events = select(conn, sql, (signed(after.get()), one_more(limit)), limit)?;
        let has_more = events.len() > limit;
        events.truncate(limit);
        // One statement sees one state of the log, and without a filter its last event is the head.
        let upto = events.last().map_or(after, RecordedEvent::position);
        Ok(FeedPage::new(events, upto, has_more))
    })
}

fn read_categories(
    conn: &Connection,
    after: Position,
    categories: &[Arc<str>],
    limit: usize,
) -> rusqlite::Result<FeedPage> {
    page(conn, after, |from| categories_from(conn, from, after, categories, limit))
}

fn categories_from(
    conn: &Connection,
    from: Tables,
    after: Position,
    categories: &[Arc<str>],
    limit: usize,
) -> rusqlite::Result<FeedPage> {
    // The head comes first: events only ever appear beyond it, so that what is read up to it afterwards
    // is all there is, without a transaction.
    let head = head(conn)?.max(after);
    let range = (signed(after.get()), signed(head.get()));
    let last = if let [_one] = categories {
        None
    } else {
        last_of_page(conn, from, range, categories, limit)?
    };
    let to = last.unwrap_or(range.1);
    let sql = match from {
        Tables::Growing => select_events!(
            "freehold_events",
            "WHERE category = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4"
        ),
        Tables::Both => select_events!(
            "freehold_all_events",
            "WHERE category = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4"
        ),
    };
    let mut events = Vec::new();
    for category in categories {
        events.extend(select(conn, sql, (&**category, range.0, to, one_more(limit)), limit)?);
    }
    events.sort_unstable_by_key(RecordedEvent::position);
    let has_more = last.is_some() || events.len() > limit;
    events.truncate(limit);
    let upto = match events.last() {
        Some(last) if has_more => last.position(),
        Some(_) | None => head,
    };
    Ok(FeedPage::new(events, upto, has_more))
}

/// Where a page over several categories ends, if more than a page is there. Only the index is read.
fn last_of_page(
    conn: &Connection,
    from: Tables,
    (after, to): (i64, i64),
    categories: &[Arc<str>],
    limit: usize,
) -> rusqlite::Result<Option<i64>> {
    let mut select = conn.prepare_cached(match from {
        Tables::Growing => {
            "SELECT position FROM freehold_events
             WHERE category = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4"
        }
        Tables::Both => {
            "SELECT position FROM freehold_all_events
             WHERE category = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4"
        }
    })?;
    let mut positions: Vec<i64> = Vec::new();
    for category in categories {
        let rows = select.query_map((&**category, after, to, one_more(limit)), |row| row.get(0))?;
        for position in rows {
            positions.push(position?);
        }
    }
    positions.sort_unstable();
    let more = positions.len() > limit;
    Ok(positions.get(limit.saturating_sub(1)).copied().filter(|_| more))
}

fn select(
    conn: &Connection,
    sql: &'static str,
    params: impl Params,
    limit: usize,
) -> rusqlite::Result<Vec<RecordedEvent>> {
    let mut select = conn.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    let mut decoder = Decoder::default();
    let mut events = Vec::with_capacity(limit.min(ROOM_EVENTS_MAX));
    while let Some(row) = rows.next()? {
        events.push(decoder.event(row)?);
    }
    Ok(events)
}

fn outcome(conn: &Connection, log: LogId, of: &DedupKey) -> rusqlite::Result<Option<Committed>> {
    match of {
        DedupKey::Event(id) => Ok(duplicate::event(conn, *id)?.map(|event| {
            let (stream, at) = (event.stream().clone(), event.position());
            Committed::new(vec![(stream, event.version())], Some(at..=at), Token::new(log, at))
        })),
        DedupKey::Inbox(key) => duplicate::of_inbox(conn, log, key),
    }
}

fn one_more(limit: usize) -> i64 {
    signed(limit as u64).saturating_add(1)
}
