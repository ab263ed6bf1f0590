//! A message as it travels: the attributes of CloudEvents 1.0, in binary mode.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::envelope::{shown, text};
use super::{
    Envelope, InvalidEnvelope, InvalidMetadata, MessageId, MessageType, Metadata, OrderingKey,
    Position, TraceContext,
};

/// The only version of the specification that there is.
const SPEC: &str = "1.0";

/// Who sends messages: a URI reference such as `/shop/orders`, the same for as long as the service lives. 1 to 190 bytes
/// without control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(Arc<str>);

impl Source {
    /// The source `uri`.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if it is empty, too long, or holds a control character.
    pub fn new(uri: &str) -> Result<Self, InvalidEnvelope> {
        text("source", uri).map(Self)
    }

    /// The source as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a broker is to put a message: a subject, a routing key, a topic. 1 to 190 bytes without control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination(Arc<str>);

impl Destination {
    /// The destination `name`.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if it is empty, too long, or holds a control character.
    pub fn new(name: &str) -> Result<Self, InvalidEnvelope> {
        text("destination", name).map(Self)
    }

    /// The destination as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&MessageType> for Destination {
    fn from(kind: &MessageType) -> Self {
        Self(kind.as_str().into())
    }
}

shown!(Source);
shown!(Destination);

/// Where a message stands in the outbox that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sequence {
    /// Its position there. It grows with every message of a key.
    pub at: Position,
    /// The position of the message before it of the same key and destination; [`Position::START`] if there was none, and
    /// `None` if the relay does not know.
    pub previous: Option<Position>,
}

impl Sequence {
    /// The place `at`, behind `previous`.
    #[must_use]
    pub const fn new(at: Position, previous: Option<Position>) -> Self {
        Self { at, previous }
    }
}

/// A message as it travels: what it says, who sent it, and where it stands among the others of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// What it says.
    pub envelope: Envelope,
    /// Who sent it.
    pub source: Source,
    /// Where it stands; not every sender tells.
    pub sequence: Option<Sequence>,
    /// For which destination that is told: a message stands behind others of its key there, and not elsewhere.
    pub destination: Option<Destination>,
}

/// What was received is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMessage {
    /// An attribute that every message has is missing.
    #[error("the attribute `{0}` is missing")]
    Missing(&'static str),
    /// An attribute does not have the form that it must have.
    #[error("the attribute `{0}` is malformed")]
    Malformed(&'static str),
    /// An attribute is out of bounds.
    #[error(transparent)]
    Attribute(#[from] InvalidEnvelope),
    /// A header is out of bounds.
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
}

impl Message {
    /// The message of an envelope.
    #[must_use]
    pub const fn new(envelope: Envelope, source: Source, sequence: Option<Sequence>) -> Self {
        Self { envelope, source, sequence, destination: None }
    }

    /// Its context attributes, by their names in CloudEvents 1.0, without the media type, for which protocols have a place of
    /// their own. A binding puts its prefix before the names.
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let envelope = &self.envelope;
        let metadata = envelope.metadata();
        let mut all = vec![
            ("specversion", SPEC.to_owned()),
            ("id", envelope.id().to_string()),
            ("source", self.source.to_string()),
            ("type", envelope.kind().to_string()),
            ("partitionkey", envelope.key().to_string()),
        ];
        let more = [
            ("subject", envelope.subject().map(str::to_owned)),
            ("dataschema", envelope.schema().map(str::to_owned)),
            ("time", envelope.time().map(written)),
            ("expirytime", envelope.expires_at().map(written)),
            ("sequence", self.sequence.map(|place| padded(place.at))),
            ("prevsequence", self.sequence.and_then(|place| place.previous).map(padded)),
            ("destination", self.destination.as_ref().map(ToString::to_string)),
            ("correlationid", metadata.correlation().map(|id| id.to_string())),
            ("causationid", metadata.causation().map(|id| id.to_string())),
            ("actor", metadata.actor().map(str::to_owned)),
            ("tenant", metadata.tenant().map(str::to_owned)),
            ("traceparent", metadata.trace().map(|trace| trace.parent().to_owned())),
            ("tracestate", metadata.trace().and_then(|t| t.state()).map(str::to_owned)),
        ];
        all.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
        all
    }

    /// The headers of the service's own, which travel beside the attributes.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.envelope.metadata().entries()
    }

    /// For brokers: the message that was received with these attributes, which are asked for by their names without the
    /// binding's prefix.
    ///
    /// Messages of others are read too: an id that is no UUID leads to one, always the same; without a `partitionkey`, the
    /// subject is the key, or else the id.
    ///
    /// # Errors
    /// [`InvalidMessage`] says what is wrong with it.
    pub fn received<'h>(
        attribute: impl Fn(&str) -> Option<&'h str>,
        content_type: Option<&str>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        data: impl Into<Bytes>,
    ) -> Result<Self, InvalidMessage> {
        let required = |name| attribute(name).ok_or(InvalidMessage::Missing(name));
        if required("specversion")? != SPEC {
            return Err(InvalidMessage::Malformed("specversion"));
        }
        let (id, source) = (required("id")?, Source::new(required("source")?)?);
        let kind = MessageType::new(required("type")?)?;
        let subject = attribute("subject");
        let key = OrderingKey::new(attribute("partitionkey").or(subject).unwrap_or(id))?;
        let id = MessageId::new(id.parse().unwrap_or_else(|_| foreign(&source, id)));
        let mut envelope = Envelope::new(id, kind, key, data);
        envelope.subject = subject.map(|it| text("subject", it)).transpose()?;
        envelope.schema = attribute("dataschema").map(|it| text("schema", it)).transpose()?;
        envelope.content_type = content_type.map(|it| text("content type", it)).transpose()?;
        envelope.time = moment(&attribute, "time")?;
        envelope.expires_at = moment(&attribute, "expirytime")?;
        let at = number(&attribute, "sequence")?;
        let previous = number(&attribute, "prevsequence")?;
        let sequence = at.map(|at| Sequence::new(at, previous));
        envelope.metadata = metadata(&attribute, headers)?;
        let destination = attribute("destination").map(Destination::new).transpose()?;
        Ok(Self { envelope, source, sequence, destination })
    }
}

fn metadata<'h>(
    attribute: &impl Fn(&str) -> Option<&'h str>,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
) -> Result<Metadata, InvalidMessage> {
    let id = |name: &'static str| {
        let id = attribute(name).map(str::parse::<Uuid>).transpose();
        id.map_err(|_| InvalidMessage::Malformed(name))
    };
    let mut metadata = Metadata::new();
    if let Some(flow) = id("correlationid")? {
        metadata = metadata.with_correlation(flow);
    }
    if let Some(cause) = id("causationid")? {
        metadata = metadata.with_causation(cause);
    }
    if let Some(actor) = attribute("actor") {
        metadata = metadata.with_actor(actor)?;
    }
    if let Some(tenant) = attribute("tenant") {
        metadata = metadata.with_tenant(tenant)?;
    }
    // A trace that cannot be read is no reason to lose a message.
    if let Some(trace) = attribute("traceparent").and_then(|it| TraceContext::new(it).ok()) {
        let with_state = attribute("tracestate").and_then(|it| trace.clone().with_state(it).ok());
        metadata = metadata.with_trace(with_state.unwrap_or(trace));
    }
    for (name, value) in headers {
        metadata = metadata.with_entry(name, value)?;
    }
    Ok(metadata)
}

/// The id under which a message of others is known here.
fn foreign(source: &Source, id: &str) -> Uuid {
    let source = Uuid::new_v5(&Uuid::NAMESPACE_URL, source.as_str().as_bytes());
    Uuid::new_v5(&source, id.as_bytes())
}

/// As wide as the greatest position, so that the order of the texts is that of the numbers.
fn padded(position: Position) -> String {
    format!("{:020}", position.get())
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn moment<'h>(
    attribute: &impl Fn(&str) -> Option<&'h str>,
    name: &'static str,
) -> Result<Option<DateTime<Utc>>, InvalidMessage> {
    let at = attribute(name).map(DateTime::parse_from_rfc3339).transpose();
    at.map(|at| at.map(|at| at.to_utc())).map_err(|_| InvalidMessage::Malformed(name))
}

fn number<'h>(
    attribute: &impl Fn(&str) -> Option<&'h str>,
    name: &'static str,
) -> Result<Option<Position>, InvalidMessage> {
    let number = attribute(name).map(str::parse).transpose();
    number.map(|n| n.map(Position::new)).map_err(|_| InvalidMessage::Malformed(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn full() -> Message {
        let at = DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap();
        let trace = TraceContext::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let metadata = Metadata::new()
            .with_correlation(Uuid::from_u128(1))
            .with_causation(Uuid::from_u128(2))
            .with_actor("alice")
            .unwrap()
            .with_tenant("acme")
            .unwrap()
            .with_trace(trace.unwrap().with_state("a=b").unwrap())
            .with_entry("channel", "web")
            .unwrap();
        let kind = MessageType::new("shop.order.confirmed.v1").unwrap();
        let key = OrderingKey::new("order-1").unwrap();
        let envelope = Envelope::new(MessageId::new(Uuid::from_u128(7)), kind, key, "{}")
            .with_subject("1")
            .unwrap()
            .with_content_type("application/json")
            .unwrap()
            .with_schema("https://example.org/schema")
            .unwrap()
            .with_time(at)
            .with_expiry_at(at)
            .with_metadata(metadata);
        let place = Sequence::new(Position::new(12), Some(Position::new(3)));
        let mut message = Message::new(envelope, Source::new("/shop/orders").unwrap(), Some(place));
        message.destination = Some(Destination::new("orders").unwrap());
        message
    }

    fn received(
        message: &Message,
        change: impl Fn(&mut BTreeMap<&str, String>),
    ) -> Result<Message, InvalidMessage> {
        let mut all: BTreeMap<_, _> = message.attributes().into_iter().collect();
        change(&mut all);
        let envelope = &message.envelope;
        let attribute = |name: &str| all.get(name).map(String::as_str);
        let data = envelope.data().clone();
        Message::received(attribute, Some(envelope.content_type()), message.headers(), data)
    }

    #[test]
    fn a_message_is_received_as_it_was_sent() {
        assert_eq!(received(&full(), |_| ()).unwrap(), full());
        let mut bare = full();
        bare.sequence = None;
        bare.envelope = bare.envelope.with_metadata(Metadata::new());
        assert_eq!(received(&bare, |_| ()).unwrap(), bare);
    }

    #[test]
    fn the_order_of_sequences_is_that_of_their_texts() {
        let text = |n| padded(Position::new(n));
        assert!(text(9) < text(10) && text(10) < text(u64::MAX));
    }

    #[test]
    fn a_message_of_others_is_read_and_always_has_the_same_id() {
        let other = |all: &mut BTreeMap<&str, String>| {
            all.insert("id", "A-17".to_owned());
            all.remove("partitionkey");
            all.insert("traceparent", "nonsense".to_owned());
        };
        let read = received(&full(), other).unwrap();
        assert_eq!(read.envelope.key().as_str(), "1");
        assert_eq!(read.envelope.metadata().trace(), None);
        assert_eq!(received(&full(), other).unwrap().envelope.id(), read.envelope.id());
        let elsewhere = |all: &mut BTreeMap<&str, String>| {
            other(all);
            all.insert("source", "/elsewhere".to_owned());
        };
        assert_ne!(received(&full(), elsewhere).unwrap().envelope.id(), read.envelope.id());
    }

    #[test]
    fn what_is_no_message_is_told() {
        for name in ["specversion", "id", "source", "type"] {
            let without = received(&full(), |all| drop(all.remove(name)));
            assert!(matches!(without, Err(InvalidMessage::Missing(missing)) if missing == name));
        }
        for name in ["specversion", "time", "expirytime", "sequence", "correlationid"] {
            let wrong = received(&full(), |all| drop(all.insert(name, "x".to_owned())));
            assert_eq!(wrong, Err(InvalidMessage::Malformed(name)));
        }
        let wrong = received(&full(), |all| drop(all.insert("type", String::new())));
        assert!(matches!(wrong, Err(InvalidMessage::Attribute(_))));
    }
}
