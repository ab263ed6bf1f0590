//! An envelope as a store keeps it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::envelope::text;
use super::{
    Envelope, EventId, EventName, InvalidEnvelope, MessageId, MessageType, Metadata, NewEvent,
    OrderingKey, Position, RecordedEvent, Recording, StreamId, StreamVersion,
};

/// The category under which the log of messages shows them.
const CATEGORY: &str = "outbox";

/// What is stored cannot be read as a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableEnvelope {
    /// It is not the JSON that was stored.
    #[error("what is stored is no message")]
    Json(#[from] serde_json::Error),
    /// The payload is not base 64.
    #[error("the payload is not base 64")]
    Payload(#[from] base64::DecodeError),
    /// An attribute is malformed.
    #[error(transparent)]
    Attribute(#[from] InvalidEnvelope),
}

/// The form in which an envelope is stored. A payload that is JSON stands there as it is, so that a person can read it.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    id: MessageId,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    content_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    schema: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    data_base64: Option<Cow<'a, str>>,
}

/// For backends: a message as an outbox keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outgoing {
    /// `outbox-` and the ordering key.
    pub stream: StreamId,
    /// The message's id and type, and the envelope as its payload.
    pub event: NewEvent,
    /// When it may be published, and no sooner.
    pub deliver_at: Option<DateTime<Utc>>,
}

impl Outgoing {
    pub(super) fn of(envelope: &Envelope) -> Result<Self, Box<dyn std::error::Error>> {
        let name = EventName::new(envelope.kind.as_str())?;
        let event = NewEvent::new(EventId::new(envelope.id.as_uuid()), name, envelope.to_stored()?);
        let stream = Self::stream(envelope.key.as_str())?;
        Ok(Self { stream, event, deliver_at: envelope.deliver_at })
    }

    /// Its identity.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        MessageId::new(self.event.id().as_uuid())
    }

    /// The stream under which the log shows the messages of a key.
    ///
    /// # Errors
    /// [`InvalidStreamId`](super::InvalidStreamId) of a text that is no ordering key.
    pub fn stream(key: &str) -> Result<StreamId, super::InvalidStreamId> {
        StreamId::new(CATEGORY, key)
    }

    /// The message as the log shows it.
    #[must_use]
    pub fn recorded(self, position: Position, at: DateTime<Utc>) -> RecordedEvent {
        let version = StreamVersion::new(position.get());
        self.event.recorded(Recording { stream: self.stream, version, position, recorded_at: at })
    }
}

impl Envelope {
    /// For backends: the envelope as JSON, which [`Envelope::stored`] reads.
    ///
    /// # Errors
    /// What `serde_json` says; not of what can be built.
    pub fn to_stored(&self) -> Result<Vec<u8>, serde_json::Error> {
        let data = as_json(&self.data);
        let data_base64 = data.is_none().then(|| STANDARD.encode(&self.data).into());
        serde_json::to_vec(&Stored {
            id: self.id,
            kind: self.kind.as_str().into(),
            key: self.key.as_str().into(),
            subject: self.subject.as_deref().map(Cow::Borrowed),
            content_type: self.content_type.as_deref().map(Cow::Borrowed),
            schema: self.schema.as_deref().map(Cow::Borrowed),
            time: self.time,
            deliver_at: self.deliver_at,
            expires_at: self.expires_at,
            metadata: self.metadata.clone(),
            data,
            data_base64,
        })
    }

    /// For backends and relays: the envelope of what [`Envelope::to_stored`] made.
    ///
    /// # Errors
    /// [`UnreadableEnvelope`] if it is something else.
    pub fn stored(json: &Bytes) -> Result<Self, UnreadableEnvelope> {
        let stored: Stored<'_> = serde_json::from_slice(json)?;
        let data = match (stored.data, &stored.data_base64) {
            (Some(raw), _) => json.slice_ref(raw.get().as_bytes()),
            (None, Some(text)) => STANDARD.decode(&**text)?.into(),
            (None, None) => Bytes::new(),
        };
        let checked = |what, value: Option<Cow<'_, str>>| value.map(|v| text(what, &v)).transpose();
        Ok(Self {
            id: stored.id,
            kind: MessageType::new(&stored.kind)?,
            key: OrderingKey::new(&stored.key)?,
            data,
            metadata: stored.metadata,
            subject: checked("subject", stored.subject)?,
            content_type: checked("content type", stored.content_type)?,
            schema: checked("schema", stored.schema)?,
            time: stored.time,
            deliver_at: stored.deliver_at,
            expires_at: stored.expires_at,
        })
    }
}

/// The payload as the JSON value that it is, byte for byte; `None` if it is none, or `null`, which would read back as nothing.
fn as_json(data: &[u8]) -> Option<&RawValue> {
    let raw: &RawValue = serde_json::from_slice(data).ok()?;
    // White space around it would be lost.
    (raw.get().len() == data.len() && raw.get() != "null").then_some(raw)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn envelope(data: &'static [u8]) -> Envelope {
        let kind = MessageType::new("shop.order.confirmed.v1").unwrap();
        let key = OrderingKey::new("order \"1\" é").unwrap();
        Envelope::new(MessageId::new(Uuid::from_u128(7)), kind, key, data)
    }

    #[test]
    fn what_is_stored_reads_back_byte_for_byte() {
        for data in [
            &b"{\"a\": 1.0,  \"b\":\"\\u00e9\"}"[..],
            b" {}",
            b"{}\n",
            b"null",
            b"",
            b"\xff\x00",
            b"{\"a\":",
            b"\"text\"",
            b"{} {}",
        ] {
            let at = DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap();
            let full = envelope(data)
                .with_subject("1")
                .unwrap()
                .with_content_type("text/plain")
                .unwrap()
                .with_schema("https://example.org/schema")
                .unwrap()
                .with_time(at)
                .with_delivery_at(at)
                .with_expiry_at(at)
                .with_metadata(Metadata::new().with_tenant("acme").unwrap());
            for envelope in [envelope(data), full] {
                let stored = envelope.to_stored().unwrap();
                assert_eq!(Envelope::stored(&stored.into()).unwrap(), envelope, "{data:?}");
            }
        }
    }

    #[test]
    fn a_payload_of_json_can_be_read_where_it_is_stored() {
        let stored = String::from_utf8(envelope(b"{\"total\":3}").to_stored().unwrap()).unwrap();
        assert!(stored.contains(r#""data":{"total":3}"#), "{stored}");
    }

    #[test]
    fn what_is_no_message_is_told() {
        for bad in ["", "{}", r#"{"id":1}"#] {
            let read = Envelope::stored(&Bytes::from_static(bad.as_bytes()));
            assert!(matches!(read, Err(UnreadableEnvelope::Json(_))), "{bad}");
        }
        let stored = String::from_utf8(envelope(b"x").to_stored().unwrap()).unwrap();
        let read = Envelope::stored(&stored.replace("eA==", "?").into());
        assert!(matches!(read, Err(UnreadableEnvelope::Payload(_))), "{read:?}");
        let read = Envelope::stored(&stored.replace("shop.order.confirmed.v1", "").into());
        assert!(matches!(read, Err(UnreadableEnvelope::Attribute(_))), "{read:?}");
    }
}
