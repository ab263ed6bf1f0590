//! Which saga, and which call of which of its steps.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use uuid::Uuid;

use crate::types::{InvalidStreamId, Metadata, StreamId, category_is_valid};

/// The category of the streams that are the logs of sagas.
pub(crate) const CATEGORY: &str = "saga";
/// The category of the streams that hold the signals for sagas.
pub(crate) const SIGNALS: &str = "saga_signal";

/// Names one saga: the name of its definition, and the key with which it was started: `fulfilment/order-17`.
///
/// Two starts with one key are one saga.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SagaId {
    /// Where its log is. The id of the stream is the name, a slash, and the key.
    stream: StreamId,
    name_bytes: usize,
}

/// A name or a key that no saga can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a saga is named with 1 to 64 of a-z, 0-9 and _, and its key is not empty, has no control characters, and is with the \
     name at most 189 bytes"
)]
pub struct InvalidSagaId;

impl SagaId {
    /// The saga that was started with `key` by the definition called `name`.
    ///
    /// # Errors
    /// [`InvalidSagaId`] if one of them is malformed.
    pub fn new(name: &str, key: &str) -> Result<Self, InvalidSagaId> {
        if !category_is_valid(name) || key.is_empty() {
            return Err(InvalidSagaId);
        }
        let mut text = String::with_capacity(name.len() + 1 + key.len());
        text.push_str(name);
        text.push('/');
        text.push_str(key);
        let stream = StreamId::new(CATEGORY, text).map_err(|_| InvalidSagaId)?;
        Ok(Self { stream, name_bytes: name.len() })
    }

    /// The name of its definition.
    #[must_use]
    pub fn name(&self) -> &str {
        self.as_str().get(..self.name_bytes).unwrap_or_default()
    }

    /// The key with which it was started.
    #[must_use]
    pub fn key(&self) -> &str {
        self.as_str().get(self.name_bytes + 1..).unwrap_or_default()
    }

    /// Both: `fulfilment/order-17`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.stream.id()
    }

    /// The flow that all its records, and what it causes, are part of.
    #[must_use]
    pub fn flow(&self) -> Uuid {
        flow_of(self.as_str())
    }

    /// The saga of a stream: of its log, or of the signals for it.
    pub(crate) fn of(stream: &StreamId) -> Option<Self> {
        let name_bytes = stream.id().find('/')?;
        let stream = match stream.category() {
            CATEGORY => stream.clone(),
            _ => StreamId::new(CATEGORY, stream.id()).ok()?,
        };
        Some(Self { stream, name_bytes })
    }

    /// Where its log is.
    pub(crate) const fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Where the signals for it are.
    pub(crate) fn signals(&self) -> Result<StreamId, InvalidStreamId> {
        StreamId::new(SIGNALS, self.as_str())
    }
}

// Where its log is says what its name is.
impl Hash for SagaId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stream.hash(state);
    }
}

impl fmt::Display for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SagaId({})", self.as_str())
    }
}

/// Marks the key of an action.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "there is no value of it")]
pub enum Do {}

/// Marks the key of a compensation.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "there is no value of it")]
pub enum Undo {}

/// The idempotency key of a step's action, or of its compensation: [`Key<Do>`](Do) or [`Key<Undo>`](Undo).
///
/// It names the saga, the step, the item of a step that has several, and the direction, and nothing else: over retries,
/// restarts and changes of owner it is the same, and no other call has it. Only a running saga makes one, so a participant
/// that asks for the key of an action cannot be given that of a compensation, or one that was made up.
pub struct Key<D> {
    text: Box<str>,
    direction: PhantomData<fn() -> D>,
}

impl<D> Key<D> {
    fn new(saga: &SagaId, step: &str, item: usize, direction: &str) -> Self {
        let digits = item.checked_ilog10().unwrap_or_default() as usize + 1;
        let bytes = saga.as_str().len() + step.len() + digits + direction.len() + 3;
        let mut text = String::with_capacity(bytes);
        text.push_str(saga.as_str());
        text.push(':');
        text.push_str(step);
        // A text takes in whatever it is given.
        let _ = write!(text, ":{item}:");
        text.push_str(direction);
        Self { text: text.into(), direction: PhantomData }
    }

    /// The key: `fulfilment/order-17:charge:0:do`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key as a UUID of version 5, for participants that want one, or at most 36 characters.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, self.text.as_bytes())
    }

    /// What the events of the call say: that they are in the flow of the saga, because of this call. A participant that records
    /// them under the key alone, as a command's id, begins a flow of its own with each call.
    ///
    /// ```
    /// use freehold::saga::{Key, SagaId};
    ///
    /// let key = Key::received("fulfilment/order-17:charge:0:do")?;
    /// let says = key.metadata();
    /// assert_eq!(says.correlation(), Some(SagaId::new("fulfilment", "order-17")?.flow()));
    /// assert_eq!(says.causation(), Some(key.as_uuid()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        // Behind the saga stand the step, the item and the direction, in none of which is a colon.
        let saga = self.text.rsplitn(4, ':').last().unwrap_or_default();
        Metadata::new().with_correlation(flow_of(saga)).with_causation(self.as_uuid())
    }
}

/// The flow of the saga that is called so.
fn flow_of(saga: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, saga.as_bytes())
}

/// A text that is not the key of an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of an action ends with `:do`")]
pub struct InvalidKey;

impl Key<Do> {
    /// For participants: the key of an action, as it was received.
    ///
    /// # Errors
    /// [`InvalidKey`] if it is that of a compensation, or none at all.
    pub fn received(text: &str) -> Result<Self, InvalidKey> {
        if !text.ends_with(":do") || text.chars().any(char::is_control) {
            return Err(InvalidKey);
        }
        Ok(Self { text: text.into(), direction: PhantomData })
    }

    pub(crate) fn of_action(saga: &SagaId, step: &str, item: usize) -> Self {
        Self::new(saga, step, item, "do")
    }
}

impl Key<Undo> {
    pub(crate) fn of_compensation(saga: &SagaId, step: &str, item: usize) -> Self {
        Self::new(saga, step, item, "undo")
    }
}

impl<D> fmt::Display for Key<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<D> fmt::Debug for Key<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.text)
    }
}
