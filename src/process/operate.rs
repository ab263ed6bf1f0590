//! What an operator sees of a process, and can do.

use std::time::Duration;

use super::contract::ProcessManager;
use super::decide::Decision;
use super::entry::Entry;
use super::listed::{self, BoxError, Listed, Standing};
use super::processes::{Processes, ReadError, stream};
use super::timeline::Timeline;
use crate::event;
use crate::ports::{BackendError, CommitError, EventStore, EventStoreExt, Fault, RowStore};
use crate::types::{RowsWanted, StreamVersion};

/// How many instances are read at a time.
const PAGE: usize = 500;
/// How often an order is tried again that meets a message.
const TRIES_MAX: u32 = 16;

/// Why an operator's order was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// The instance never was, or is complete.
    #[error("the instance `{0}` is not open")]
    NotOpen(String),
    /// Its message cannot be heard this time, either.
    #[error("the instance `{instance}` is parked again: {why}")]
    #[non_exhaustive]
    StillFails {
        /// Which one.
        instance: String,
        /// Why it cannot be heard.
        why: String,
    },
    /// The record of the instance does not fit the process.
    #[error("the record of the instance cannot be read")]
    Unreadable(#[source] BoxError),
    /// Messages kept coming in between.
    #[error("the instance has no moment of rest")]
    Busy,
    /// The store cannot read.
    #[error(transparent)]
    Read(#[from] BackendError),
    /// The store cannot commit.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<ReadError> for OperateError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => Self::Read(error),
            error => Self::Unreadable(error.into()),
        }
    }
}

impl<P: ProcessManager, S: EventStore + RowStore> Processes<P, S> {
    /// Open instances, in the order of their names: at most `limit` of those after `after`, and whether more follow.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    pub async fn list(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Listed>, bool), BackendError> {
        let unreadable =
            |why: BoxError| BackendError::new("process", "list instances", Fault::Corrupt, why);
        self.prepare().await?;
        let set = listed::set().map_err(unreadable)?;
        let prefix = format!("{}/", P::NAME);
        let after =
            after.map(|after| listed::key(P::NAME, after)).transpose().map_err(unreadable)?;
        let wanted = RowsWanted::Page { prefix: prefix.as_str().into(), after, limit };
        let page = self.store.rows(&set, &wanted, None).await?;
        let mut all = Vec::with_capacity(page.rows.len());
        for row in &page.rows {
            let mut listed: Listed = row.value.read().map_err(|why| unreadable(why.into()))?;
            row.key
                .as_str()
                .strip_prefix(&prefix)
                .unwrap_or_default()
                .clone_into(&mut listed.instance);
            all.push(listed);
        }
        Ok((all, page.has_more))
    }

    /// The open instances that wait for somebody: parked ones, overdue ones, and those of which nothing was heard for `quiet`.
    /// At most `limit`.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    pub async fn stuck(&self, quiet: Duration, limit: usize) -> Result<Vec<Listed>, BackendError> {
        let now = self.clock.now();
        let is_stuck = |listed: &Listed| match listed.standing {
            Standing::Parked | Standing::Overdue => true,
            Standing::Open | Standing::Early => {
                (now - listed.since).to_std().is_ok_and(|since| since >= quiet)
            }
        };
        let (mut stuck, mut after) = (Vec::new(), None::<String>);
        loop {
            let (page, has_more) = self.list(after.as_deref(), PAGE).await?;
            after = page.last().map(|listed| listed.instance.clone());
            stuck.extend(page.into_iter().filter(is_stuck).take(limit - stuck.len()));
            if !has_more || stuck.len() >= limit {
                return Ok(stuck);
            }
        }
    }

    /// All that an instance has heard and done, also after its end; `None` if it has never heard of anything.
    ///
    /// # Errors
    /// [`OperateError::Read`] if the store cannot read; [`OperateError::Unreadable`] if its record is none.
    pub async fn find(&self, instance: &str) -> Result<Option<Timeline>, OperateError> {
        let id = stream::<P>(instance).map_err(ReadError::from)?;
        let events = self.store.read_tail(&id, StreamVersion::NONE).await?;
        let mut timeline = Timeline::new(P::NAME, instance);
        for recorded in events.iter().filter(|event| !event.closes()) {
            let entry = event::decode::<Entry>(recorded)
                .map_err(|why| OperateError::Unreadable(why.into()))?;
            timeline.add(&entry, recorded.recorded_at()).map_err(OperateError::Unreadable)?;
        }
        Ok((!events.is_empty()).then_some(timeline))
    }

    /// Lets a parked instance hear its message again, and then those that wait behind it.
    ///
    /// # Errors
    /// [`OperateError::StillFails`] if it cannot be heard this time, either.
    ///
    /// # Cancel safety
    /// It has happened, or not.
    pub async fn retry(&self, instance: &str) -> Result<(), OperateError> {
        #[allow(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is of one lifetime"
        )]
        self.order(instance, |decision| decision.retry()).await
    }

    /// Gives up the message that an instance cannot hear, and lets it hear those that wait behind it.
    ///
    /// # Errors
    /// [`OperateError::StillFails`] if one of those cannot be heard.
    ///
    /// # Cancel safety
    /// It has happened, or not.
    pub async fn discard(
        &self,
        instance: &str,
        by: &str,
        reason: &str,
    ) -> Result<(), OperateError> {
        self.order(instance, |decision| decision.discard(by.to_owned(), reason.to_owned())).await
    }

    /// Ends an instance: whatever comes for it from now on is ignored. What it has sent is not taken back.
    ///
    /// # Errors
    /// [`OperateError`] says why it did not.
    ///
    /// # Cancel safety
    /// It has happened, or not.
    pub async fn end(&self, instance: &str, by: &str, reason: &str) -> Result<(), OperateError> {
        self.order(instance, |decision| decision.end(by.to_owned(), reason.to_owned())).await
    }

    async fn order(
        &self,
        instance: &str,
        how: impl Fn(&mut Decision<'_, P>) -> Result<(), BoxError> + Send + Sync,
    ) -> Result<(), OperateError> {
        self.prepare().await?;
        let not_open = || OperateError::NotOpen(instance.to_owned());
        let mut still_fails = None;
        for _ in 0..TRIES_MAX {
            let mut is_open = false;
            let commit = self
                .decide(instance, |decision| {
                    is_open = decision.instance.is_open();
                    how(decision)?;
                    still_fails = decision.instance.parked.as_ref().map(|(_, why)| why.clone());
                    Ok(())
                })
                .await?;
            if !is_open {
                return Err(not_open());
            }
            let Some(commit) = commit else { break };
            match self.store.commit(commit).await {
                Ok(_) => break,
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match still_fails {
            Some(why) => Err(OperateError::StillFails { instance: instance.to_owned(), why }),
            None => Ok(()),
        }
    }
}
