//! Events as ordinary `serde` enums.
//!
//! The variant's name is the event's name, and the variant's content, as JSON, is its payload. There is
//! nothing to derive but `serde`; [`Event`] adds the category of the streams that hold the events.
//!
//! ```
//! use freehold::{Event, EventId, event};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! enum Order {
//!     Placed { lines: Vec<String> },
//!     Paid,
//! }
//!
//! impl Event for Order {
//!     const CATEGORY: &'static str = "order";
//! }
//!
//! # let id = || EventId::new(uuid::Uuid::now_v7());
//! let placed = event::encode(&Order::Placed { lines: vec!["85123A".into()] }, id())?;
//! assert_eq!(placed.name().as_str(), "Placed");
//! assert_eq!(placed.data(), r#"{"lines":["85123A"]}"#);
//! assert_eq!(event::encode(&Order::Paid, id())?.data(), "{}");
//! # Ok::<(), event::EventError>(())
//! ```
//!
//! # How a variant may change
//!
//! What is recorded never changes, so today's enum must read what yesterday's wrote. A field may come
//! with a default, and go; a unit variant may gain fields; a variant may be renamed if it keeps the old
//! name as `alias`. This enum reads what the one above wrote:
//!
//! ```
//! # use freehold::{Event, EventId, Recording, Position, StreamVersion, event};
//! # use serde::{Deserialize, Serialize};
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! enum Order {
//!     #[serde(alias = "Placed")]
//!     Ordered { lines: Vec<String>, #[serde(default)] note: String },
//!     Paid { by: Option<String> },
//! }
//! # impl Event for Order { const CATEGORY: &'static str = "order"; }
//! # let recorded = |name, data: &'static str| {
//! #     let name = freehold::EventName::from_static(name).unwrap();
//! #     freehold::NewEvent::new(EventId::new(uuid::Uuid::now_v7()), name, data).recorded(Recording {
//! #         stream: event::stream::<Order>("1").unwrap(), version: StreamVersion::new(1),
//! #         position: Position::new(1), recorded_at: Default::default(),
//! #     })
//! # };
//!
//! let placed = recorded("Placed", r#"{"lines":["85123A"]}"#);
//! let paid = recorded("Paid", "{}");
//! let ordered = Order::Ordered { lines: vec!["85123A".into()], note: String::new() };
//! assert_eq!(event::decode::<Order>(&placed)?, ordered);
//! assert_eq!(event::decode::<Order>(&paid)?, Order::Paid { by: None });
//! # Ok::<(), event::EventError>(())
//! ```
//!
//! Whatever goes further is a new name and a step from the old one, see [`Upcasts`]. An event that
//! cannot be read is an [`EventError`] that says where it stands, and is never passed over.

mod codec;
pub(crate) mod contract;
mod decoded;
mod error;
pub(crate) mod exact;
mod join;
mod mismatch;
mod names;
mod shape;
mod split;
mod stop;
mod upcast;

#[cfg(test)]
mod tests;

pub use codec::{decode, decode_all, encode, stream};
pub(crate) use contract::Event;
pub use decoded::Decoded;
pub use error::{EventError, Misfit};
pub(crate) use mismatch::Mismatch;
pub use names::names;
pub(crate) use shape::shape;
pub use upcast::{UpcastFlaw, Upcasts, UpcastsBuilder};

/// A variant's name and content apart, for what else is made of such enums.
pub(crate) mod variant {
    pub(crate) use super::join::join;
    pub(crate) use super::split::split;
}
