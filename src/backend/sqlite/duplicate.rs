//! Recognises the repetition of a commit, and finds the answer that it was given.
//!
//! An event is recognised by its id, a handled message by its key. No list of commits is kept: the
//! positions and versions in the answer are those of the recorded events.

use rusqlite::{Connection, OptionalExtension};

use super::error;
use super::row::{self, Decoder, select_events};
use crate::ports::CommitError;
use crate::types::{
    Committed, EventId, InboxKey, LogId, NewEvent, Parts, Position, RecordedEvent, StreamId,
    StreamVersion, Token,
};

/// The answer to the commit that handled this message; `None` if none has.
pub(super) fn of_inbox(
    conn: &Connection,
    log: LogId,
    key: &InboxKey,
) -> rusqlite::Result<Option<Committed>> {
    let mut select = conn.prepare_cached(
        "SELECT first_position, last_position, token_position FROM freehold_inbox
         WHERE consumer = ?1 AND message = ?2",
    )?;
    let found = select.query_row([key.consumer(), key.message()], |found| {
        let events = found.get::<_, Option<i64>>(0)?.is_some();
        let at = events.then(|| {
            Ok::<_, rusqlite::Error>((row::position(found, 0)?, row::position(found, 1)?))
        });
        Ok((at.transpose()?, row::position(found, 2)?))
    });
    let Some((events, token)) = found.optional()? else { return Ok(None) };
    let token = Token::new(log, token);
    let Some((first, last)) = events else {
        return Ok(Some(Committed::new(Vec::new(), None, token)));
    };
    Ok(Some(Committed::new(versions(conn, first, last)?, Some(first..=last), token)))
}

/// The answer to the commit that recorded all of these events; `None` if none of them is recorded.
///
/// # Errors
/// [`CommitError::IdReused`] if some of them are recorded, or as something else, or if something stands beside
/// them (`is_bare` is false) that the commit which recorded them did not do: it would be lost.
pub(super) fn of_events(
    conn: &Connection,
    log: LogId,
    parts: &Parts,
    is_bare: bool,
) -> Result<Option<Committed>, CommitError> {
    let found = lookup(conn, parts).map_err(|why| error::backend("commit", why))?;
    let (mut first_found, mut missing) = (None, !is_bare);
    for (stream, event, recorded) in &found {
        match recorded {
            None => missing = true,
            Some(recorded) if recorded.stream() == *stream && recorded.records(event) => {
                first_found = first_found.or(Some(event.id()));
            }
            Some(_) => return Err(CommitError::IdReused(event.id())),
        }
    }
    match first_found {
        None => Ok(None),
        Some(id) if missing => Err(CommitError::IdReused(id)),
        Some(_) => Ok(answer(log, parts, &found)),
    }
}

/// An event that is recorded already.
pub(super) fn event(conn: &Connection, id: EventId) -> rusqlite::Result<Option<RecordedEvent>> {
    let mut select =
        conn.prepare_cached(select_events!("freehold_all_events", "WHERE event_id = ?1"))?;
    let id = id.as_uuid();
    select.query_row([id.as_bytes().as_slice()], |row| Decoder::default().event(row)).optional()
}

type Looked<'p> = (&'p StreamId, &'p NewEvent, Option<RecordedEvent>);

fn lookup<'p>(conn: &Connection, parts: &'p Parts) -> rusqlite::Result<Vec<Looked<'p>>> {
    parts.events().map(|(stream, new)| Ok((stream, new, event(conn, new.id())?))).collect()
}

/// The answer to a commit whose events are all recorded.
fn answer(log: LogId, parts: &Parts, found: &[Looked<'_>]) -> Option<Committed> {
    let mut recorded = found.iter().filter_map(|(_, _, recorded)| recorded.as_ref());
    let positions = recorded.clone().map(RecordedEvent::position);
    let (first, last) = (positions.clone().min()?, positions.max()?);
    // The events of a stream stand together, in the order of the appends.
    let mut versions = Vec::with_capacity(parts.appends.len());
    for append in &parts.appends {
        let here = recorded.by_ref().take(append.events.len());
        versions.push((append.stream.clone(), here.map(RecordedEvent::version).max()?));
    }
    Some(Committed::new(versions, Some(first..=last), Token::new(log, last)).as_duplicate())
}

/// The version of each stream after the commit whose events lie from `first` to `last`. No other
/// commit's events lie between: there is one writer.
fn versions(
    conn: &Connection,
    first: Position,
    last: Position,
) -> rusqlite::Result<Vec<(StreamId, StreamVersion)>> {
    let mut select = conn.prepare_cached(
        "SELECT category, stream, max(version) FROM freehold_all_events
         WHERE position BETWEEN ?1 AND ?2
         GROUP BY category, stream ORDER BY min(position)",
    )?;
    let rows = select.query_map([row::signed(first.get()), row::signed(last.get())], |found| {
        Ok((row::stream(row::text(found, 0)?, row::text(found, 1)?)?, row::version(found, 2)?))
    })?;
    rows.collect()
}
