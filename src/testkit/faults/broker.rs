//! The broker that fails.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::ports::{Broker, Capabilities, Extent, Outbound, PublishError, Stored};
use crate::types::{Destination, OrderingKey};

/// What happens to a message that is published to a [`FaultyBroker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerFault {
    /// The broker does not take it, now or later.
    Refused,
    /// The broker cannot be reached: it is not stored.
    Unavailable,
    /// The call is lost: it is not stored, and nobody knows.
    LostBefore,
    /// The answer is lost: it is stored, and nobody knows.
    LostAfter,
}

type Refuses = dyn Fn(&Outbound) -> bool + Send + Sync;

/// A broker that passes messages on to another, and fails for some of them. Clones share the chance.
///
/// ```
/// use freehold::backend::memory::MemoryBroker;
/// use freehold::testkit::{BrokerFault, FaultyBroker};
///
/// let broker = FaultyBroker::new(MemoryBroker::new());
/// broker.script([None, Some(BrokerFault::LostAfter)]);
/// ```
#[derive(Clone)]
pub struct FaultyBroker<B> {
    inner: B,
    is_ordered: bool,
    state: Arc<Mutex<State>>,
}

struct State {
    chance: fastrand::Rng,
    faults: f64,
    script: VecDeque<Option<BrokerFault>>,
    is_down: bool,
    refuses: Option<Arc<Refuses>>,
    injected: u64,
}

/// What the broker says.
#[derive(Debug, thiserror::Error)]
#[error("the faulty broker was told to fail")]
struct Told;

impl<B: Broker> FaultyBroker<B> {
    /// `inner`, which fails only as it is told.
    pub fn new(inner: B) -> Self {
        let state = State {
            chance: fastrand::Rng::with_seed(0),
            faults: 0.0,
            script: VecDeque::new(),
            is_down: false,
            refuses: None,
            injected: 0,
        };
        Self { inner, is_ordered: true, state: Arc::new(Mutex::new(state)) }
    }

    /// The same, but one that does not promise the order within a call.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.is_ordered = false;
        self
    }

    /// From now on, this share of the messages meets trouble: it cannot be reached, or the call or the answer is lost.
    pub fn seeded(&self, seed: u64, faults: f64) {
        self.with(|state| (state.chance, state.faults) = (fastrand::Rng::with_seed(seed), faults));
    }

    /// What happens to the next messages, one after the other.
    pub fn script(&self, faults: impl IntoIterator<Item = Option<BrokerFault>>) {
        self.with(|state| state.script.extend(faults));
    }

    /// From now on, messages like these are refused.
    pub fn refuse(&self, these: impl Fn(&Outbound) -> bool + Send + Sync + 'static) {
        self.with(|state| state.refuses = Some(Arc::new(these)));
    }

    /// From now on it cannot be reached, until it is [up](Self::up).
    pub fn down(&self) {
        self.with(|state| state.is_down = true);
    }

    /// Ends all faults.
    pub fn up(&self) {
        self.with(|state| {
            (state.is_down, state.faults, state.refuses) = (false, 0.0, None);
            state.script.clear();
        });
    }

    /// How many messages have met a fault.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.with(|state| state.injected)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // What is told is whole whoever panicked beside it.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fate(&self, message: &Outbound) -> Option<BrokerFault> {
        self.with(|state| {
            let drawn = state.chance.f64();
            let kind = state.chance.usize(..3);
            let fate = if state.is_down {
                Some(BrokerFault::Unavailable)
            } else if let Some(next) = state.script.pop_front() {
                next
            } else if state.refuses.as_ref().is_some_and(|refuses| refuses(message)) {
                Some(BrokerFault::Refused)
            } else if drawn < state.faults {
                let kinds =
                    [BrokerFault::Unavailable, BrokerFault::LostBefore, BrokerFault::LostAfter];
                Some(kinds[kind])
            } else {
                None
            };
            state.injected += u64::from(fate.is_some());
            fate
        })
    }

    async fn pass_on(&self, message: &Outbound) -> Result<Stored, PublishError> {
        let answers = self.inner.publish(std::slice::from_ref(message)).await;
        answers.into_iter().next().unwrap_or_else(|| Err(PublishError::unknown(Told)))
    }
}

#[async_trait]
impl<B: Broker> Broker for FaultyBroker<B> {
    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        Capabilities { is_ordered: inner.is_ordered && self.is_ordered, ..inner }
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        let is_ordered = self.capabilities().is_ordered;
        let mut answers = Vec::with_capacity(messages.len());
        let mut missing: HashSet<(Destination, OrderingKey)> = HashSet::new();
        for message in messages {
            let line = (message.destination.clone(), message.message.envelope.key().clone());
            if is_ordered && missing.contains(&line) {
                answers.push(Err(PublishError::Behind));
                continue;
            }
            let answer = match self.fate(message) {
                None => self.pass_on(message).await,
                Some(BrokerFault::Refused) => Err(PublishError::refused(Told)),
                Some(BrokerFault::Unavailable) => Err(PublishError::unavailable(Told)),
                Some(BrokerFault::LostBefore) => Err(PublishError::unknown(Told)),
                Some(BrokerFault::LostAfter) => {
                    let stored = self.pass_on(message).await;
                    answers.push(stored.and(Err(PublishError::unknown(Told))));
                    continue;
                }
            };
            if answer.is_err() {
                missing.insert(line);
            }
            answers.push(answer);
        }
        answers
    }

    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        if self.with(|state| state.is_down) {
            return Err(PublishError::unavailable(Told));
        }
        self.inner.extent().await
    }
}

impl<B: fmt::Debug> fmt::Debug for FaultyBroker<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyBroker").field("inner", &self.inner).finish_non_exhaustive()
    }
}
