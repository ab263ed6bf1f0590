//! Recognises the repetition of a commit, and finds the answer that it was given.
//!
//! An event is recognised by its id, a handled message by its key. What is recorded does not change, so looking after
//! the refusal is as good as looking in the statement that refused.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::append::{Log, Refusal};
use super::error::backend;
use super::row::{self, Decoder};
use super::value::Uuid;
use crate::ports::CommitError;
use crate::types::{Committed, EventId, InboxKey, Parts, RecordedEvent, Token};

/// What is recorded of a commit.
#[derive(Debug)]
enum Recorded {
    /// Nothing.
    Nothing,
    /// All of it: this is the answer that it was given.
    All(Committed),
    /// This event, but as something else, or without its neighbours, or without the message or the advance.
    Otherwise(EventId),
}

impl Log {
    /// Says why a commit was refused: as a repetition, by a conflict, by a closed stream, or by a fence.
    pub(super) async fn explain(
        &self,
        conn: &mut PgConnection,
        parts: &Parts,
        refusal: Refusal,
    ) -> sqlx::Result<Result<Committed, CommitError>> {
        if let Some(key) = &parts.inbox
            && let Some(first) = self.handled(conn, key).await?
        {
            return Ok(Ok(first.as_duplicate()));
        }
        let (is_bare, otherwise) = match refusal {
            Refusal::Fenced(fenced) => return Ok(Err(fenced.into())),
            // Another commit has moved the checkpoint just so.
            Refusal::Moved(fenced, _) if parts.inbox.is_some() => return Ok(Err(fenced.into())),
            // A commit without events leaves nothing but the checkpoint.
            Refusal::Moved(_, Some(head)) if parts.appends.is_empty() => {
                return Ok(Ok(Committed::new(Vec::new(), None, head).as_duplicate()));
            }
            Refusal::Moved(fenced, _) => (true, CommitError::from(fenced)),
            // If all guards hold, what was there is gone, which nobody but an operator can do.
            Refusal::Recorded(failing) => (
                parts.inbox.is_none() && parts.advance.is_none(),
                failing.unwrap_or_else(|| backend("commit", sqlx::Error::RowNotFound).into()),
            ),
        };
        Ok(match self.recorded_of(conn, parts, is_bare).await? {
            Recorded::All(first) => Ok(first),
            Recorded::Otherwise(id) => Err(CommitError::IdReused(id)),
            Recorded::Nothing => Err(otherwise),
        })
    }

    /// What is recorded of the events of a commit that was refused. One that is not `is_bare` has something new beside them,
    /// which would be lost if it passed for an old commit without it.
    async fn recorded_of(
        &self,
        conn: &mut PgConnection,
        parts: &Parts,
        is_bare: bool,
    ) -> sqlx::Result<Recorded> {
        let ids: Vec<EventId> = parts.events().map(|(_, event)| event.id()).collect();
        let found = self.recorded(conn, &ids).await?;
        let (mut first_found, mut missing) = (None, !is_bare);
        for (stream, event) in parts.events() {
            match found.get(&event.id()) {
                None => missing = true,
                Some(recorded) if recorded.stream() == stream && recorded.records(event) => {
                    first_found = first_found.or(Some(event.id()));
                }
                Some(_) => return Ok(Recorded::Otherwise(event.id())),
            }
        }
        Ok(match first_found {
            None => Recorded::Nothing,
            Some(id) if missing => Recorded::Otherwise(id),
            Some(id) => self.answer(parts, &found).map_or(Recorded::Otherwise(id), Recorded::All),
        })
    }

    /// The answer to the commit that handled this message; `None` if none has.
    pub(super) async fn handled(
        &self,
        conn: &mut PgConnection,
        key: &InboxKey,
    ) -> sqlx::Result<Option<Committed>> {
        let select = sqlx::query(self.sql.inbox.clone()).bind(key.consumer()).bind(key.message());
        let Some(found) = select.fetch_optional(conn).await? else { return Ok(None) };
        let positions = match (found.try_get(0)?, found.try_get(1)?) {
            (Some(first), Some(last)) => Some(row::position(first)?..=row::position(last)?),
            _ => None,
        };
        let token = Token::new(self.id, row::position(found.try_get(2)?)?);
        let categories: Vec<String> = found.try_get(3)?;
        let (streams, versions): (Vec<String>, Vec<i64>) = (found.try_get(4)?, found.try_get(5)?);
        let mut written = Vec::with_capacity(streams.len());
        for ((category, stream), version) in categories.iter().zip(&streams).zip(versions) {
            written.push((row::stream(category, stream)?, row::version(version)?));
        }
        Ok(Some(Committed::new(written, positions, token)))
    }

    /// Those of the events that are recorded already.
    pub(super) async fn recorded(
        &self,
        conn: &mut PgConnection,
        ids: &[EventId],
    ) -> sqlx::Result<HashMap<EventId, RecordedEvent>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| Uuid(id.as_uuid())).collect();
        let rows = sqlx::query(self.sql.events.clone()).bind(ids).fetch_all(conn).await?;
        let mut decoder = Decoder::default();
        rows.iter().map(|found| decoder.event(found).map(|event| (event.id(), event))).collect()
    }

    /// The answer to a commit whose events are all recorded.
    fn answer(&self, parts: &Parts, found: &HashMap<EventId, RecordedEvent>) -> Option<Committed> {
        let positions = found.values().map(RecordedEvent::position);
        let (first, last) = (positions.clone().min()?, positions.max()?);
        let mut versions = Vec::with_capacity(parts.appends.len());
        for append in &parts.appends {
            let here = append.events.iter().filter_map(|event| found.get(&event.id()));
            versions.push((append.stream.clone(), here.map(RecordedEvent::version).max()?));
        }
        let token = Token::new(self.id, last);
        Some(Committed::new(versions, Some(first..=last), token).as_duplicate())
    }
}
