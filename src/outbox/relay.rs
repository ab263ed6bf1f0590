//! A relay before it runs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::keeper::Keeper;
use super::options::RelayOptions;
use super::origin::{Mapping, Origin, Route};
use super::publisher::Publisher;
use super::running::RunningRelay;
use crate::event::{self, Event};
use crate::ports::{
    Broker, Clock, EventStore, Feed, Ids, Outbox, RowStore, SystemClock, SystemIds,
};
use crate::subscription::Subscription;
use crate::types::{Destination, Envelope, Filter, LeaseName, MessageId, RecordedEvent, Source};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Publishes the messages of a store.
///
/// It guarantees for each destination: a message is published if and only if its commit happened, at least once, and first
/// occurrences of one ordering key come in the order of the commits. Every process that may do the work starts the same
/// relay: one of them does it, or each some [parts](RelayOptions::partitions), and the others stand by.
///
/// Several brokers are served by several relays with names of their own, each with its own place in the log: no message is
/// copied.
#[must_use = "a relay publishes nothing until it is told where to, and started"]
pub struct Relay<S> {
    name: LeaseName,
    source: Source,
    store: Arc<S>,
    origin: Origin,
    filter: Filter,
    feed: Feed,
    keeps: bool,
}

impl<S: Outbox + RowStore> Relay<S> {
    /// A relay of the outbox of `store`, where its leases and checkpoints are, too. The name is that of its lease and must
    /// never change; all messages are said to be of `source`.
    pub fn new(name: LeaseName, source: Source, store: S) -> Self {
        let store = Arc::new(store);
        let feed = Feed::Messages(Arc::clone(&store) as Arc<dyn Outbox>);
        let (origin, filter) = (Origin::Outbox, Filter::all());
        Self { name, source, store, origin, filter, feed, keeps: true }
    }
}

impl<S: Outbox + EventStore + RowStore> Relay<S> {
    /// A relay of the events of `store` themselves, of the categories that `filter` wants: `mapping` says which messages an
    /// event leads to. It must be pure, and give the messages ids that follow from the event
    /// ([`MessageId::of_event`]), so that a repetition is known again. Order holds for the messages of a stream.
    /// The events are as they are stored: [`of`](Relay::of) takes them to what they are today. An event that [closes](crate::Closing) its stream leads to none, and `mapping` is not asked.
    pub fn of_events(
        name: LeaseName,
        source: Source,
        store: S,
        filter: Filter,
        mapping: impl Fn(&RecordedEvent) -> Result<Vec<Envelope>, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let store = Arc::new(store);
        let feed = Feed::Events(Arc::clone(&store) as Arc<dyn EventStore>);
        let origin = Origin::Events(Arc::new(mapping) as Arc<Mapping>);
        Self { name, source, store, origin, filter, feed, keeps: false }
    }

    /// A relay of the events of one type, as they are today: those of earlier programs have gone through its
    /// [upcasters](Event::upcasts), as they do wherever else they are read. `mapping` says which message an event leads to, if any.
    /// It must be pure, and give the message the id that it is given. Order holds for the messages of a stream.
    ///
    /// An event that cannot be read parks its key, with what is wrong with it and where it stands.
    ///
    /// ```
    /// # use freehold::{Envelope, Event, LeaseName, MessageType, OrderingKey, Source};
    /// # use freehold::backend::memory::{MemoryBroker, MemoryStore};
    /// # use freehold::outbox::Relay;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # enum Order { Placed { total: u64 }, Looked }
    /// # impl Event for Order { const CATEGORY: &'static str = "order"; }
    /// # async fn run(store: MemoryStore, broker: MemoryBroker) -> Result<(), Box<dyn std::error::Error>> {
    /// let (name, source) = (LeaseName::new("orders")?, Source::new("/shop/orders")?);
    /// let relay = Relay::of(name, source, store, |order: Order, id, record| {
    ///     let Order::Placed { total } = order else { return Ok(None) };
    ///     let key = OrderingKey::new(record.stream().id())?;
    ///     Ok(Some(Envelope::json(id, MessageType::new("shop.placed.v1")?, key, &total)?))
    /// });
    /// let running = relay.publish_to(broker).start();
    /// # running.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn of<E: Event>(
        name: LeaseName,
        source: Source,
        store: S,
        mapping: impl Fn(E, MessageId, &RecordedEvent) -> Result<Option<Envelope>, BoxError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        // An enum whose category is malformed does not compile, so this is never every event.
        let filter = Filter::categories([E::CATEGORY]).unwrap_or_default();
        Self::of_events(name, source, store, filter, move |record| {
            let messages = (0..)
                .zip(event::decode_all::<E>(record)?)
                .map(|(nth, event)| mapping(event, MessageId::of_event(record.id(), nth), record));
            messages.filter_map(Result::transpose).collect()
        })
    }
}

impl<S: Outbox + RowStore> Relay<S> {
    /// Publishes to `broker`.
    pub fn publish_to(self, broker: impl Broker) -> ReadyRelay<S> {
        ReadyRelay {
            relay: self,
            broker: Arc::new(broker),
            route: Arc::new(|envelope: &Envelope| vec![Destination::from(envelope.kind())]),
            options: RelayOptions::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            seed: None,
        }
    }
}

/// A relay that knows where to publish.
#[must_use = "a relay publishes nothing until it is started"]
pub struct ReadyRelay<S> {
    relay: Relay<S>,
    broker: Arc<dyn Broker>,
    route: Arc<Route>,
    options: RelayOptions,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    seed: Option<u64>,
}

impl<S: Outbox + RowStore> ReadyRelay<S> {
    /// Sets to which destinations a message goes. By default that is one, called as the message's type. A message with none is
    /// not published.
    pub fn route(
        mut self,
        route: impl Fn(&Envelope) -> Vec<Destination> + Send + Sync + 'static,
    ) -> Self {
        self.route = Arc::new(route);
        self
    }

    /// Sets the bounds.
    pub fn options(mut self, options: RelayOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the clock by which messages expire and lags are measured.
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

    /// Starts it, on the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self) -> RunningRelay {
        let Self { relay, broker, route, options, clock, ids, seed } = self;
        let Relay { name, source, store, origin, filter, feed, keeps } = relay;
        let rows = Arc::clone(&store) as Arc<dyn RowStore>;
        let publisher = Publisher {
            name,
            filter,
            source,
            origin,
            route,
            broker,
            store: Arc::clone(&rows),
            feed: feed.clone(),
            clock: Arc::clone(&clock),
            options,
            parts: Mutex::new(HashMap::new()),
        };
        let mut subscription = Subscription::new(publisher, rows)
            .follow_feed(feed.clone())
            .options(options.subscription())
            .clock(Arc::clone(&clock))
            .ids(ids);
        if let Some(seed) = seed {
            subscription = subscription.seed(seed);
        }
        let (stop, stopped) = watch::channel(false);
        let keeper = keeps.then(|| {
            let keeper = Keeper { store, clock, options };
            tokio::spawn(keeper.keep(stopped))
        });
        RunningRelay { running: subscription.start(), feed, stop, keeper }
    }
}

impl<S> fmt::Debug for Relay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ReadyRelay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyRelay")
            .field("name", &self.relay.name)
            .field("broker", &self.broker)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
