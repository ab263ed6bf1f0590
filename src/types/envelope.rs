//! A message on its way out of a service.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{EventId, Metadata};

/// The longest type, ordering key, subject, content type or schema, in bytes.
const TEXT_BYTES_MAX: usize = 190;
/// What the payload is unless something else is said.
const JSON: &str = "application/json";

/// The identity of a message: the same in every copy of it that is ever delivered.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct MessageId(Uuid);

impl MessageId {
    /// The message with this id: version 7 for a fresh one.
    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of the `index`th message that an event leads to: the same however often that is worked out.
    #[must_use]
    pub fn of_event(event: EventId, index: u64) -> Self {
        let index = index.to_be_bytes();
        let name: Vec<u8> = b"freehold message ".iter().chain(&index).copied().collect();
        Self(Uuid::new_v5(&event.as_uuid(), &name))
    }

    /// The id as a UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An attribute of a message that is empty, too long, or holds a control character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {0} of a message is 1 to 190 bytes without control characters")]
pub struct InvalidEnvelope(pub(super) &'static str);

pub(super) fn text(what: &'static str, text: &str) -> Result<Arc<str>, InvalidEnvelope> {
    let fits = (1..=TEXT_BYTES_MAX).contains(&text.len());
    if fits && !text.chars().any(char::is_control) {
        Ok(text.into())
    } else {
        Err(InvalidEnvelope(what))
    }
}

/// What kind of message it is, for everybody: `shop.order.confirmed.v1`. It names a published contract, not a stored event.
/// 1 to 190 bytes without control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageType(Arc<str>);

impl MessageType {
    /// The type `name`.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if it is empty, too long, or holds a control character.
    pub fn new(name: &str) -> Result<Self, InvalidEnvelope> {
        text("type", name).map(Self)
    }

    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Messages of one key reach a destination in the order in which they were committed. 1 to 190 bytes without control
/// characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderingKey(Arc<str>);

impl OrderingKey {
    /// The key `key`.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if it is empty, too long, or holds a control character.
    pub fn new(key: &str) -> Result<Self, InvalidEnvelope> {
        text("ordering key", key).map(Self)
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! shown {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

pub(super) use shown;

shown!(MessageType);
shown!(OrderingKey);

/// A message on its way out of a service: what it says, and to whom order matters.
///
/// It carries the context attributes of CloudEvents 1.0. [`Commit::send`](super::Commit::send) puts it into the outbox
/// together with what it tells of, and a relay publishes it.
///
/// ```
/// use freehold::{Envelope, MessageId, MessageType, OrderingKey};
///
/// let confirmed = Envelope::json(
///     MessageId::new(uuid::Uuid::now_v7()),
///     MessageType::new("shop.order.confirmed.v1")?,
///     OrderingKey::new("order-1234")?,
///     &serde_json::json!({ "order": "1234", "total": "17.85" }),
/// )?
/// .with_subject("1234")?;
/// assert_eq!(confirmed.content_type(), "application/json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Its [`Debug`] shows how long the payload is and never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    pub(super) id: MessageId,
    pub(super) kind: MessageType,
    pub(super) key: OrderingKey,
    pub(super) data: Bytes,
    pub(super) metadata: Metadata,
    pub(super) subject: Option<Arc<str>>,
    pub(super) content_type: Option<Arc<str>>,
    pub(super) schema: Option<Arc<str>>,
    pub(super) time: Option<DateTime<Utc>>,
    pub(super) deliver_at: Option<DateTime<Utc>>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl Envelope {
    /// A message that says `data`, which is JSON unless [`Envelope::with_content_type`] says otherwise.
    #[must_use]
    pub fn new(id: MessageId, kind: MessageType, key: OrderingKey, data: impl Into<Bytes>) -> Self {
        Self {
            id,
            kind,
            key,
            data: data.into(),
            metadata: Metadata::new(),
            subject: None,
            content_type: None,
            schema: None,
            time: None,
            deliver_at: None,
            expires_at: None,
        }
    }

    /// A message that says `value`, as JSON.
    ///
    /// # Errors
    /// What `serde_json` says of a value that JSON cannot hold.
    pub fn json(
        id: MessageId,
        kind: MessageType,
        key: OrderingKey,
        value: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self::new(id, kind, key, serde_json::to_vec(value)?))
    }

    /// Sets what the message is about, within the service that sends it.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if it is empty, too long, or holds a control character.
    pub fn with_subject(mut self, subject: &str) -> Result<Self, InvalidEnvelope> {
        self.subject = Some(text("subject", subject)?);
        Ok(self)
    }

    /// Sets the media type of the payload.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if it is empty, too long, or holds a control character.
    pub fn with_content_type(mut self, media: &str) -> Result<Self, InvalidEnvelope> {
        self.content_type = Some(text("content type", media)?);
        Ok(self)
    }

    /// Sets the URI of the schema that the payload follows.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if it is empty, too long, or holds a control character.
    pub fn with_schema(mut self, uri: &str) -> Result<Self, InvalidEnvelope> {
        self.schema = Some(text("schema", uri)?);
        Ok(self)
    }

    /// Sets when it happened. By default that is when the outbox took the message in.
    #[must_use]
    pub const fn with_time(mut self, at: DateTime<Utc>) -> Self {
        self.time = Some(at);
        self
    }

    /// Sets when it may be published, and no sooner. Until then it is nobody's turn: others of its key go first.
    #[must_use]
    pub const fn with_delivery_at(mut self, at: DateTime<Utc>) -> Self {
        self.deliver_at = Some(at);
        self
    }

    /// Sets from when on nobody wants it any more: a relay then leaves it out.
    #[must_use]
    pub const fn with_expiry_at(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Sets what travels beside the payload: flow, cause, tenant, trace, and headers of the service's own.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Its identity.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// What kind of message it is.
    #[must_use]
    pub const fn kind(&self) -> &MessageType {
        &self.kind
    }

    /// Among which messages it has its place.
    #[must_use]
    pub const fn key(&self) -> &OrderingKey {
        &self.key
    }

    /// What it says.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// What travels beside the payload.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What the message is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The media type of the payload.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or(JSON)
    }

    /// The URI of the schema that the payload follows.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// When it happened, if that was said.
    #[must_use]
    pub const fn time(&self) -> Option<DateTime<Utc>> {
        self.time
    }

    /// When it may be published, and no sooner.
    #[must_use]
    pub const fn deliver_at(&self) -> Option<DateTime<Utc>> {
        self.deliver_at
    }

    /// From when on nobody wants it any more.
    #[must_use]
    pub const fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("key", &self.key)
            .field("data_bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}
