//! A broker in memory: the model of what the others do, and a broker for tests and prototypes.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::ports::{
    Broker, Capabilities, Deliveries, Delivery, Extent, Outbound, PublishError, Settle, Stored,
};
use crate::types::{Destination, MessageId, Source};

/// After how long a delivery comes again that was not settled.
const REDELIVERY: Duration = Duration::from_secs(30);
/// How many ids are known again.
const KNOWN_IDS_MAX: usize = 100_000;

/// A broker in memory: one log, from which each consumer reads what is for its destinations. Clones share it; with the last
/// of them it is gone.
///
/// ```
/// use freehold::backend::memory::MemoryBroker;
/// use freehold::{Broker, Destination, Outbound};
/// # use freehold::{Deliveries, Envelope, Message, MessageId, MessageType, OrderingKey, Settle, Source};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kind = MessageType::new("shop.order.confirmed.v1")?;
/// # let envelope = Envelope::new(MessageId::new(uuid::Uuid::now_v7()), kind, OrderingKey::new("1")?, "{}");
/// # let message = Message::new(envelope, Source::new("/shop/orders")?, None);
///
/// let broker = MemoryBroker::new();
/// let orders = Destination::new("orders")?;
/// let stored = broker.publish(&[Outbound::new(message, orders.clone())]).await;
/// assert!(stored[0].is_ok());
///
/// let mails = broker.consumer("mails", [orders]);
/// let delivery = mails.receive(10).await?.remove(0);
/// mails.settle(delivery.tag, Settle::Done).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryBroker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Whether a message that is published again is stored again.
    stores_twice: bool,
    /// Whether a message goes to the consumers that there are, and to none that comes later.
    routes_on_arrival: bool,
    state: Mutex<State>,
    stored: Notify,
}

struct State {
    /// Which log it is. Each broker has its own, so that a relay that comes from another one sees that it must begin again.
    log: Uuid,
    messages: BTreeMap<u64, Outbound>,
    last: u64,
    known: HashSet<(Source, MessageId, Destination)>,
    known_in_order: VecDeque<(Source, MessageId, Destination)>,
    consumers: HashMap<Arc<str>, Consumer>,
}

/// How far a consumer is.
#[derive(Debug, Default)]
struct Consumer {
    /// Up to where messages were handed out for the first time.
    seen: u64,
    /// What was handed out and not settled: how often, and when it comes again.
    open: BTreeMap<u64, (u64, Instant)>,
    destinations: Vec<Destination>,
}

impl Consumer {
    fn wants(&self, to: &Destination) -> bool {
        self.destinations.is_empty() || self.destinations.contains(to)
    }
}

/// Nobody is there to receive the message.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there is no consumer of the destination")]
struct Nobody;

impl MemoryBroker {
    /// A broker that has no messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but one that stores a message again that is published again, as most brokers do sooner or later.
    #[must_use]
    pub fn without_dedupe() -> Self {
        Self(Arc::new(Shared { stores_twice: true, ..Shared::default() }))
    }

    /// The same, but one that delivers a message to the consumers that there are when it is published, refuses it if there are none,
    /// and stores it again if it is published again, as RabbitMQ does.
    #[must_use]
    pub fn routing_on_arrival() -> Self {
        let shared = Shared { stores_twice: true, routes_on_arrival: true, ..Shared::default() };
        Self(Arc::new(shared))
    }

    /// What is delivered to the consumer called `name`: messages for these destinations, of none for all. A consumer begins at
    /// the first message that is still there, and another handle of the same name goes on where it was. What is handed out and
    /// not settled comes again after 30 s, or when another handle is asked for.
    #[must_use]
    pub fn consumer(
        &self,
        name: &str,
        destinations: impl IntoIterator<Item = Destination>,
    ) -> MemoryDeliveries {
        let name: Arc<str> = name.into();
        let destinations: Vec<_> = destinations.into_iter().collect();
        let mut state = self.state();
        let seen = if self.0.routes_on_arrival { state.last } else { 0 };
        let fresh = || Consumer { seen, ..Consumer::default() };
        let consumer = state.consumers.entry(Arc::clone(&name)).or_insert_with(fresh);
        consumer.destinations.clone_from(&destinations);
        for (_, again_at) in consumer.open.values_mut() {
            *again_at = Instant::now();
        }
        drop(state);
        MemoryDeliveries { broker: self.clone(), name }
    }

    /// All messages that it has, in the order in which it stored them.
    #[must_use]
    pub fn messages(&self) -> Vec<Outbound> {
        self.state().messages.values().cloned().collect()
    }

    /// Forgets the newest messages, as a broker does that lost what it had not synced. Their ids are forgotten, too.
    pub fn lose(&self, newest: usize) {
        let mut state = self.state();
        for _ in 0..newest {
            let Some((_, lost)) = state.messages.pop_last() else { break };
            let id = id_of(&lost);
            state.known.remove(&id);
            state.known_in_order.retain(|known| *known != id);
        }
        state.last = state.messages.last_key_value().map_or(0, |(at, _)| *at);
        let last = state.last;
        for consumer in state.consumers.values_mut() {
            consumer.seen = consumer.seen.min(last);
            consumer.open.retain(|at, _| *at <= last);
        }
    }

    /// Forgets everything, as a broker does whose log was deleted and made again.
    pub fn recreate(&self) {
        let mut state = self.state();
        let consumers = std::mem::take(&mut state.consumers);
        *state = State::default();
        let fresh = |old: Consumer| Consumer { seen: 0, open: BTreeMap::new(), ..old };
        state.consumers = consumers.into_iter().map(|(name, old)| (name, fresh(old))).collect();
    }

    // What is behind the lock is whole between any two statements.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id_of(message: &Outbound) -> (Source, MessageId, Destination) {
    let Outbound { message, destination, .. } = message;
    (message.source.clone(), message.envelope.id(), destination.clone())
}

impl Default for State {
    fn default() -> Self {
        Self {
            log: Uuid::now_v7(),
            messages: BTreeMap::new(),
            last: 0,
            known: HashSet::new(),
            known_in_order: VecDeque::new(),
            consumers: HashMap::new(),
        }
    }
}

impl State {
    fn store(&mut self, message: &Outbound, stores_twice: bool) -> Stored {
        let id = id_of(message);
        if !self.known.insert(id.clone()) && !stores_twice {
            return Stored::new(None, true);
        }
        self.known_in_order.push_back(id);
        if self.known_in_order.len() > KNOWN_IDS_MAX
            && let Some(oldest) = self.known_in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.last += 1;
        self.messages.insert(self.last, message.clone());
        Stored::new(Some(self.last), false)
    }

    /// What is to be delivered now, and when something else may be.
    fn next(&mut self, name: &Arc<str>, limit: usize) -> (Vec<Delivery>, Option<Instant>) {
        let consumer = self.consumers.entry(Arc::clone(name)).or_default();
        let (now, mut next, mut out) = (Instant::now(), None::<Instant>, Vec::new());
        for (at, (count, again_at)) in &mut consumer.open {
            if *again_at <= now && out.len() < limit {
                if let Some(message) = self.messages.get(at) {
                    *again_at = now + REDELIVERY;
                    *count += 1;
                    out.push(Delivery::new(Ok(message.message.clone()), *count, *at));
                }
            } else {
                next = Some(next.map_or(*again_at, |next| next.min(*again_at)));
            }
        }
        let rest = (Bound::Excluded(consumer.seen), Bound::Unbounded);
        for (at, message) in self.messages.range(rest) {
            if out.len() >= limit {
                break;
            }
            consumer.seen = *at;
            if consumer.wants(&message.destination) {
                consumer.open.insert(*at, (0, now + REDELIVERY));
                out.push(Delivery::new(Ok(message.message.clone()), 0, *at));
            }
        }
        (out, next)
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            is_ordered: true,
            dedupe_window: (!self.0.stores_twice).then_some(Duration::MAX),
            bytes_max: None,
            tells_extent: true,
            routes_on_arrival: self.0.routes_on_arrival,
        }
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        let stored = {
            let mut state = self.state();
            let all = messages.iter().map(|message| {
                let to = &message.destination;
                if self.0.routes_on_arrival && !state.consumers.values().any(|it| it.wants(to)) {
                    return Err(PublishError::refused(Nobody));
                }
                Ok(state.store(message, self.0.stores_twice))
            });
            all.collect()
        };
        self.0.stored.notify_waiters();
        stored
    }

    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        let state = self.state();
        Ok(Some(Extent::new(state.log.to_string(), state.last)))
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBroker").field("last", &self.state().last).finish_non_exhaustive()
    }
}

/// What a [`MemoryBroker`] delivers to one consumer.
#[derive(Clone, Debug)]
pub struct MemoryDeliveries {
    broker: MemoryBroker,
    name: Arc<str>,
}

#[async_trait]
impl Deliveries for MemoryDeliveries {
    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, PublishError> {
        loop {
            let stored = self.broker.0.stored.notified();
            tokio::pin!(stored);
            // Before it is looked: what comes in between is not missed.
            stored.as_mut().enable();
            let (out, next) = self.broker.state().next(&self.name, limit.max(1));
            if !out.is_empty() {
                return Ok(out);
            }
            tokio::select! {
                () = stored => {}
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    async fn settle(&self, tag: u64, how: Settle) -> Result<(), PublishError> {
        let mut state = self.broker.state();
        let Some(consumer) = state.consumers.get_mut(&self.name) else { return Ok(()) };
        match how {
            Settle::Done | Settle::Dropped => drop(consumer.open.remove(&tag)),
            Settle::Again(after) => {
                if let Some((_, again_at)) = consumer.open.get_mut(&tag) {
                    *again_at = Instant::now() + after;
                }
            }
        }
        drop(state);
        self.broker.0.stored.notify_waiters();
        Ok(())
    }
}
