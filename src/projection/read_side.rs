//! Where projections run, and where their views are read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::contract::Projection;
use super::fold;
use super::inline::InlineError;
use super::level::{Asynchronous, Inline};
use super::model::Model;
use super::past::{self, PastError, PastViews};
use super::sink;
use super::upkeep::{Kept, Upkeep};
use super::view::View;
use crate::consistency::Session;
use crate::ports::{Clock, EventStore, Ids, InlineStore, RowStore, SystemClock, SystemIds};

/// How often it is asked how far a view is that another process keeps up, while somebody waits for it.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long views are that are folded in memory, at most.
const PAST_BYTES_MAX: usize = 256 << 20;

/// Where projections run and their views are read: a store for the views, and the logs that they follow. Clones share all
/// of it.
///
/// Views and logs may be in one store or in several; views of two services are never in one.
#[derive(Clone, Debug)]
pub struct ReadSide {
    store: Arc<dyn RowStore>,
    logs: Vec<Arc<dyn EventStore>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    poll_interval: Duration,
    past_bytes_max: usize,
    models: Arc<Mutex<HashMap<&'static str, Arc<Model>>>>,
}

impl ReadSide {
    /// Keeps views in `store`.
    pub fn new(store: impl RowStore) -> Self {
        Self {
            store: Arc::new(store),
            logs: Vec::new(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            poll_interval: POLL_INTERVAL,
            past_bytes_max: PAST_BYTES_MAX,
            models: Arc::default(),
        }
    }

    /// Follows this log, too, unless it is followed already. Every projection gets from it the events that it wants.
    #[must_use]
    pub fn follow(mut self, log: impl EventStore) -> Self {
        if self.logs.iter().all(|known| known.identity() != log.identity()) {
            self.logs.push(Arc::new(log));
        }
        // What was handed out knows fewer logs.
        self.models = Arc::default();
        self
    }

    /// Sets the clock that lags are measured by.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self.models = Arc::default();
        self
    }

    /// Sets where the ids of the owners of leases are drawn from.
    #[must_use]
    pub fn ids(mut self, ids: impl Ids) -> Self {
        self.ids = Arc::new(ids);
        self.models = Arc::default();
        self
    }

    /// Sets how often it is asked how far a view is that another process keeps up. It is asked once for all who wait, and
    /// only while somebody waits. 10 ms by default.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self.models = Arc::default();
        self
    }

    /// Sets how long the views may be that [`as_of`](Self::as_of) folds in memory: in bytes of their keys and values. 256 MiB by
    /// default.
    #[must_use]
    pub const fn past_bytes_max(mut self, bytes: usize) -> Self {
        self.past_bytes_max = bytes;
        self
    }

    /// Runs a projection, on the runtime of the caller. Every process that may do so runs it: one of them does the work, or
    /// each does some parts of it.
    ///
    /// A strong projection cannot run behind the append:
    ///
    /// ```compile_fail,E0277
    /// # use freehold::backend::memory::MemoryStore;
    /// # use freehold::projection::{On, Projection, ReadSide, Recorded, Strong, Views};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # enum StockEvent { Reserved }
    /// # impl freehold::Event for StockEvent { const CATEGORY: &'static str = "stock"; }
    /// struct StockOnHand;
    ///
    /// impl Projection for StockOnHand {
    ///     const NAME: &'static str = "stock_on_hand";
    ///     type View = u64;
    ///     type Events = StockEvent;
    ///     type Level = Strong;
    /// }
    /// # impl On<StockEvent> for StockOnHand { fn on(&self, _: &Recorded<'_, StockEvent>, _: &mut Views<'_, u64>) {} }
    ///
    /// ReadSide::new(MemoryStore::new()).run(StockOnHand);
    /// ```
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn run<P: Projection<Level: Asynchronous>>(&self, projection: P) -> Kept {
        self.upkeep(projection).start()
    }

    /// How a projection is kept up, for who wants other bounds, or facts of other services.
    pub fn upkeep<P: Projection<Level: Asynchronous>>(&self, projection: P) -> Upkeep<P> {
        Upkeep::new(projection, self.model::<P>())
    }

    /// Has `store` fold a strong projection within every commit: whoever reads after a commit sees it in the views, and a
    /// commit that the projection cannot take in is refused. What is in the log already is folded first; while it is long,
    /// writers go on, and are held out for the last page of it only.
    ///
    /// From then on every process that appends to the log must do this first, or its commits are refused as
    /// [`Unfoldable::Missing`](crate::Unfoldable::Missing), so that nothing is missing from the views. Who only reads need
    /// not. [`InlineStore::detach`] ends it; its code can be changed under another name only, whose views then are folded
    /// from the first event on.
    ///
    /// ```
    /// use freehold::backend::memory::MemoryStore;
    /// use freehold::projection::{On, Projection, ReadSide, Recorded, Strong, Views};
    /// # use freehold::{Aggregate, Event, Repository};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # enum StockEvent { Received { units: u64 }, Reserved { units: u64 } }
    /// # impl Event for StockEvent { const CATEGORY: &'static str = "stock"; }
    /// # #[derive(Clone, Default)]
    /// # struct Stock;
    /// # impl Aggregate for Stock { type Event = StockEvent; fn apply(&mut self, _: &StockEvent) {} }
    /// # impl Stock {
    /// #     fn receive(&self, units: u64) -> Result<Vec<StockEvent>, std::convert::Infallible> {
    /// #         Ok(vec![StockEvent::Received { units }])
    /// #     }
    /// # }
    ///
    /// struct OnHand;
    ///
    /// impl Projection for OnHand {
    ///     const NAME: &'static str = "on_hand";
    ///     type View = u64;
    ///     type Events = StockEvent;
    ///     type Level = Strong;
    /// }
    ///
    /// impl On<StockEvent> for OnHand {
    ///     fn on(&self, event: &Recorded<'_, StockEvent>, views: &mut Views<'_, u64>) {
    ///         views.update(event.id(), |on_hand| match &**event {
    ///             StockEvent::Received { units } => *on_hand += units,
    ///             StockEvent::Reserved { units } => *on_hand -= units,
    ///         });
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///
    /// let store = MemoryStore::new();
    /// let reads = ReadSide::new(store.clone()).follow(store.clone());
    /// let on_hand = reads.inline(OnHand, store.clone()).await?;
    ///
    /// let stock = Repository::<Stock>::new(store);
    /// stock.execute("lamp", |lamp| lamp.receive(3)).await?;
    /// assert_eq!(on_hand.get("lamp").await?.value, Some(3));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A projection that is folded behind the append cannot be folded within it:
    ///
    /// ```compile_fail,E0277
    /// # use freehold::backend::memory::MemoryStore;
    /// # use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # enum StockEvent { Reserved }
    /// # impl freehold::Event for StockEvent { const CATEGORY: &'static str = "stock"; }
    /// # struct OnHand;
    /// # impl Projection for OnHand {
    /// #   const NAME: &'static str = "on_hand";
    /// #   type View = u64;
    /// #   type Events = StockEvent;
    ///     type Level = Eventual<5_000>;
    /// # }
    /// # impl On<StockEvent> for OnHand { fn on(&self, _: &Recorded<'_, StockEvent>, _: &mut Views<'_, u64>) {} }
    /// # async fn strong(store: MemoryStore) {
    /// ReadSide::new(store.clone()).inline(OnHand, store).await;
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InlineError`] says why it is not folded. While [`CommitError::Unknown`](crate::CommitError::Unknown) is the cause, it
    /// may be: ask again.
    ///
    /// # Cancel safety
    /// It is folded or not; asking again is safe.
    pub async fn inline<P: Projection<Level: Inline>>(
        &self,
        projection: P,
        store: impl InlineStore,
    ) -> Result<View<P>, InlineError> {
        const { assert!(P::PARTITIONS <= 1, "a strong projection has one part") };
        let model = self.model::<P>();
        model.inline(projection, store).await?;
        Ok(View::new(model))
    }

    /// The views of a projection, to be read and waited for. It need not run in this process.
    #[must_use]
    pub fn view<P: Projection>(&self) -> View<P> {
        View::new(self.model::<P>())
    }

    /// The views of a projection as they were when its logs were at some place: what they showed to whoever had seen just this. Of
    /// logs of which `as_of` says nothing, they show nothing.
    ///
    /// The logs are folded in memory from their beginning, one after the other, by today's code: nothing is kept, and the
    /// projection need not run. A projection that is [enriched](super::Enrich) finds no facts: what other services would have said
    /// then, nobody knows. A moment is told as a position by [`position_at`](crate::EventStoreExt::position_at).
    ///
    /// ```
    /// # use freehold::backend::memory::MemoryStore;
    /// # use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
    /// # use freehold::{Aggregate, Event, Position, Repository, Store, Token};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # enum StockEvent { Received { units: u64 } }
    /// # impl Event for StockEvent { const CATEGORY: &'static str = "stock"; }
    /// # #[derive(Clone, Default)]
    /// # struct Stock;
    /// # impl Aggregate for Stock { type Event = StockEvent; fn apply(&mut self, _: &StockEvent) {} }
    /// # struct OnHand;
    /// # impl Projection for OnHand {
    /// #     const NAME: &'static str = "on_hand";
    /// #     type View = u64;
    /// #     type Events = StockEvent;
    /// #     type Level = Eventual<5_000>;
    /// # }
    /// # impl On<StockEvent> for OnHand {
    /// #     fn on(&self, event: &Recorded<'_, StockEvent>, views: &mut Views<'_, u64>) {
    /// #         let StockEvent::Received { units } = event.event();
    /// #         views.update(event.id(), |on_hand| *on_hand += units);
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryStore::new();
    /// # let stock = Repository::<Stock>::new(store.clone());
    /// # for units in [3, 4] {
    /// #     stock.execute("lamp", |_| Ok::<_, String>(vec![StockEvent::Received { units }])).await?;
    /// # }
    /// let reads = ReadSide::new(store.clone()).follow(store.clone());
    /// // The token of a command or of a read; or any position of a log.
    /// let then = Token::new(store.identity(), Position::new(1));
    /// let views = reads.as_of(&OnHand, then).await?;
    /// assert_eq!(views.get("lamp"), Some(&3));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PastError`] says why it is not known.
    ///
    /// # Cancel safety
    /// Folding changes nothing; the future may be dropped.
    pub async fn as_of<P: Projection>(
        &self,
        projection: &P,
        as_of: impl Into<Session>,
    ) -> Result<PastViews<P>, PastError> {
        past::fold(projection, &self.logs, as_of.into(), self.past_bytes_max).await
    }

    /// What is shared by all who run or read a projection here.
    pub(super) fn model<P: Projection>(&self) -> Arc<Model> {
        fold::check::<P>();
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let model = models.entry(P::NAME).or_insert_with(|| {
            Arc::new(Model {
                name: P::NAME,
                parts: P::PARTITIONS.max(1),
                store: Arc::clone(&self.store),
                logs: self.logs.clone(),
                clock: Arc::clone(&self.clock),
                ids: Arc::clone(&self.ids),
                poll_interval: self.poll_interval,
                filter: sink::filter::<P>(),
                known: Mutex::default(),
            })
        });
        Arc::clone(model)
    }
}
