//! The port for reading. A page is one trip to a blocking thread.

use async_trait::async_trait;
use rusqlite::Connection;

use super::append::head;
use super::archive::Finder;
use super::batch::publish;
use super::duplicate;
use super::error::BACKEND;
use super::feed;
use super::handle::SqliteStore;
use super::row::{Decoder, previous, select_of_stream};
use super::streams::{self, Place};
use crate::ports::{BackendError, EventStore, telemetry};
use crate::types::{
    Committed, DedupKey, FeedPage, Filter, LogId, Position, ReadFrom, RecordedEvent, StreamId,
    StreamPage, StreamVersion, Token,
};

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
                None => feed::page(conn, after, limit)?,
                Some(categories) => feed::page_of(conn, after, categories, limit)?,
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

fn outcome(conn: &Connection, log: LogId, of: &DedupKey) -> rusqlite::Result<Option<Committed>> {
    match of {
        DedupKey::Event(id) => Ok(duplicate::event(conn, *id)?.map(|event| {
            let (stream, at) = (event.stream().clone(), event.position());
            Committed::new(vec![(stream, event.version())], Some(at..=at), Token::new(log, at))
        })),
        DedupKey::Inbox(key) => duplicate::of_inbox(conn, log, key),
    }
}
