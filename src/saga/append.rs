//! Writes down what came of a saga's steps: the next records of its stream, each with what is committed beside it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::error::OperateError;
use super::instance::Instance;
use super::outcome::told;
use super::record::Record;
use super::shared::Shared;
use crate::event;
use crate::ports::{CommitError, Ids};
use crate::retry::RetryPolicy;
use crate::types::{Commit, EventId, Metadata, StreamId, StreamVersion};

/// What came of writing.
pub(super) enum Appended {
    Done,
    /// The log has grown meanwhile: somebody else writes into it.
    Grown,
    /// What is to be committed beside it does not fit.
    Misfit,
    /// It can never be committed.
    Invalid(String),
    /// The runner stops, and it is not known whether it was written.
    Stopped,
}

/// Where the next records of a saga are written.
pub(super) struct Log<'s> {
    pub(super) stream: &'s StreamId,
    pub(super) version: StreamVersion,
    pub(super) metadata: &'s Metadata,
}

/// While the store cannot be reached, nothing else can be done than to try again.
const PATIENCE: RetryPolicy = RetryPolicy {
    retries_max: u32::MAX,
    delay_min: Duration::from_millis(5),
    delay_max: Duration::from_secs(1),
};

/// The same for somebody who is waiting.
const SHORT_PATIENCE: RetryPolicy = RetryPolicy { retries_max: 5, ..PATIENCE };

/// The next records of a saga, all or none, together with `beside`.
///
/// # Errors
/// Why a record cannot be written.
pub(super) fn commit_of<'r>(
    log: &Log<'_>,
    records: impl ExactSizeIterator<Item = (EventId, &'r Record)>,
    beside: Option<Commit>,
) -> Result<Commit, String> {
    let mut events = Vec::with_capacity(records.len());
    for (id, record) in records {
        let event = event::encode(record, id).map_err(|error| told(&error))?;
        events.push(event.with_metadata(log.metadata.clone()));
    }
    let commit = Commit::new().append(log.stream, log.version, events);
    Ok(match beside {
        Some(beside) => commit.and(beside),
        None => commit,
    })
}

/// What a refused commit says; `None` if the same commit may go through the next time.
pub(super) fn refused(error: &CommitError, log: &StreamId, has_beside: bool) -> Option<Appended> {
    Some(match error {
        CommitError::Conflict(conflict) if conflict.stream() == log => Appended::Grown,
        // The same decision would be refused again.
        CommitError::Conflict(_) | CommitError::Fenced(_) if has_beside => Appended::Misfit,
        CommitError::Unknown(_) | CommitError::Backend(_) => return None,
        other => Appended::Invalid(told(other)),
    })
}

/// Appends a record for somebody who is waiting, and who is told when it cannot be; `false` if the log has grown meanwhile.
pub(super) async fn append_now(
    shared: &Shared,
    log: &Log<'_>,
    record: &Record,
) -> Result<bool, OperateError> {
    let unreadable = OperateError::Unreadable;
    let record = (EventId::new(shared.ids.draw()), record);
    let commit = commit_of(log, std::iter::once(record), None).map_err(unreadable)?;
    let mut backoff = SHORT_PATIENCE.begin(0);
    loop {
        let Err(error) = shared.store.commit(commit.clone()).await else { return Ok(true) };
        match refused(&error, log.stream, false) {
            Some(Appended::Invalid(why)) => return Err(unreadable(why)),
            Some(_) => return Ok(false),
            None if backoff.wait().await => {}
            None => return Err(error.into()),
        }
    }
}

/// Appends the next records of a saga, all or none, together with `beside`.
pub(super) fn append(
    shared: &Arc<Shared>,
    saga: &Instance,
    records: Arc<[Record]>,
    beside: Option<Commit>,
) -> BoxFuture<'static, Appended> {
    let (shared, id, version) = (Arc::clone(shared), saga.id.clone(), saga.version);
    let (metadata, has_beside) = (saga.log().metadata.clone(), beside.is_some());
    // By their ids they are known if they are committed again.
    let ids: Vec<EventId> = records.iter().map(|_| EventId::new(shared.ids.draw())).collect();
    async move {
        let mut backoff = PATIENCE.begin(0);
        loop {
            let log = Log { stream: id.stream(), version, metadata: &metadata };
            let records = ids.iter().copied().zip(&*records);
            let commit = match commit_of(&log, records, beside.clone()) {
                Ok(commit) => commit,
                Err(why) => return Appended::Invalid(why),
            };
            let Err(error) = shared.store.commit(commit).await else {
                return Appended::Done;
            };
            if let Some(refused) = refused(&error, id.stream(), has_beside) {
                return refused;
            }
            tracing::warn!(saga = %id, error = %told(&error), "a saga cannot be written down");
            if shared.desk.is_closed() {
                return Appended::Stopped;
            }
            backoff.wait().await;
        }
    }
    .boxed()
}
