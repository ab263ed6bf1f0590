//! Messages as ordinary `serde` enums.
//!
//! What a service tells others is a **published contract**: types of its own, versioned by name, and never its stored events.
//! As with events, the variant's name is the message's type, and the variant's content is its payload. A reader lists only the
//! types and the fields that it needs:
//!
//! ```
//! use freehold::{Message, MessageId, OrderingKey, Source, message};
//! use serde::{Deserialize, Serialize};
//!
//! /// What the order service publishes.
//! #[derive(Serialize, Deserialize)]
//! enum Orders {
//!     #[serde(rename = "shop.order.placed.v1")]
//!     Placed { order: String, customer: String, lines: Vec<String> },
//!     #[serde(rename = "shop.order.cancelled.v1")]
//!     Cancelled { order: String },
//! }
//!
//! /// What a mailer reads of it.
//! #[derive(Debug, PartialEq, Deserialize)]
//! enum Heard {
//!     #[serde(rename = "shop.order.placed.v1")]
//!     Placed { customer: String },
//! }
//!
//! let id = MessageId::new(uuid::Uuid::now_v7());
//! let placed = Orders::Placed { order: "17".into(), customer: "ann".into(), lines: vec![] };
//! let envelope = message::encode(id, OrderingKey::new("17")?, &placed)?;
//! assert_eq!(envelope.kind().as_str(), "shop.order.placed.v1");
//!
//! assert_eq!(message::decode(&envelope)?, Some(Heard::Placed { customer: "ann".into() }));
//! let cancelled = message::encode(id, OrderingKey::new("17")?, &Orders::Cancelled { order: "17".into() })?;
//! assert_eq!(message::decode::<Heard>(&cancelled)?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A contract may gain types and optional fields; whatever goes further is a new type, published beside the old one for as
//! long as somebody reads that.

mod codec;
mod error;
pub(crate) mod handler;

pub use codec::{decode, encode};
pub(crate) use codec::{join, split};
pub use error::MessageError;
