//! Finding snapshots, and storing them beside the commands.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lru::LruCache;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use uuid::Uuid;

use super::policy::SnapshotPolicy;
use super::{Snapshotted, fingerprint, row};
use crate::aggregate::{Aggregate, Loaded};
use crate::event::Event;
use crate::ports::{Fault, RowStore, telemetry};
use crate::subscription::BoxError;
use crate::types::{Commit, RowSet, RowWrite, RowsWanted, StreamId, StreamVersion};

/// The snapshots of a repository, whatever its aggregate promises.
#[async_trait]
pub(in crate::aggregate) trait Snapshots<A: Aggregate>:
    fmt::Debug + Send + Sync
{
    /// The state that is stored, if it can be used. The event that made it is still to be found in the stream.
    async fn find(&self, stream: &StreamId) -> Option<Loaded<A>>;

    /// The state that is stored is not one of the stream as it is: it is to be stored again soon.
    fn reject(&self, stream: &StreamId);

    /// A state is there, which took so long to load, if it was loaded: it is stored if it is time for that.
    fn offer(&self, stream: &StreamId, loaded: &Loaded<A>, took: Option<Duration>);
}

pub(in crate::aggregate) struct Keeper<A> {
    shelf: Arc<Shelf>,
    policy: SnapshotPolicy,
    /// At which version a stream was stored last, as far as this process knows.
    known: Mutex<LruCache<StreamId, StreamVersion>>,
    writes: Arc<Semaphore>,
    /// Of the aggregate, which is asked for it when it is needed first.
    fingerprint: OnceLock<Uuid>,
    aggregate: PhantomData<fn() -> A>,
}

/// Where snapshots are kept.
struct Shelf {
    store: Arc<dyn RowStore>,
    set: RowSet,
    /// Filled when the set is known to be there.
    prepared: OnceCell<()>,
}

impl<A: Snapshotted> Keeper<A> {
    pub(in crate::aggregate) fn new(store: Arc<dyn RowStore>, policy: SnapshotPolicy) -> Self {
        let known_max = NonZeroUsize::new(policy.known_streams_max).unwrap_or(NonZeroUsize::MIN);
        Self {
            shelf: Arc::new(Shelf { store, set: row::set(), prepared: OnceCell::new() }),
            policy,
            known: Mutex::new(LruCache::new(known_max)),
            writes: Arc::new(Semaphore::new(policy.writes_max.min(Semaphore::MAX_PERMITS))),
            fingerprint: OnceLock::new(),
            aggregate: PhantomData,
        }
    }

    async fn look(&self, stream: &StreamId) -> Result<Option<Loaded<A>>, BoxError> {
        let wanted = RowsWanted::Keys(vec![row::key(stream)?]);
        let page = match self.shelf.store.rows(&self.shelf.set, &wanted, None).await {
            // Nothing was ever stored here.
            Err(error) if error.fault() == Fault::Missing => return Ok(None),
            page => page?,
        };
        let stored = page.rows.first();
        Ok(stored.map(|stored| row::read(&stored.value, self.fingerprint())).transpose()?)
    }

    fn fingerprint(&self) -> Uuid {
        *self.fingerprint.get_or_init(fingerprint::of::<A>)
    }

    fn known(&self) -> MutexGuard<'_, LruCache<StreamId, StreamVersion>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    async fn put<A: Snapshotted>(
        &self,
        stream: &StreamId,
        loaded: &Loaded<A>,
        fingerprint: Uuid,
    ) -> Result<(), BoxError> {
        let Some(value) = row::write(loaded, fingerprint)? else { return Ok(()) };
        self.prepared.get_or_try_init(|| self.store.prepare(&self.set)).await?;
        let row = RowWrite::put(&self.set, &row::key(stream)?, value);
        self.store.commit(Commit::new().rows([row])).await?;
        Ok(())
    }
}

#[async_trait]
impl<A: Snapshotted> Snapshots<A> for Keeper<A> {
    async fn find(&self, stream: &StreamId) -> Option<Loaded<A>> {
        let found = self.look(stream).await.unwrap_or_else(|why| {
            // Whatever is wrong with it: the stream has all that is in it.
            tracing::debug!(%stream, error = &*why as &dyn Error, "a snapshot is passed over");
            self.reject(stream);
            None
        })?;
        self.known().put(stream.clone(), found.version());
        Some(found)
    }

    fn reject(&self, stream: &StreamId) {
        telemetry::snapshot(A::Event::CATEGORY, "passed_over");
        self.known().pop(stream);
    }

    fn offer(&self, stream: &StreamId, loaded: &Loaded<A>, took: Option<Duration>) {
        let mut known = self.known();
        let last = known.get(stream).copied().unwrap_or(StreamVersion::NONE).get();
        let since = loaded.version().get().saturating_sub(last);
        let took_long = took.is_some_and(|took| took > self.policy.load_time_max);
        if since < self.policy.every_events.max(1) && !(took_long && since > 0) {
            return;
        }
        let (Ok(permit), Ok(runtime)) =
            (Arc::clone(&self.writes).try_acquire_owned(), Handle::try_current())
        else {
            return;
        };
        known.put(stream.clone(), loaded.version());
        drop(known);
        let (to, fingerprint) = (Arc::clone(&self.shelf), self.fingerprint());
        let (stream, loaded) = (stream.clone(), loaded.clone());
        runtime.spawn(async move {
            let outcome = match to.put(&stream, &loaded, fingerprint).await {
                Ok(()) => "stored",
                Err(why) => {
                    tracing::warn!(%stream, error = &*why as &dyn Error, "a snapshot is not stored");
                    "failed"
                }
            };
            telemetry::snapshot(A::Event::CATEGORY, outcome);
            drop(permit);
        });
    }
}

impl<A> fmt::Debug for Keeper<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("policy", &self.policy).finish_non_exhaustive()
    }
}
