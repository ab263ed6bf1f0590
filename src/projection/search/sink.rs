//! A search index as a sink, which keeps its own checkpoint.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use super::desk::{Desk, Part};
use super::error::SearchError;
use super::folder::Folder;
use super::index::is_covered;
use super::searched::Searched;
use super::stamp::Stamp;
use crate::projection::model::Model;
use crate::subscription::{Applied, Batch, Partition, Sink, SinkError};
use crate::types::{Filter, LeaseName, LogId, Position};

/// A search index as a sink.
pub(super) struct SearchSink<P> {
    pub(super) name: LeaseName,
    pub(super) model: Arc<Model>,
    pub(super) work: Arc<Work<P>>,
    /// The least time between two commits.
    pub(super) commit_interval: Duration,
    /// When the last one was.
    pub(super) rested: Mutex<Option<Instant>>,
}

/// What is done on threads that may block.
pub(super) struct Work<P> {
    pub(super) projection: P,
    pub(super) folder: Folder,
    pub(super) logs: Vec<LogId>,
    pub(super) heap_bytes: usize,
    /// Whether the index shall be built anew though nothing has changed, which is begun once.
    pub(super) anew: AtomicBool,
    /// Open as long as the lease is held.
    pub(super) desk: Mutex<Option<Desk>>,
}

/// Whether somebody waits for the work: whoever has lost the lease does not.
#[derive(Clone)]
struct Waits(Arc<AtomicBool>);

impl Waits {
    fn check(&self) -> Result<(), SinkError> {
        let waits = self.0.load(Ordering::SeqCst);
        if waits { Ok(()) } else { Err(SinkError::transient("nobody waits for the work any more")) }
    }
}

/// Goes with the future that waits.
struct Waiter(Waits);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::SeqCst);
    }
}

impl<P: Searched> Work<P> {
    /// Does something at the desk, which is opened if it is not. After an error it is closed: what was not committed is gone,
    /// and whoever opens it next sees what was. So it is when nobody waits any more: the lease may be somebody else's.
    fn at_desk<T>(
        &self,
        waits: &Waits,
        work: impl FnOnce(&mut Desk) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let mut place = self.desk();
        waits.check()?;
        let mut desk = match place.take() {
            Some(desk) => desk,
            None => self.open()?,
        };
        let done = work(&mut desk).and_then(|done| waits.check().map(|()| done));
        if done.is_ok() {
            *place = Some(desk);
        } else if let Err(error) = desk.close() {
            tracing::debug!(projection = P::NAME, %error, "a writer has not ended well");
        }
        done
    }

    fn open(&self) -> Result<Desk, SearchError> {
        let desk = Desk::open::<P>(
            &self.folder,
            &self.logs,
            self.heap_bytes,
            self.anew.load(Ordering::SeqCst),
        )?;
        // What was begun is written down, and is gone on with.
        self.anew.store(false, Ordering::SeqCst);
        Ok(desk)
    }

    fn close(&self) -> Result<(), SearchError> {
        let desk = self.desk().take();
        desk.map_or(Ok(()), Desk::close)
    }

    // Whoever panicked had taken the desk out, and it is closed.
    fn desk(&self) -> MutexGuard<'_, Option<Desk>> {
        self.desk.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<P: Searched> SearchSink<P> {
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<P>, &Waits) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let shared = Arc::clone(&self.work);
        let waiter = Waiter(Waits(Arc::new(AtomicBool::new(true))));
        let waits = waiter.0.clone();
        let done = spawn_blocking(move || work(&shared, &waits)).await;
        // It panicked, which `tantivy` does on some files that are damaged, or the runtime ends.
        done.unwrap_or_else(|why| Err(SinkError::fatal(why)))
    }

    /// Commits that follow each other at once would each make a segment of a few documents.
    async fn rest(&self) {
        let rested = *self.rested();
        if let Some(rested) = rested {
            sleep_until(rested).await;
        }
    }

    fn rested(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rested.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A build that is as far as the one that is read takes its place.
    async fn swap_if_made(&self) -> Result<(), SinkError> {
        let race = self.blocking(|work, waits| work.at_desk(waits, |desk| Ok(desk.race()))).await?;
        let Some((made, read)) = race else { return Ok(()) };
        if self.is_as_far(&made, &read).await? {
            self.blocking(|work, waits| work.at_desk(waits, |desk| Ok(desk.swap()?))).await?;
            tracing::info!(
                projection = P::NAME,
                "a search index was built, and is read from now on"
            );
        }
        Ok(())
    }

    async fn is_as_far(&self, made: &Stamp, read: &Stamp) -> Result<bool, SinkError> {
        for log in &self.model.logs {
            let [made, read] = [made, read].map(|stamp| stamp.position(log.identity()));
            if !is_covered(&**log, &self.model.filter, made, read).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[async_trait]
impl<P: Searched> Sink for SearchSink<P> {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.model.filter
    }

    fn is_partitioned_by_key(&self) -> bool {
        false
    }

    async fn prepare(&self, _: Partition) -> Result<(), SinkError> {
        // Whoever had the lease here before may still be at work: the desk is theirs until they have ended.
        self.blocking(|work, waits| work.at_desk(waits, |_| Ok(()))).await?;
        self.swap_if_made().await
    }

    async fn resume(&self, log: LogId, _: Partition) -> Result<Option<Position>, SinkError> {
        self.blocking(move |work, waits| work.at_desk(waits, |desk| Ok(Some(desk.position(log)))))
            .await
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        // A log that is far ahead is not waited for: its batches are long.
        if !batch.has_more() {
            self.rest().await;
        }
        let (log, upto) = (batch.log(), batch.upto());
        let part = Part { log, events: batch.events().to_vec(), upto };
        self.blocking(move |work, waits| {
            work.at_desk(waits, |desk| desk.take_in(&work.projection, &part, || waits.check()))
        })
        .await?;
        *self.rested() = Some(Instant::now() + self.commit_interval);
        self.swap_if_made().await?;
        Ok(Applied::UpTo(upto))
    }

    async fn leave(&self, _: Partition) {
        let closed = self.blocking(|work, _| Ok(work.close()?)).await;
        if let Err(error) = closed {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(projection = P::NAME, error, "merging a search index has failed");
        }
    }
}
