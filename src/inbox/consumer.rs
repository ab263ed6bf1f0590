//! A consumer before it runs.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::options::ConsumerOptions;
use super::running::RunningConsumer;
use super::tenure::Job;
use crate::message::handler::Handler;
use crate::ports::{Clock, Deliveries, EventStore, Ids, RowStore, SystemClock, SystemIds};
use crate::retry::Seeds;
use crate::types::{LeaseName, Owner};

/// How many orders may wait.
const ORDERS_MAX: usize = 16;

/// Receives messages, and handles each of them once.
///
/// It guarantees that the effect of a message is committed exactly once, for as long as its mark is kept, and that a message
/// is settled with the broker only after that. Messages of one key are handled in the order in which they are delivered.
#[must_use = "a consumer does nothing until it is started"]
pub struct Consumer<S> {
    name: LeaseName,
    store: S,
    deliveries: Arc<dyn Deliveries>,
    options: ConsumerOptions,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    seed: Option<u64>,
}

impl<S: EventStore + RowStore> Consumer<S> {
    /// A consumer of `deliveries`, whose marks and effects are in `store`. Its name must never change: by it, it knows what it
    /// has handled.
    pub fn new(name: LeaseName, deliveries: impl Deliveries, store: S) -> Self {
        Self {
            name,
            store,
            deliveries: Arc::new(deliveries),
            options: ConsumerOptions::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            seed: None,
        }
    }

    /// Sets the bounds.
    pub fn options(mut self, options: ConsumerOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the clock that tells since when a message is parked.
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

    /// Starts it, on the runtime of the caller: messages are handled by `handler`.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self, handler: impl Handler) -> RunningConsumer {
        let Self { name, store, deliveries, options, clock, ids, seed } = self;
        let store = Arc::new(store);
        let (stop, stopped) = watch::channel(false);
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let rows = Arc::clone(&store) as Arc<dyn RowStore>;
        let job = Job {
            name: name.clone(),
            store,
            deliveries,
            handler: Arc::new(handler),
            options,
            clock,
            owner: Owner::new(ids.draw()),
            seeds: Seeds::new(seed),
        };
        let task = tokio::spawn(job.run(stopped, inbox));
        RunningConsumer { name, store: rows, orders, stop, task }
    }
}

impl<S> fmt::Debug for Consumer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name)
            .field("deliveries", &self.deliveries)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
