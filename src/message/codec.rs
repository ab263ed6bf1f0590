//! From typed messages to envelopes and back.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MessageError;
use crate::event::{Mismatch, names, variant};
use crate::types::{Envelope, MessageId, MessageType, OrderingKey};

/// Makes a message ready to be sent. Its type is the variant's name, its payload the variant's content as JSON.
///
/// # Errors
/// - [`MessageError::NotPlain`] if `M` is not an enum, or has `tag` or `untagged`.
/// - [`MessageError::Name`] if the variant is called what no message can be called.
/// - [`MessageError::Encode`] if JSON cannot say its content.
pub fn encode<M: Serialize>(
    id: MessageId,
    key: OrderingKey,
    message: &M,
) -> Result<Envelope, MessageError> {
    let (kind, data) = split(message)?;
    Ok(Envelope::new(id, kind, key, data))
}

/// Reads a message, if `M` has a variant for its type; `None` if not.
///
/// # Errors
/// - [`MessageError::Decode`] if the payload does not fit the variant.
/// - [`MessageError::NotPlain`] if `M` is not an enum, or has `tag` or `untagged`.
pub fn decode<M: DeserializeOwned>(envelope: &Envelope) -> Result<Option<M>, MessageError> {
    let known = names::<M>().ok_or(MessageError::NotPlain)?;
    if !known.contains(&envelope.kind().as_str()) {
        return Ok(None);
    }
    join(envelope.kind(), envelope.data()).map(Some)
}

/// The type and the payload of a message.
pub(crate) fn split<M: Serialize>(message: &M) -> Result<(MessageType, Bytes), MessageError> {
    let (name, data) = variant::split(message).map_err(|mismatch| match mismatch {
        Mismatch::NotPlain => MessageError::NotPlain,
        Mismatch::UnknownName(source) | Mismatch::Content(source) => MessageError::Encode {
            kind: std::any::type_name::<M>().to_owned(),
            source: Arc::new(source),
        },
    })?;
    Ok((MessageType::new(name)?, data))
}

/// The message of a type and a payload.
pub(crate) fn join<M: DeserializeOwned>(
    kind: &MessageType,
    data: &[u8],
) -> Result<M, MessageError> {
    variant::join(kind.as_str(), data).map_err(|mismatch| match mismatch {
        Mismatch::NotPlain => MessageError::NotPlain,
        Mismatch::UnknownName(source) | Mismatch::Content(source) => {
            MessageError::Decode { kind: kind.clone(), source: Arc::new(source) }
        }
    })
}
