//! Writes down what came of a saga's steps: the next records of its stream, each with what is committed beside it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::instance::Instance;
use super::outcome::told;
use super::record::Record;
use super::shared::Shared;
use crate::event;
use crate::ports::CommitError;
use crate::retry::RetryPolicy;
use crate::types::{Commit, EventId};

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

/// While the store cannot be reached, nothing else can be done than to try again.
const PATIENCE: RetryPolicy = RetryPolicy {
    retries_max: u32::MAX,
    delay_min: Duration::from_millis(5),
    delay_max: Duration::from_secs(1),
};

/// Appends the next records of a saga, all or none, together with `beside`.
pub(super) fn append(
    shared: &Arc<Shared>,
    saga: &Instance,
    records: &[Record],
    beside: Option<Commit>,
) -> BoxFuture<'static, Appended> {
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        let id = EventId::new(shared.ids.draw());
        match event::encode(record, id) {
            Ok(event) => {
                events.push(event.with_metadata(saga.metadata.clone()));
            }
            Err(error) => {
                let why = told(&error);
                return std::future::ready(Appended::Invalid(why)).boxed();
            }
        }
    }
    let stream = saga.stream.clone();
    let commit = Commit::new().append(&stream, saga.version, events);
    let has_more = beside.is_some();
    let commit = match beside {
        Some(beside) => commit.and(beside),
        None => commit,
    };
    let shared = Arc::clone(shared);
    async move {
        let mut backoff = PATIENCE.begin(0);
        loop {
            let error = match shared.store.commit(commit.clone()).await {
                Ok(_) => return Appended::Done,
                Err(error) => error,
            };
            match &error {
                CommitError::Conflict(conflict) if *conflict.stream() == stream => {
                    return Appended::Grown;
                }
                // The same decision would be refused again.
                CommitError::Conflict(_) | CommitError::Fenced(_) if has_more => {
                    return Appended::Misfit;
                }
                CommitError::Unknown(_) | CommitError::Backend(_) => {
                    tracing::warn!(%stream, error = %told(&error), "a saga cannot be written down");
                    if shared.desk.is_closed() {
                        return Appended::Stopped;
                    }
                    backoff.wait().await;
                }
                other => return Appended::Invalid(told(other)),
            }
        }
    }
    .boxed()
}
