//! What an instance hears of a message, and the messages that it sends to itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::contract::ProcessManager;
use super::route::Route;
use crate::message::{self, MessageError, join};
use crate::types::{Destination, Envelope, InvalidEnvelope, MessageType};

/// The type of the messages that a process sends to itself.
fn timer_kind(name: &str) -> Result<MessageType, InvalidEnvelope> {
    MessageType::new(&format!("freehold.process.{name}.timer.v1"))
}

/// Where the timers of `P` go: a consumer of the process must be subscribed to it.
///
/// # Errors
/// [`InvalidEnvelope`] if the process is named as none can be.
pub fn timers_of<P: ProcessManager>() -> Result<Destination, InvalidEnvelope> {
    Ok(Destination::from(&timer_kind(P::NAME)?))
}

/// A message to oneself, for later.
#[derive(Serialize, Deserialize)]
struct Timed {
    instance: String,
    /// What is to be heard then; `None` if it is to be seen whether the instance has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

/// The type and the payload of a message to oneself.
pub(super) fn timer(
    name: &str,
    instance: &str,
    event: Option<(&MessageType, &[u8])>,
) -> Result<(MessageType, Vec<u8>), Unheard> {
    let kind = timer_kind(name)?;
    let (event, data) = match event {
        None => (None, None),
        Some((event, data)) => (Some(event.to_string()), Some(serde_json::from_slice(data)?)),
    };
    Ok((kind, serde_json::to_vec(&Timed { instance: instance.to_owned(), event, data })?))
}

/// What a message says to an instance.
pub(super) enum Says<E> {
    /// Something that is heard, and by whom it is.
    Message { event: E, route: Route },
    /// A timer is due.
    Timer { instance: String, name: String, event: E },
    /// It is to be seen whether the instance has begun.
    HasBegun { instance: String },
    /// Nothing.
    Nothing,
}

/// A message that is for the process cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Unheard {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error("what a process sends to itself cannot be written or read")]
    Timer(#[source] Arc<serde_json::Error>),
    #[error(transparent)]
    Name(#[from] InvalidEnvelope),
}

impl From<serde_json::Error> for Unheard {
    fn from(why: serde_json::Error) -> Self {
        Self::Timer(Arc::new(why))
    }
}

/// Reads what a message says.
pub(super) fn read<P: ProcessManager>(
    process: &P,
    envelope: &Envelope,
) -> Result<Says<P::Event>, Unheard> {
    if *envelope.kind() != timer_kind(P::NAME)? {
        let Some(event) = message::decode::<P::Event>(envelope)? else { return Ok(Says::Nothing) };
        let route = process.correlate(&event);
        return Ok(Says::Message { event, route });
    }
    let Timed { instance, event, data } = serde_json::from_slice(envelope.data())?;
    let Some(name) = event else { return Ok(Says::HasBegun { instance }) };
    let data = data.as_ref().map_or("{}", |data| data.get());
    let event = join::<P::Event>(&MessageType::new(&name)?, data.as_bytes())?;
    Ok(Says::Timer { instance, name, event })
}

impl<E> Says<E> {
    /// For which instance it is.
    pub(super) fn instance(&self) -> Option<&str> {
        match self {
            Self::Message { route, .. } => route.instance(),
            Self::Timer { instance, .. } | Self::HasBegun { instance } => Some(instance),
            Self::Nothing => None,
        }
    }
}

/// What people call a message: its type, or the name of the event of a timer.
pub(super) fn name_of(envelope: &Envelope) -> String {
    let read = || serde_json::from_slice::<Timed>(envelope.data()).ok();
    let timed = is_timer(envelope).then(read).flatten();
    timed.and_then(|timed| timed.event).unwrap_or_else(|| envelope.kind().to_string())
}

/// Whether it is a message of a process to itself.
pub(super) fn is_timer(envelope: &Envelope) -> bool {
    envelope.kind().as_str().starts_with("freehold.process.")
}
