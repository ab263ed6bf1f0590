//! Messages as CloudEvents in binary mode: attributes as headers with the prefix `ce-`, and the payload as it is.

use std::str::FromStr;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue, NATS_MESSAGE_ID};
use bytes::Bytes;

use crate::ports::Outbound;
use crate::types::{InvalidMessage, Message};

/// What stands before an attribute's name.
const PREFIX: &str = "ce-";
/// Where the binding for NATS has the media type.
const MEDIA_ATTRIBUTE: &str = "datacontenttype";
/// Where tools that know no CloudEvents look for it.
const MEDIA_HEADER: &str = "content-type";
/// What the server reads.
const SERVERS_PREFIX: &str = "nats-";

/// Headers by the attributes that they hold, so that nobody has to look at every letter of their names for each message.
static NAMES: [(&str, HeaderName); 19] = [
    ("specversion", HeaderName::from_static("ce-specversion")),
    ("id", HeaderName::from_static("ce-id")),
    ("source", HeaderName::from_static("ce-source")),
    ("type", HeaderName::from_static("ce-type")),
    ("partitionkey", HeaderName::from_static("ce-partitionkey")),
    ("subject", HeaderName::from_static("ce-subject")),
    ("dataschema", HeaderName::from_static("ce-dataschema")),
    ("time", HeaderName::from_static("ce-time")),
    ("expirytime", HeaderName::from_static("ce-expirytime")),
    ("sequence", HeaderName::from_static("ce-sequence")),
    ("prevsequence", HeaderName::from_static("ce-prevsequence")),
    ("destination", HeaderName::from_static("ce-destination")),
    ("correlationid", HeaderName::from_static("ce-correlationid")),
    ("causationid", HeaderName::from_static("ce-causationid")),
    ("actor", HeaderName::from_static("ce-actor")),
    ("tenant", HeaderName::from_static("ce-tenant")),
    ("traceparent", HeaderName::from_static("ce-traceparent")),
    ("tracestate", HeaderName::from_static("ce-tracestate")),
    (MEDIA_ATTRIBUTE, HeaderName::from_static("ce-datacontenttype")),
];

/// The header that holds an attribute.
fn header(attribute: &str) -> Result<HeaderName, InvalidHeader> {
    match NAMES.iter().find(|(name, _)| *name == attribute) {
        Some((_, header)) => Ok(header.clone()),
        None => {
            HeaderName::from_str(&format!("{PREFIX}{attribute}")).map_err(|_| InvalidHeader::Name)
        }
    }
}

/// A header of the service's own that cannot travel with NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name is not of printable ASCII characters, or holds a space or a colon.
    #[error("a header's name is of printable ASCII characters without spaces and colons")]
    Name,
    /// The name begins with `ce-` or `nats-`, or is `content-type`: it would say something else there.
    #[error("a header's name does not begin with `ce-` or `nats-`, and is not `content-type`")]
    Reserved,
    /// The value holds a line break, or white space at an end, which would not arrive.
    #[error("a header's value holds no line breaks, and no white space at its ends")]
    Value,
}

/// The headers of a message, and with them the id by which the server knows a copy.
pub(super) fn written(outbound: &Outbound) -> Result<HeaderMap, InvalidHeader> {
    let message = &outbound.message;
    let mut headers = HeaderMap::new();
    for (name, value) in message.headers() {
        if is_reserved(name) {
            return Err(InvalidHeader::Reserved);
        }
        if value.trim() != value {
            return Err(InvalidHeader::Value);
        }
        let name = HeaderName::from_str(name).map_err(|_| InvalidHeader::Name)?;
        headers.insert(name, whole(value)?);
    }
    for (name, value) in message.attributes() {
        headers.insert(header(name)?, HeaderValue::from(encoded(value)));
    }
    let media = message.envelope.content_type();
    headers.insert(header(MEDIA_ATTRIBUTE)?, HeaderValue::from(encoded(media.to_owned())));
    // As it is: it has no line breaks, and what reads it knows no encoding.
    headers.insert(HeaderName::from_static(MEDIA_HEADER), whole(media)?);
    headers.insert(NATS_MESSAGE_ID, HeaderValue::from(copy_id(outbound)));
    Ok(headers)
}

/// A value as it is.
fn whole(value: &str) -> Result<HeaderValue, InvalidHeader> {
    HeaderValue::from_str(value).map_err(|_| InvalidHeader::Value)
}

/// The same for copies of one message only: an id is its source's, and each destination has a copy of its own. None of the three
/// holds a space.
pub(super) fn copy_id(outbound: &Outbound) -> String {
    let Outbound { message, destination } = outbound;
    format!("{} {} {}", message.envelope.id(), destination, encoded(message.source.to_string()))
}

fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(PREFIX) || name.starts_with(SERVERS_PREFIX) || name == MEDIA_HEADER
}

/// The message that was received.
pub(super) fn read(headers: Option<&HeaderMap>, data: Bytes) -> Result<Message, InvalidMessage> {
    let (mut attributes, mut own, mut media) = (Vec::new(), Vec::new(), None);
    for (name, values) in headers.into_iter().flat_map(HeaderMap::iter) {
        let (name, Some(value)) = (AsRef::<str>::as_ref(name), values.first()) else { continue };
        let lower = name.to_ascii_lowercase();
        if let Some(attribute) = lower.strip_prefix(PREFIX) {
            attributes.push((attribute.to_owned(), decoded(value.as_str())));
        } else if lower == MEDIA_HEADER {
            media = Some(value.as_str());
        } else if !lower.starts_with(SERVERS_PREFIX) {
            own.push((name, value.as_str()));
        }
    }
    let attribute = |wanted: &str| {
        attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    Message::received(attribute, attribute(MEDIA_ATTRIBUTE).or(media), own, data)
}

/// As CloudEvents has it for headers: what is not printable ASCII, and spaces, quotes and percent signs, by their bytes.
fn encoded(text: String) -> String {
    let is_plain = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%';
    if text.bytes().all(is_plain) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            let hex = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or('0');
            out.extend(['%', hex(byte >> 4), hex(byte & 15)].map(|c| c.to_ascii_uppercase()));
        }
    }
    out
}

/// What was encoded. What is no encoding is left as it stands.
fn decoded(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        if let (b'%', Some(high), Some(low)) = (first, hex(behind.first()), hex(behind.get(1))) {
            out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            rest = behind.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{
        Destination, Envelope, MessageId, MessageType, Metadata, OrderingKey, Source,
    };

    fn outbound(source: &str, header: (&str, &str)) -> Outbound {
        let metadata = Metadata::new().with_actor(" Ä\"%41 ").unwrap();
        let metadata = metadata.with_entry(header.0, header.1).unwrap();
        let kind = MessageType::new("test.said.v1").unwrap();
        let key = OrderingKey::new("a b").unwrap();
        let envelope = Envelope::new(MessageId::new(Uuid::from_u128(7)), kind, key, "{}")
            .with_content_type("text/plain; charset=\"utf-8\"")
            .unwrap()
            .with_metadata(metadata);
        let message = Message::new(envelope, Source::new(source).unwrap(), None);
        Outbound::new(message, Destination::new("said").unwrap())
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let outbound = outbound("/a b", ("X-Channel", "web: 100%25"));
        let headers = written(&outbound).unwrap();
        let shown = |name: &str| headers.get(name).map(|it| it.as_str().to_owned()).unwrap();
        assert_eq!(shown("ce-actor"), "%20%C3%84%22%2541%20");
        assert_eq!(shown("ce-id"), Uuid::from_u128(7).to_string());
        assert_eq!(shown("X-Channel"), "web: 100%25");
        assert_eq!(shown("content-type"), "text/plain; charset=\"utf-8\"");
        assert_eq!(shown("Nats-Msg-Id"), format!("{} said /a%20b", Uuid::from_u128(7)));
        assert_eq!(read(Some(&headers), Bytes::from_static(b"{}")), Ok(outbound.message));
        assert_eq!(read(None, Bytes::new()), Err(InvalidMessage::Missing("specversion")));
    }

    #[test]
    fn a_header_that_would_not_arrive_is_refused() {
        use InvalidHeader::{Name, Reserved, Value};
        for (name, value, why) in [
            ("a b", "", Name),
            ("a:b", "", Name),
            ("ä", "", Name),
            ("ce-id", "1", Reserved),
            ("Nats-Rollup", "all", Reserved),
            ("NATS-TTL", "1", Reserved),
            ("Content-Type", "x", Reserved),
            ("a", "x\r\nb: y", Value),
            ("a", "x\n", Value),
            ("a", " x", Value),
            ("a", "x\u{3000}", Value),
        ] {
            let refused = written(&outbound("/a", (name, value)));
            assert_eq!(refused.err(), Some(why), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn what_is_no_encoding_is_left_as_it_stands() {
        for text in ["100%", "%", "%4", "%zz", "%C3", "a%2"] {
            assert_eq!(decoded(text), text);
        }
        assert_eq!(decoded("%41%c3%84%20"), "AÄ ");
    }
}
