//! Messages as CloudEvents in binary mode: attributes as headers with the prefix `cloudEvents_`, and the payload as it is.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::key::short;
use crate::types::{InvalidMessage, Message};

/// What stands before an attribute's name: of the two that the binding for AMQP has, the one that every client can read.
const PREFIX: &str = "cloudEvents_";
/// The other one.
const OTHER_PREFIX: &str = "cloudEvents:";
/// Where the binding has the media type is a property, which others may repeat here.
const MEDIA_ATTRIBUTE: &str = "datacontenttype";
/// What is kept on the disk.
const PERSISTENT: u8 = 2;
/// How often the server has delivered a message before, where it counts that.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// What the server reads or writes.
const SERVERS: [&str; 7] =
    ["CC", "BCC", DELIVERY_COUNT, "x-acquired-count", "x-death", "x-delay", "x-received-from"];
const SERVERS_PREFIXES: [&str; 4] = ["x-first-death-", "x-last-death-", "x-opt-", "x-stream-"];

/// A header of the service's own, or a media type, that cannot travel with RabbitMQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name has more than 255 bytes.
    #[error("a header's name has 255 bytes at most")]
    Name,
    /// The name begins with `cloudEvents_` or `cloudEvents:`, or is one that the server reads or writes: it would say something
    /// else there.
    #[error(
        "a header's name does not begin with `cloudEvents`, and is none of the server's, as `CC` and `x-death` are"
    )]
    Reserved,
    /// The media type has more than 255 bytes.
    #[error("a media type has 255 bytes at most")]
    Media,
}

/// The properties of a message, and how many bytes its headers are.
pub(super) fn written(message: &Message) -> Result<(BasicProperties, usize), InvalidHeader> {
    let (mut headers, mut bytes) = (FieldTable::default(), 0);
    let mut add = |name: ShortString, value: &str| {
        // One for the length of the name and one for the kind of the value, and four for its length.
        bytes += name.as_str().len() + value.len() + 6;
        headers.insert(name, AMQPValue::LongString(value.into()));
    };
    for (name, value) in message.headers() {
        if is_attribute(name) || is_servers(name) {
            return Err(InvalidHeader::Reserved);
        }
        add(short(name).ok_or(InvalidHeader::Name)?, value);
    }
    for (name, value) in message.attributes() {
        add(short(&format!("{PREFIX}{name}")).ok_or(InvalidHeader::Name)?, &value);
    }
    let media = short(message.envelope.content_type()).ok_or(InvalidHeader::Media)?;
    bytes += media.as_str().len();
    let properties = BasicProperties::default()
        .with_content_type(media)
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    Ok((properties, bytes))
}

/// The name without the prefix of attributes, if it has one.
fn attribute(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX).or_else(|| name.strip_prefix(OTHER_PREFIX))
}

fn is_attribute(name: &str) -> bool {
    attribute(name).is_some()
}

fn is_servers(name: &str) -> bool {
    SERVERS.contains(&name) || SERVERS_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The message that was received.
pub(super) fn read(properties: &BasicProperties, data: Bytes) -> Result<Message, InvalidMessage> {
    let (mut attributes, mut own) = (Vec::new(), Vec::new());
    let headers = properties.headers().as_ref().map(FieldTable::inner);
    for (name, value) in headers.into_iter().flatten() {
        let (name, Some(value)) = (name.as_str(), text(value)) else { continue };
        if let Some(attribute) = attribute(name) {
            attributes.push((attribute.to_ascii_lowercase(), value));
        } else if !is_servers(name) {
            own.push((name, value));
        }
    }
    let attribute = |wanted: &str| {
        attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_ref())
    };
    let media = properties.content_type().as_ref().map(ShortString::as_str);
    let own = own.iter().map(|(name, value)| (*name, value.as_ref()));
    Message::received(attribute, media.or_else(|| attribute(MEDIA_ATTRIBUTE)), own, data)
}

/// A value as text. Clients of other languages have numbers and times of their own for it.
fn text(value: &AMQPValue) -> Option<Cow<'_, str>> {
    let number = |it: &dyn ToString| Some(Cow::Owned(it.to_string()));
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(Cow::Borrowed),
        AMQPValue::ShortString(text) => Some(Cow::Borrowed(text.as_str())),
        AMQPValue::Boolean(it) => number(it),
        AMQPValue::ShortShortInt(it) => number(it),
        AMQPValue::ShortShortUInt(it) => number(it),
        AMQPValue::ShortInt(it) => number(it),
        AMQPValue::ShortUInt(it) => number(it),
        AMQPValue::LongInt(it) => number(it),
        AMQPValue::LongUInt(it) => number(it),
        AMQPValue::LongLongInt(it) => number(it),
        AMQPValue::Float(it) => number(it),
        AMQPValue::Double(it) => number(it),
        AMQPValue::Timestamp(seconds) => {
            let time = DateTime::from_timestamp(i64::try_from(*seconds).ok()?, 0)?;
            Some(time.to_rfc3339_opts(SecondsFormat::Secs, true).into())
        }
        _ => None,
    }
}

/// How often the message was delivered before, as far as the server knows.
pub(super) fn redeliveries(properties: &BasicProperties, is_redelivered: bool) -> u64 {
    let headers = properties.headers().as_ref();
    let counted = headers.and_then(|headers| headers.inner().get(DELIVERY_COUNT)).and_then(text);
    let counted = counted.and_then(|count| count.parse().ok()).unwrap_or_default();
    u64::max(counted, is_redelivered.into())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{Envelope, MessageId, MessageType, Metadata, OrderingKey, Source};

    fn message(name: &str, value: &str) -> Message {
        let metadata = Metadata::new().with_actor(" Ä\"%41 ").unwrap();
        let kind = MessageType::new("test.said.v1").unwrap();
        let key = OrderingKey::new("a b").unwrap();
        let envelope = Envelope::new(MessageId::new(Uuid::from_u128(7)), kind, key, "{}")
            .with_content_type("text/plain; charset=\"utf-8\"")
            .unwrap()
            .with_metadata(metadata.with_entry(name, value).unwrap());
        Message::new(envelope, Source::new("/a b").unwrap(), None)
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = message("X-Channel", "web: 100%25\r\nof two lines");
        let (properties, _) = written(&message).unwrap();
        assert_eq!(read(&properties, Bytes::from_static(b"{}")), Ok(message));
        let none = BasicProperties::default();
        assert_eq!(read(&none, Bytes::new()), Err(InvalidMessage::Missing("specversion")));
    }

    #[test]
    fn what_others_write_is_read() {
        let mut headers = FieldTable::default();
        for (name, value) in
            [("specversion", "1.0"), ("id", "7"), ("source", "/a"), ("type", "t.v1")]
        {
            headers.insert(
                format!("{OTHER_PREFIX}{name}").into(),
                AMQPValue::LongString(value.into()),
            );
        }
        headers.insert("cloudEvents:time".into(), AMQPValue::Timestamp(1_700_000_000));
        headers.insert("cloudEvents:sequence".into(), AMQPValue::LongLongInt(12));
        headers.insert("retried".into(), AMQPValue::Boolean(true));
        headers.insert(DELIVERY_COUNT.into(), AMQPValue::LongLongInt(3));
        let properties = BasicProperties::default().with_headers(headers);
        let message = read(&properties, Bytes::new()).unwrap();
        assert_eq!(message.envelope.time().unwrap().timestamp(), 1_700_000_000);
        assert_eq!(message.sequence.unwrap().at.get(), 12);
        assert_eq!(message.headers().collect::<Vec<_>>(), [("retried", "true")]);
        assert_eq!(redeliveries(&properties, true), 3);
        assert_eq!(redeliveries(&BasicProperties::default(), true), 1);
    }

    #[test]
    fn a_header_that_would_say_something_else_is_refused() {
        for name in
            ["CC", "BCC", "x-death", "x-last-death-queue", "cloudEvents_id", "cloudEvents:id"]
        {
            assert_eq!(written(&message(name, "1")).err(), Some(InvalidHeader::Reserved), "{name}");
        }
        for name in ["cc", "X-Death", "x-request-id", "ce-id"] {
            assert!(written(&message(name, "1")).is_ok(), "{name}");
        }
    }
}
