//! How a projection is kept up, and the handle of one that is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::contract::Projection;
use super::enrich::Enrich;
use super::generation::Generation;
use super::keeper::{Ask, Builds, Keeper, UpkeepError};
use super::level::Asynchronous;
use super::memory::{self, Memories};
use super::model::Model;
use super::sink::ProjectionSink;
use crate::consistency::Lag;
use crate::subscription::{Health, Running, Subscription, SubscriptionOptions};

/// How long a build is kept that is read no more: longer than any read takes that has begun with it.
const RETIRE_AFTER: Duration = Duration::from_mins(1);

/// How many may ask for something at a time.
const ASKS_MAX: usize = 4;

/// How a projection is kept up, before it begins.
#[must_use = "a projection is not kept up until it is started"]
pub struct Upkeep<P> {
    projection: Arc<P>,
    model: Arc<Model>,
    options: SubscriptionOptions,
    enrich: Option<Arc<dyn Enrich>>,
    retire_after: Duration,
    memory_bytes_max: usize,
}

impl<P: Projection<Level: Asynchronous>> Upkeep<P> {
    pub(super) fn new(projection: P, model: Arc<Model>) -> Self {
        let options = SubscriptionOptions {
            late_after: <P::Level as Asynchronous>::LATE_AFTER,
            ..SubscriptionOptions::default()
        };
        let projection = Arc::new(projection);
        Self {
            projection,
            model,
            options,
            enrich: None,
            retire_after: RETIRE_AFTER,
            memory_bytes_max: memory::BYTES_MAX,
        }
    }

    /// Sets the bounds. Over how many parts it is shared out is [`Projection::PARTITIONS`], and when it is late is what its
    /// level says, whatever they say.
    pub fn options(mut self, options: SubscriptionOptions) -> Self {
        let late_after = <P::Level as Asynchronous>::LATE_AFTER;
        self.options = SubscriptionOptions { late_after, ..options };
        self
    }

    /// Asks for facts of other services before each batch.
    pub fn enrich(mut self, enrich: impl Enrich) -> Self {
        self.enrich = Some(Arc::new(enrich));
        self
    }

    /// Sets how long a build is kept after a rebuild has taken its place. 60 s by default.
    pub fn retire_after(mut self, time: Duration) -> Self {
        self.retire_after = time;
        self
    }

    /// Sets how much of the views that the last batches have written is remembered while it catches up, so that they need not be
    /// loaded again: in bytes of their keys and values, for each part. 0 loads all views for every batch. 4 MiB by default.
    ///
    /// A view that a person changes in the table meanwhile is overwritten; pause the projection first.
    pub fn memory_bytes_max(mut self, bytes: usize) -> Self {
        self.memory_bytes_max = bytes;
        self
    }

    /// Starts it, on the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self) -> Kept {
        let model = Arc::clone(&self.model);
        model.begins();
        let retire_after = self.retire_after;
        let subscribe = Box::new(move |generation: &Generation| self.subscribe(generation).start());
        let (stop, stopped) = watch::channel(false);
        let (asks, inbox) = mpsc::channel(ASKS_MAX);
        let builds = Arc::new(Builds::default());
        let keeper = Keeper {
            model: Arc::clone(&model),
            subscribe,
            builds: Arc::clone(&builds),
            retire_after,
            asks: inbox,
            stop: stopped,
        };
        let task = tokio::spawn(keeper.run());
        Kept { builds, asks, stop, task }
    }

    fn subscribe(&self, generation: &Generation) -> Subscription {
        let sink = ProjectionSink {
            projection: Arc::clone(&self.projection),
            store: Arc::clone(&self.model.store),
            enrich: self.enrich.clone(),
            number: generation.number,
            set: generation.set.clone(),
            name: generation.job.clone(),
            filter: self.model.filter.clone(),
            memories: Memories::new(self.memory_bytes_max),
        };
        let mut subscription = Subscription::new(sink, Arc::clone(&self.model.store))
            .options(self.options)
            .clock(Arc::clone(&self.model.clock))
            .ids(Arc::clone(&self.model.ids))
            .paused_with(generation.projection.clone())
            .tell(generation.progress.clone());
        for log in &self.model.logs {
            subscription = subscription.follow(Arc::clone(log));
        }
        subscription
    }
}

impl<P: Projection> fmt::Debug for Upkeep<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep")
            .field("name", &P::NAME)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A projection that is kept up. When the handle is dropped, it stops behind the batch that is under way.
#[must_use = "a projection is kept up only as long as its handle lives"]
#[derive(Debug)]
pub struct Kept {
    builds: Arc<Builds>,
    asks: mpsc::Sender<Ask>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Kept {
    /// Whether the views that are read are kept up, be it here or elsewhere. A build that is being made counts only when it
    /// has stopped.
    pub async fn health(&self) -> Health {
        let (live, building) = match self.builds.both().await {
            Ok(both) => both,
            Err(error) => {
                return match &*error {
                    UpkeepError::Backend(trouble) => Health::Unknown(trouble.clone()),
                    _ => Health::Stopped(error),
                };
            }
        };
        if let Some(building) = building
            && let stopped @ Health::Stopped(_) = building.health().await
        {
            return stopped;
        }
        live.health().await
    }

    /// How far the views that are read are behind their logs.
    ///
    /// # Errors
    /// [`UpkeepError`] if a log or the store cannot be read.
    pub async fn lag(&self) -> Result<Lag, Arc<UpkeepError>> {
        Ok(self.live().await?.lag().await.map_err(UpkeepError::from)?)
    }

    /// How far a build that is being made is behind its logs; `None` if none is.
    ///
    /// # Errors
    /// [`UpkeepError`] if a log or the store cannot be read.
    pub async fn rebuilding(&self) -> Result<Option<Lag>, Arc<UpkeepError>> {
        match self.builds.both().await?.1 {
            Some(building) => Ok(Some(building.lag().await.map_err(UpkeepError::from)?)),
            None => Ok(None),
        }
    }

    /// The subscription of the views that are read, with what is parked, to be resumed or replayed. It is replaced when a
    /// rebuild takes its place.
    ///
    /// # Errors
    /// [`UpkeepError`] if the projection cannot be kept up.
    pub async fn live(&self) -> Result<Arc<Running>, Arc<UpkeepError>> {
        Ok(self.builds.both().await?.0)
    }

    /// Begins to build the views anew, beside those that are read, and returns when that is written down. From then on any
    /// process that keeps the projection up goes on with it, also after a crash; when the new build is as far as the old
    /// one, it takes its place, and is read from then on. [`Kept::rebuilding`] says how far it is.
    ///
    /// If a build is being made already, it goes on: nothing is begun anew.
    ///
    /// # Errors
    /// [`UpkeepError`] if it could not be written down.
    pub async fn rebuild(&self) -> Result<(), UpkeepError> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Rebuild(reply)).await.map_err(|_| UpkeepError::Stopped)?;
        answer.await.map_err(|_| UpkeepError::Stopped)?
    }

    /// Pauses the projection behind the batch that is under way: in every process, until it is resumed, also after a
    /// restart; a build that is being made is paused, too. See [`Running::pause`].
    ///
    /// # Errors
    /// [`UpkeepError`] if it could not be written down.
    pub async fn pause(&self) -> Result<(), Arc<UpkeepError>> {
        for running in self.all().await? {
            running.pause().await.map_err(UpkeepError::from)?;
        }
        Ok(())
    }

    /// Lets it go on after it was paused, or after an error has stopped it here. See [`Running::resume`].
    ///
    /// # Errors
    /// [`UpkeepError`] if that could not be written down.
    pub async fn resume(&self) -> Result<(), Arc<UpkeepError>> {
        for running in self.all().await? {
            running.resume().await.map_err(UpkeepError::from)?;
        }
        Ok(())
    }

    /// The subscriptions of all builds.
    async fn all(&self) -> Result<impl Iterator<Item = Arc<Running>> + use<>, Arc<UpkeepError>> {
        let (live, building) = self.builds.both().await?;
        Ok(std::iter::once(live).chain(building))
    }

    /// Stops behind the batch that is under way, so that another process can go on at once.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A task that panicked has stopped, too.
        drop((&mut self.task).await);
    }
}
