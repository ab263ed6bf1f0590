//! What a process manager wants done.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::message::{MessageError, split};
use crate::types::{InvalidEnvelope, MessageType, OrderingKey};

/// What is to be done about a message: messages to send, timers to set, and whether that was all.
///
/// ```
/// use freehold::process::Reaction;
/// use serde::{Deserialize, Serialize};
/// use std::time::Duration;
///
/// #[derive(Serialize, Deserialize)]
/// enum Heard {
///     PaymentOverdue { order: String },
/// }
///
/// #[derive(Serialize)]
/// enum Commands {
///     #[serde(rename = "shop.payment.take.v1")]
///     TakePayment { order: String },
/// }
///
/// let order = String::from("17");
/// let reaction = Reaction::new()
///     .send(&Commands::TakePayment { order: order.clone() })
///     .timer(Duration::from_mins(15), &Heard::PaymentOverdue { order });
/// assert_eq!(reaction.sent().next().unwrap().0, "shop.payment.take.v1");
/// ```
#[must_use = "a reaction does nothing until it is returned"]
pub struct Reaction<E> {
    pub(super) sends: Vec<Send>,
    pub(super) timers: Vec<Timer>,
    pub(super) cancels: Vec<String>,
    pub(super) is_complete: bool,
    pub(super) flaw: Option<Flaw>,
    of: std::marker::PhantomData<fn(&E)>,
}

/// A message to send.
#[derive(Debug)]
pub(super) struct Send {
    pub(super) kind: MessageType,
    /// The instance's own if it has none.
    pub(super) key: Option<OrderingKey>,
    pub(super) data: Bytes,
}

/// A message to oneself, for later.
#[derive(Debug)]
pub(super) struct Timer {
    pub(super) event: MessageType,
    pub(super) data: Bytes,
    pub(super) after: Duration,
}

/// Why a reaction cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Key(#[from] InvalidEnvelope),
}

impl<E> Reaction<E> {
    /// Nothing is to be done.
    pub fn new() -> Self {
        Self {
            sends: Vec::new(),
            timers: Vec::new(),
            cancels: Vec::new(),
            is_complete: false,
            flaw: None,
            of: std::marker::PhantomData,
        }
    }

    /// Sends a message, behind all that the instance has sent before. A message that cannot be written parks the instance.
    pub fn send<M: Serialize>(self, message: &M) -> Self {
        self.send_keyed(None, message)
    }

    /// Sends a message that has its place among others than the instance's.
    pub fn send_to(mut self, key: &str, message: &impl Serialize) -> Self {
        match OrderingKey::new(key) {
            Ok(key) => self.send_keyed(Some(key), message),
            Err(why) => {
                self.flaw = Some(why.into());
                self
            }
        }
    }

    fn send_keyed(mut self, key: Option<OrderingKey>, message: &impl Serialize) -> Self {
        match split(message) {
            Ok((kind, data)) => self.sends.push(Send { kind, key, data }),
            Err(why) => self.flaw = Some(why.into()),
        }
        self
    }
}

impl<E: Serialize> Reaction<E> {
    /// Lets the instance hear `event` when so much time has passed, unless it is complete by then, or the timer is
    /// [cancelled](Self::cancel). It comes through the broker, as every message does; so it may come later, and never sooner.
    ///
    /// A timer is named as its event's variant, and an instance has one of each name: to set it again is to replace it.
    pub fn timer(mut self, after: Duration, event: &E) -> Self {
        match split(event) {
            Ok((event, data)) => self.timers.push(Timer { event, data, after }),
            Err(why) => self.flaw = Some(why.into()),
        }
        self
    }
}

impl<E> Reaction<E> {
    /// Cancels the timer of the event that is named so. One that is not set is no error: it may have been heard just now.
    pub fn cancel(mut self, event: &str) -> Self {
        self.cancels.push(event.to_owned());
        self
    }

    /// The instance is complete: what comes for it from now on is ignored.
    pub const fn complete(mut self) -> Self {
        self.is_complete = true;
        self
    }

    /// The types and payloads of what it sends, for tests.
    pub fn sent(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.sends.iter().map(|send| (send.kind.as_str(), &send.data))
    }

    /// The names of the timers it sets, each with its delay, for tests.
    pub fn timers(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.timers.iter().map(|timer| (timer.event.as_str(), timer.after))
    }

    /// Whether the instance is complete, for tests.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl<E> Default for Reaction<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for Reaction<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaction")
            .field("sends", &self.sent().map(|(kind, _)| kind).collect::<Vec<_>>())
            .field("timers", &self.timers().collect::<Vec<_>>())
            .field("cancels", &self.cancels)
            .field("is_complete", &self.is_complete)
            .finish_non_exhaustive()
    }
}
