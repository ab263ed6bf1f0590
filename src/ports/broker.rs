//! Where messages are published, and where they are received.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::types::{Destination, InvalidMessage, Message};

/// A message, and where it is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outbound {
    /// What is published.
    pub message: Message,
    /// Where.
    pub destination: Destination,
}

impl Outbound {
    /// `message`, for `destination`.
    #[must_use]
    pub const fn new(message: Message, destination: Destination) -> Self {
        Self { message, destination }
    }
}

/// What a broker can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a broker's author writes it with `..default()`")]
pub struct Capabilities {
    /// Whether the messages of one call are stored in their order, and none behind one that was not stored.
    pub is_ordered: bool,
    /// For how long a message that is published again under the same id is stored once only.
    pub dedupe_window: Option<Duration>,
    /// The longest payload that it takes, in bytes.
    pub bytes_max: Option<usize>,
    /// Whether [`Broker::extent`] tells how far the broker's own log goes.
    pub tells_extent: bool,
    /// Whether a message goes to the consumers that were opened before it was published, and to none that is opened later; what
    /// nobody is there for is refused. Without it, a consumer begins at the first message that is still there.
    pub routes_on_arrival: bool,
}

/// The broker has a message for good, as far as it promises that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Where it is in the broker's own log, if it has one.
    pub position: Option<u64>,
    /// Whether it had the message already.
    pub is_duplicate: bool,
}

impl Stored {
    /// Stored at `position`.
    #[must_use]
    pub const fn new(position: Option<u64>, is_duplicate: bool) -> Self {
        Self { position, is_duplicate }
    }
}

/// Why a message was not stored, or may not have been.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The broker does not take this message, now or later: it is too long, or has nowhere to go. Others may be taken.
    #[error("the broker does not take the message")]
    Refused(#[source] Arc<dyn Error + Send + Sync>),
    /// It was not stored, since one before it of its call and key was not.
    #[error("a message before it was not stored")]
    Behind,
    /// The broker cannot be reached, or takes nothing now. The message is not to blame.
    #[error("the broker takes nothing now")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// It may have been stored: the answer was lost.
    #[error("the broker did not answer")]
    Unknown(#[source] Arc<dyn Error + Send + Sync>),
}

impl PublishError {
    /// The message is to blame, because of `why`.
    pub fn refused(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(Arc::from(why.into()))
    }

    /// The broker is in trouble, because of `why`.
    pub fn unavailable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(why.into()))
    }

    /// The answer was lost, because of `why`.
    pub fn unknown(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unknown(Arc::from(why.into()))
    }
}

/// How far a broker's own log goes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Extent {
    /// Which log it is: another one after it was deleted and made again.
    pub log: String,
    /// The position of the newest message in it; 0 if there never was one.
    pub last: u64,
}

impl Extent {
    /// The log called `log` goes as far as `last`.
    #[must_use]
    pub const fn new(log: String, last: u64) -> Self {
        Self { log, last }
    }
}

/// Takes messages, and keeps them for those who want them.
///
/// # Contract
/// - **B1 answered** – a call has one answer for each message, in their order; of none, none.
/// - **B2 kept** – a stored message is received by every consumer of its destination, also by one that is opened later unless
///   the broker [routes on arrival](Capabilities::routes_on_arrival): its attributes, headers and payload byte for byte.
/// - **B3 told apart** – a refused message is not stored, and does not keep others of its call from being stored; trouble
///   with the broker is never called a refusal. A broker that routes on arrival refuses what nobody is there for.
/// - **B4 ordered** – messages of one destination that were stored by calls one after the other are received in that
///   order; with [`Capabilities::is_ordered`], so are those of one call, and of two of one key the second is not stored
///   if the first is not, and is answered as [`PublishError::Behind`].
/// - **B5 known again** – within [`Capabilities::dedupe_window`], a message that is published again under the same id is
///   not stored again, and the answer says so.
/// - **B6 cancel safe** – messages whose call was dropped were stored or not, each as a whole.
/// - **B7 measured** – with [`Capabilities::tells_extent`], the extent grows with every message that is stored, names the
///   position of the newest, and does not go back unless messages were lost.
#[async_trait]
pub trait Broker: Debug + Send + Sync + 'static {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Publishes messages. It returns when the broker has answered for each of them, or is known not to.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open which of them were stored.
    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>>;

    /// How far the broker's own log goes, if it can tell.
    ///
    /// # Errors
    /// [`PublishError::Unavailable`] if it cannot be asked.
    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        Ok(None)
    }
}

/// A message that a broker hands to a consumer, until it is settled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The message, or why it is none.
    pub message: Result<Message, InvalidMessage>,
    /// How often it was delivered before, as far as the broker knows.
    pub redeliveries: u64,
    /// What the broker knows the delivery by.
    pub tag: u64,
}

impl Delivery {
    /// For brokers: a delivery.
    #[must_use]
    pub const fn new(
        message: Result<Message, InvalidMessage>,
        redeliveries: u64,
        tag: u64,
    ) -> Self {
        Self { message, redeliveries, tag }
    }
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settle {
    /// It was handled, and never comes again if the broker keeps its word.
    Done,
    /// It comes again, not before this time has passed.
    Again(Duration),
    /// It never comes again, though it was not handled.
    Dropped,
}

/// Hands the messages of some destinations to one consumer, in order.
///
/// # Contract
/// - **D1 at least once** – every stored message is delivered, and again after a restart, until it was settled as done or
///   dropped.
/// - **D2 in order** – first deliveries come in the order in which the broker stored the messages.
/// - **D3 whole** – what is no message is delivered as what is wrong with it, and can be settled.
#[async_trait]
pub trait Deliveries: Debug + Send + Sync + 'static {
    /// The next deliveries, at least one and at most `limit`; it waits until there is one.
    ///
    /// # Errors
    /// [`PublishError::Unavailable`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// What was not handed out is delivered later.
    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, PublishError>;

    /// Settles a delivery.
    ///
    /// # Errors
    /// [`PublishError`] if that is not known to have happened: it may come again.
    async fn settle(&self, tag: u64, how: Settle) -> Result<(), PublishError>;
}
