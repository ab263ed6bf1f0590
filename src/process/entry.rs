//! What is written down of an instance, entry by entry: the events of its stream.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::Event;
use crate::types::{Envelope, MessageId, Source, UnreadableEnvelope};

/// The category of the streams that are the records of instances.
pub(super) const CATEGORY: &str = "process";

/// An entry of an instance's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A message was heard, and answered.
    Heard(Heard),
    /// A message has come early, or behind one that could not be heard: it waits.
    Waits(Kept),
    /// What waits has waited for so long that somebody should know.
    Overdue,
    /// A message could not be heard. Those that come after it wait.
    Parked { message: Kept, why: String },
    /// Of a message that had waited nothing follows any more.
    Passed { message: MessageId },
    /// Somebody has given the message up that could not be heard.
    Dropped { by: String, reason: String },
    /// Somebody has ended it.
    Ended { by: String, reason: String },
}

impl Event for Entry {
    const CATEGORY: &'static str = CATEGORY;
}

/// A message that was heard, and what was done about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Heard {
    pub(super) message: Kept,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) sent: Vec<Sent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) timers: Vec<Set>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) cancelled: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) completes: bool,
}

/// A message that was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) id: MessageId,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// A timer that was set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Set {
    pub(super) event: String,
    pub(super) id: MessageId,
    pub(super) at: DateTime<Utc>,
}

/// A message as it was received.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    source: String,
    envelope: Box<RawValue>,
}

/// What is kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Envelope(#[from] UnreadableEnvelope),
    #[error(transparent)]
    Source(#[from] crate::types::InvalidEnvelope),
}

impl Kept {
    pub(super) fn new(source: &Source, envelope: &Envelope) -> Result<Self, serde_json::Error> {
        // What is to be stored is text, as JSON always is.
        let json = String::from_utf8(envelope.to_stored()?).map_err(serde::ser::Error::custom)?;
        Ok(Self { source: source.as_str().to_owned(), envelope: RawValue::from_string(json)? })
    }

    pub(super) fn envelope(&self) -> Result<Envelope, UnreadableEnvelope> {
        Envelope::stored(&self.envelope.get().to_owned().into())
    }

    pub(super) fn source(&self) -> Result<Source, Unreadable> {
        Ok(Source::new(&self.source)?)
    }
}
