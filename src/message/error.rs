//! Why a message cannot be written or read.

use std::sync::Arc;

use crate::types::{InvalidEnvelope, MessageType};

/// Why a message could not be written or read.
///
/// What it says names the message's type and never what it holds. The [source](std::error::Error::source) is what `serde_json`
/// said: it may repeat a value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The Rust type is not one whose messages can be told apart; the program must be mended.
    #[error(
        "messages are enums without `tag` or `untagged`, each variant read by the name it is written under"
    )]
    NotPlain,
    /// A variant is called what no message can be called.
    #[error("a variant is called what no message can be called")]
    Name(#[from] InvalidEnvelope),
    /// The content is nothing that JSON can say.
    #[error("a message of the type `{kind}` cannot be written as JSON")]
    #[non_exhaustive]
    Encode {
        /// The type of the message.
        kind: String,
        /// What `serde_json` said.
        source: Arc<serde_json::Error>,
    },
    /// The payload is not what the type promises to the reader.
    #[error("a message of the type `{kind}` does not fit what is read of it")]
    #[non_exhaustive]
    Decode {
        /// The type of the message.
        kind: MessageType,
        /// What `serde_json` said.
        source: Arc<serde_json::Error>,
    },
}
