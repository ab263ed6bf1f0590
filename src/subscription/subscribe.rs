//! What is followed, by whom, and how it begins.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::{OnceCell, mpsc, watch};
use tokio::time::Instant;

use super::inbox::Inbox;
use super::mark::Replaced;
use super::members::Member;
use super::options::SubscriptionOptions;
use super::partition::Partition;
use super::pause::Pauses;
use super::running::{PartHandle, Running};
use super::share::Share;
use super::sink::Sink;
use super::status::{Phase, Status};
use super::worker::{Job, Worker};
use crate::consistency::{Lag, Progress};
use crate::ports::{
    BackendError, Clock, EventStore, Feed, Ids, Outbox, RowStore, SystemClock, SystemIds,
};
use crate::retry::Seeds;
use crate::types::{LeaseName, Owner, Position};

/// How often it is asked, in the time of a lease, what other processes have decided.
const LOOKS_A_LEASE: u32 = 3;
/// How many orders may wait for a part.
const ORDERS_MAX: usize = 16;

/// A sink, the logs that it follows, and the store of its leases and checkpoints.
///
/// Every process that may do the work starts the same subscription: one of them does it, and the others stand by.
#[must_use = "a subscription does nothing until it is started"]
pub struct Subscription {
    sink: Arc<dyn Sink>,
    store: Arc<dyn RowStore>,
    logs: Vec<Feed>,
    options: SubscriptionOptions,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    seed: Option<u64>,
    progress: Option<Progress>,
    paused_with: Option<LeaseName>,
    replaces: Option<(LeaseName, u32)>,
}

impl Subscription {
    /// Feeds `sink`; leases, checkpoints and parked events are kept in `store`.
    pub fn new(sink: impl Sink, store: impl RowStore) -> Self {
        Self::of(Arc::new(sink), store)
    }

    /// The same for a sink that somebody else has, too.
    pub(crate) fn of(sink: Arc<dyn Sink>, store: impl RowStore) -> Self {
        Self {
            sink,
            store: Arc::new(store),
            logs: Vec::new(),
            options: SubscriptionOptions::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            seed: None,
            progress: None,
            paused_with: None,
            replaces: None,
        }
    }

    /// Follows this log, too, unless it is followed already. Events of one log are taken in in order; those of two logs have none between them.
    pub fn follow(self, log: impl EventStore) -> Self {
        self.follow_feed(Feed::Events(Arc::new(log)))
    }

    /// Follows the messages of this outbox, too, unless they are followed already. They are not filtered.
    pub fn follow_outbox(self, outbox: impl Outbox) -> Self {
        self.follow_feed(Feed::Messages(Arc::new(outbox)))
    }

    pub(crate) fn follow_feed(mut self, feed: Feed) -> Self {
        if self.logs.iter().all(|known| known.identity() != feed.identity()) {
            self.logs.push(feed);
        }
        self
    }

    /// Sets the bounds.
    pub fn options(mut self, options: SubscriptionOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the clock that lags are measured by.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets where the id of the owner is drawn from.
    pub fn ids(mut self, ids: impl Ids) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Fixes the chance in the delays.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// It does anew what the job `old`, of so many parts, has done, from the first event on: with other code, or in another
    /// place. Its sink is told which events that job had taken in ([`Batch::fresh`](super::Batch::fresh)), so that
    /// it makes its state again and does not have its effects again: no mail is sent twice.
    ///
    /// It begins when nobody holds the lease of the old job any more: stop that everywhere, and start it no more. How far it
    /// came is written down before the first batch, so that a crash in the middle changes nothing. It does not
    /// begin while something of the old job is parked, for that was not taken in.
    ///
    /// ```
    /// # use freehold::backend::memory::MemoryStore;
    /// # use freehold::subscription::{Sink, Subscription};
    /// # use freehold::LeaseName;
    /// # fn begin(mails_v2: impl Sink, store: MemoryStore) -> Result<(), Box<dyn std::error::Error>> {
    /// let subscription = Subscription::new(mails_v2, store.clone())
    ///     .follow(store)
    ///     .replaces(LeaseName::new("mails")?, 1);
    /// # let _ = subscription;
    /// # Ok(())
    /// # }
    /// ```
    pub fn replaces(mut self, old: LeaseName, parts: u32) -> Self {
        self.replaces = Some((old, parts.max(1)));
        self
    }

    /// Tells `progress` of every step. It must be of as many parts as the subscription.
    pub(crate) fn tell(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// It is paused and resumed together with all other jobs of this name.
    pub(crate) fn paused_with(mut self, name: LeaseName) -> Self {
        self.paused_with = Some(name);
        self
    }

    /// How far the job is behind, whoever does it, and also if nobody does.
    ///
    /// # Errors
    /// [`BackendError`] if a log or the store cannot be read.
    pub async fn lag(&self) -> Result<Lag, BackendError> {
        let job = self.job();
        let names: Vec<_> = parts(&job).map(|(name, _)| name).collect();
        let places = job.places(names.iter()).await?;
        job.lag(&places).await
    }

    /// Starts it, on the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self) -> Running {
        let job = Arc::new(self.job());
        let (stop, stopped) = watch::channel(false);
        let start = |(name, partition): (LeaseName, Partition)| {
            let part = job.progress.part(partition.index() as usize);
            let status = Arc::new(Status::new(part));
            // One before it may have ended.
            status.enter(Phase::Standby);
            let (orders, inbox) = mpsc::channel(ORDERS_MAX);
            let worker = Worker {
                job: Arc::clone(&job),
                name: name.clone(),
                partition,
                owner: Owner::new(self.ids.draw()),
                status: Arc::clone(&status),
                inbox: Inbox {
                    stop: stopped.clone(),
                    pauses: job.pauses.subscribe(),
                    share: job.share.subscribe(),
                    part: partition.index(),
                    orders: inbox,
                    first: None,
                },
            };
            PartHandle { name, partition, status, orders, task: tokio::spawn(worker.run()) }
        };
        let parts = parts(&job).map(start).collect();
        let observed = Mutex::new((Vec::new(), Instant::now()));
        let interval = job.options.lease_time / LOOKS_A_LEASE;
        let member = (job.options.partitions > 1).then(|| {
            let owner = Owner::new(self.ids.draw());
            let member = Member { job: Arc::clone(&job), owner, interval };
            tokio::spawn(member.run(stopped.clone()))
        });
        tokio::spawn({
            let job = Arc::clone(&job);
            async move { job.pauses.watch(&*job.store, interval, stopped).await }
        });
        Running { job, parts, member, stop, observed }
    }

    fn job(&self) -> Job {
        // Whoever waits knows of so many parts.
        let told =
            self.progress.as_ref().map(|told| u32::try_from(told.parts()).unwrap_or(u32::MAX));
        let mut options = self.options;
        options.partitions = told.unwrap_or(options.partitions).max(1);
        let parts = options.partitions as usize;
        let progress = self.progress.clone().unwrap_or_else(|| Progress::new(parts));
        let paused_with = self.paused_with.as_ref().unwrap_or_else(|| self.sink.name());
        let replaced = self.replaces.clone().map(|(job, parts)| {
            let owner = Owner::new(self.ids.draw());
            Replaced { job, parts, owner }
        });
        Job {
            sink: Arc::clone(&self.sink),
            store: Arc::clone(&self.store),
            logs: self.logs.clone(),
            options,
            clock: Arc::clone(&self.clock),
            seeds: Seeds::new(self.seed),
            pauses: Pauses::new(paused_with.clone(), progress.clone()),
            progress,
            // Whoever does not share it out needs no slot; otherwise the slots say how much it may be.
            share: Share::of(usize::from(parts == 1)),
            replaced,
            mark: OnceCell::new(),
        }
    }
}

/// The parts of a job, each with a lease of its own. That of a job that is not shared out has the job's name.
fn parts(job: &Job) -> impl Iterator<Item = (LeaseName, Partition)> + use<> {
    let name = job.sink.name().clone();
    Partition::all(job.options.partitions)
        .map(move |part| (name.part(part.index(), part.of()), part))
}

impl Job {
    /// How far the job is in each log: as far as the last of its parts.
    pub(super) async fn places(
        &self,
        names: impl Iterator<Item = &LeaseName>,
    ) -> Result<Vec<Position>, BackendError> {
        let mut places = vec![None::<Position>; self.logs.len()];
        for name in names {
            let state = self.store.lease(name).await?;
            for (place, log) in places.iter_mut().zip(&self.logs) {
                let at = state.checkpoint(log.identity());
                *place = Some(place.map_or(at, |other| other.min(at)));
            }
        }
        Ok(places.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// How far a job is behind that is at `places` in its logs.
    pub(super) async fn lag(&self, places: &[Position]) -> Result<Lag, BackendError> {
        let mut all = Lag::default();
        for (log, place) in self.logs.iter().zip(places) {
            let lag = Lag::of(log, *place, self.sink.filter(), self.clock.now()).await?;
            all = all.and(lag);
        }
        Ok(all)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("name", self.sink.name())
            .field("logs", &self.logs)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
