//! An account, and a store that counts, waits and fails as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use freehold::backend::memory::MemoryStore;
use freehold::{
    Aggregate, BackendError, Commit, CommitError, Committed, DedupKey, Event, EventStore, Fault,
    FeedPage, Filter, Handle, Limits, LogId, Position, ReadFrom, Store, StreamId, StreamPage,
};
use tokio::sync::Semaphore;

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Entry {
    Paid { cents: i64 },
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Account {
    pub(crate) cents: i64,
    pub(crate) entries: u64,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("only {0} cents are left")]
pub(crate) struct Overdrawn(pub(crate) i64);

impl Aggregate for Account {
    type Event = Entry;

    fn apply(&mut self, Entry::Paid { cents }: &Entry) {
        self.cents += cents;
        self.entries += 1;
    }
}

impl Account {
    pub(crate) fn pay(&self, cents: i64) -> Result<Vec<Entry>, Overdrawn> {
        if self.cents + cents < 0 {
            return Err(Overdrawn(self.cents));
        }
        Ok(vec![Entry::Paid { cents }])
    }

    /// Pays what is missing to `cents`: nothing, once it is there.
    pub(crate) fn fill_up_to(&self, cents: i64) -> Result<Vec<Entry>, Overdrawn> {
        let missing = cents - self.cents;
        Ok((missing > 0).then_some(Entry::Paid { cents: missing }).into_iter().collect())
    }
}

impl Handle for Account {
    type Command = i64;
    type Error = Overdrawn;

    fn handle(&self, cents: i64) -> Result<Vec<Entry>, Overdrawn> {
        self.pay(cents)
    }
}

/// What a commit meets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upset {
    /// Nothing is written.
    FailBefore,
    /// It is written, and the answer is lost.
    LoseAnswer,
}

/// A store in memory that counts commits and reads, lets commits through only while its gate is open, and
/// upsets them as planned.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    inner: MemoryStore,
    pub(crate) gate: Arc<Semaphore>,
    commits: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
    pages: Arc<Mutex<Vec<usize>>>,
    upsets: Arc<Mutex<VecDeque<Upset>>>,
}

impl Watched {
    pub(crate) fn new() -> Self {
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let (commits, reads, pages, upsets) = Default::default();
        Self { inner: MemoryStore::new(), gate, commits, reads, pages, upsets }
    }

    /// Shuts the gate: every commit waits for a permit.
    pub(crate) fn shut(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn upset(&self, with: impl IntoIterator<Item = Upset>) {
        self.upsets.lock().unwrap().extend(with);
    }

    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// How many pages of the feed were asked for.
    pub(crate) fn pages(&self) -> usize {
        self.pages.lock().unwrap().len()
    }

    /// How long the payloads of each of them were together, in bytes; 0 while it is read.
    pub(crate) fn bytes_by_page(&self) -> Vec<usize> {
        self.pages.lock().unwrap().clone()
    }
}

#[async_trait]
impl Store for Watched {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn is_ordered(&self) -> bool {
        true
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        let upset = self.upsets.lock().unwrap().pop_front();
        let trouble = BackendError::new("watched", "commit", Fault::Busy, "as planned");
        match upset {
            None => self.inner.commit(commit).await,
            Some(Upset::FailBefore) => Err(trouble.into()),
            Some(Upset::LoseAnswer) => {
                self.inner.commit(commit).await?;
                Err(CommitError::Unknown(trouble))
            }
        }
    }
}

#[async_trait]
impl EventStore for Watched {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read_stream(stream, from, limit).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let nth = {
            let mut pages = self.pages.lock().unwrap();
            pages.push(0);
            pages.len() - 1
        };
        let page = self.inner.read_all(after, filter, limit).await?;
        let bytes = page.events.iter().map(|event| event.data().len()).sum();
        self.pages.lock().unwrap()[nth] = bytes;
        Ok(page)
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.inner.head().await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.inner.changed(after).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.inner.outcome(of).await
    }
}
