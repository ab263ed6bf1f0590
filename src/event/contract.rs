//! What makes a type an event.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::EventError;
use crate::types::EventName;

/// The events of one category of streams: an enum that `serde` can write and read.
///
/// It is implemented for the events, not for an aggregate, so that readers in other services need this
/// one type only.
///
/// # Contract
/// - **V1 named** – the event's name is the variant's, as `rename` and `rename_all` have it.
/// - **V2 plain JSON** – the payload is the variant's content, byte for byte as `serde_json` writes it;
///   that of a unit variant is `{}`.
/// - **V3 readable** – a type that could not be read back is refused when it is written: one that is no
///   enum, an enum with `tag` or `untagged`, a variant that is written under a name it is not read by.
/// - **V4 whole** – a payload is read to its end; what follows its JSON is an error. A unit variant
///   ignores what the payload says, as long as it is JSON.
/// - **V5 upcast** – an old event passes [`upcast`](Event::upcast) before it is read, whoever reads it.
/// - **V6 discreet** – the message of an error never repeats a payload.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The category of the streams that hold these events: 1 to 64 of `a`–`z`, `0`–`9` and `_`.
    ///
    /// A malformed one does not compile where it is used:
    ///
    /// ```compile_fail,E0080
    /// # use freehold::{Event, event};
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// enum Order {
    ///     Placed,
    /// }
    ///
    /// impl Event for Order {
    ///     const CATEGORY: &'static str = "Big Orders";
    /// }
    ///
    /// let stream = event::stream::<Order>("1");
    /// ```
    const CATEGORY: &'static str;

    /// Turns an old name and payload into today's, and leaves the others as they are.
    ///
    /// It runs before the event is read, wherever that is. Old names need no variant any more.
    ///
    /// ```
    /// use freehold::event::{EventError, Raw};
    /// use freehold::{Event, EventName};
    /// # use serde::{Deserialize, Serialize};
    /// use serde_json::{Value, json};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// enum Payment {
    ///     #[serde(rename = "Paid.v2")]
    ///     Paid { cents: u64 },
    /// }
    ///
    /// impl Event for Payment {
    ///     const CATEGORY: &'static str = "payment";
    ///
    ///     fn upcast(raw: Raw) -> Result<Raw, EventError> {
    ///         if raw.name().as_str() != "Paid" {
    ///             return Ok(raw);
    ///         }
    ///         let old: Value = serde_json::from_slice(raw.data())?;
    ///         let euros = old["euros"].as_u64().ok_or_else(|| EventError::upcast("no `euros`"))?;
    ///         let data = json!({ "cents": 100 * euros }).to_string();
    ///         Ok(Raw::new(EventName::from_static("Paid.v2")?, data))
    ///     }
    /// }
    /// # let old = Raw::new(EventName::from_static("Paid")?, r#"{"euros":7}"#);
    /// # assert_eq!(Payment::upcast(old)?.data(), r#"{"cents":700}"#);
    /// # Ok::<(), EventError>(())
    /// ```
    ///
    /// # Errors
    /// Whatever keeps the old event from becoming today's: [`EventError::upcast`] takes any reason, and
    /// `?` works on `serde_json`'s errors and on those of names.
    fn upcast(raw: Raw) -> Result<Raw, EventError> {
        Ok(raw)
    }
}

/// An event's name and payload, on their way through [`Event::upcast`].
///
/// Its [`Debug`] shows how long the payload is and never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw {
    name: EventName,
    data: Bytes,
}

impl Raw {
    /// An event called `name` with the JSON `data`.
    #[must_use]
    pub fn new(name: EventName, data: impl Into<Bytes>) -> Self {
        Self { name, data: data.into() }
    }

    /// What kind of event it is.
    #[must_use]
    pub const fn name(&self) -> &EventName {
        &self.name
    }

    /// Its payload.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// Its name and its payload.
    #[must_use]
    pub fn into_parts(self) -> (EventName, Bytes) {
        (self.name, self.data)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("name", &self.name)
            .field("data_bytes", &self.data.len())
            .finish()
    }
}
