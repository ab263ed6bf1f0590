//! How an index is kept up, before it begins.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::index::Index;
use super::searched::Searched;
use super::sink::{SearchSink, Work};
use crate::projection::level::Asynchronous;
use crate::subscription::{AfterRetries, Running, Subscription, SubscriptionOptions};

/// How much memory a writer may take for what it has not written to a file yet.
const HEAP_BYTES: usize = 32_000_000;
/// How often, at most, there is a commit: each makes files, and waits for the disk several times.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// How an index is kept up, before it begins.
#[must_use = "an index is not kept up until that is started"]
pub struct Indexing<P> {
    projection: P,
    index: Arc<Index>,
    options: SubscriptionOptions,
    heap_bytes: usize,
    commit_interval: Duration,
    anew: bool,
}

impl<P: Searched<Level: Asynchronous>> Indexing<P> {
    pub(super) fn new(projection: P, index: Arc<Index>) -> Self {
        let (heap_bytes, commit_interval) = (HEAP_BYTES, COMMIT_INTERVAL);
        let options = SubscriptionOptions::default();
        let new = Self { projection, index, options, heap_bytes, commit_interval, anew: false };
        new.options(options)
    }

    /// Sets the bounds. When it is late is what the projection's level says, whatever they say. It has one part, and parks no
    /// event: an index can be built anew at any time, so one that cannot take an event in stops, and says so.
    pub fn options(mut self, options: SubscriptionOptions) -> Self {
        let late_after = <P::Level as Asynchronous>::LATE_AFTER;
        let (partitions, after_retries) = (1, AfterRetries::Stop);
        self.options = SubscriptionOptions { partitions, after_retries, late_after, ..options };
        self
    }

    /// Sets how much memory the writer may take, in bytes, for what it has not written to a file yet; at least 15 MB and at
    /// most 4 GB. 32 MB by default.
    pub fn heap_bytes(mut self, bytes: usize) -> Self {
        self.heap_bytes = bytes;
        self
    }

    /// Sets the least time between two commits: what is recorded meanwhile goes into the next one. 100 ms by default. Fewer
    /// commits cost less, and a search shows later what has happened.
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.commit_interval = interval;
        self
    }

    /// Builds the index anew, beside the one that is read, though nothing has changed. It begins when this process gets the
    /// lease; what was begun is gone on with by whoever keeps the index up next. Until then the one that is read stands still.
    pub fn anew(mut self) -> Self {
        self.anew = true;
        self
    }

    /// Starts it, on the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self) -> Running {
        let Self { projection, index, options, heap_bytes, commit_interval, anew } = self;
        let model = Arc::clone(&index.model);
        let sink = SearchSink {
            name: index.job.clone(),
            model: Arc::clone(&model),
            work: Arc::new(Work {
                projection,
                folder: index.reader.folder().clone(),
                logs: model.logs.iter().map(|log| log.identity()).collect(),
                heap_bytes,
                anew: AtomicBool::new(anew),
                desk: Mutex::new(None),
            }),
            commit_interval,
            rested: Mutex::new(None),
        };
        index.progress.begin_again();
        let mut subscription = Subscription::new(sink, Arc::clone(&model.store))
            .options(options)
            .clock(Arc::clone(&model.clock))
            .ids(Arc::clone(&model.ids))
            .tell(index.progress.clone());
        for log in &model.logs {
            subscription = subscription.follow(Arc::clone(log));
        }
        subscription.start()
    }
}

impl<P: Searched> fmt::Debug for Indexing<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexing")
            .field("name", &P::NAME)
            .field("options", &self.options)
            .field("heap_bytes", &self.heap_bytes)
            .field("commit_interval", &self.commit_interval)
            .finish_non_exhaustive()
    }
}
