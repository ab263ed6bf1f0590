//! What things are called, and the ids of their streams.

use std::fmt::{self, Write};
use std::sync::Arc;

use freehold::{DataSubject, Personal};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest id of a stream, in bytes.
pub const NAME_BYTES_MAX: usize = 190;

/// The longest key of an invoice's sagas, in bytes: the names of the saga and of its steps go with it.
const KEY_BYTES_MAX: usize = 140;

/// All that happens to one invoice is one flow; its id derives from this and the invoice's number.
const FLOWS: Uuid = Uuid::from_u128(0x9c1f_3f0e_52a4_4d0b_8d5e_6f3a_91c7_2b64);

/// The number of an invoice, as the file has it. Compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InvoiceNo(Arc<str>);

impl InvoiceNo {
    /// The number `text`; `None` if it is empty or too long for a stream.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty() && stream_text(text).len() <= NAME_BYTES_MAX).then(|| Self(text.into()))
    }

    /// Whether it is the number of a return.
    #[must_use]
    pub fn is_return(&self) -> bool {
        self.0.starts_with('C')
    }

    /// The flow that it is: the correlation of all its events.
    #[must_use]
    pub fn flow(&self) -> Uuid {
        Uuid::new_v5(&FLOWS, self.0.as_bytes())
    }

    /// The id of its streams.
    #[must_use]
    pub fn stream(&self) -> String {
        stream_text(&self.0)
    }

    /// The key of its sagas: the id of its streams, or where that is long, a short one that no other invoice has.
    #[must_use]
    pub fn key(&self) -> String {
        let key = self.stream();
        if key.len() <= KEY_BYTES_MAX { key } else { format!("%%{}", self.flow()) }
    }
}

impl fmt::Display for InvoiceNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What an article is called. Compared byte for byte: `85123A` is not `85123a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StockCode(Arc<str>);

impl StockCode {
    /// The code `text`; `None` if it is too long for a stream.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (stream_text(text).len() <= NAME_BYTES_MAX).then(|| Self(text.into()))
    }

    /// The id of its stream.
    #[must_use]
    pub fn stream(&self) -> String {
        stream_text(&self.0)
    }
}

impl fmt::Display for StockCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Who buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Customer {
    /// Somebody without a number.
    Guest,
    /// A customer with a number.
    Number(i64),
}

/// What stands before a customer's number where they are a data subject.
const SUBJECT_PREFIX: &str = "customer-";

impl Customer {
    /// What a service that keeps something of them calls them: their number stays when they are forgotten. A guest is nobody.
    #[must_use]
    pub fn subject(self) -> Option<DataSubject> {
        match self {
            Self::Guest => None,
            // A number is no malformed name.
            Self::Number(number) => DataSubject::new(&format!("{SUBJECT_PREFIX}{number}")).ok(),
        }
    }

    /// The customer whom a service calls so.
    #[must_use]
    pub fn of_subject(subject: &DataSubject) -> Option<Self> {
        subject.as_str().strip_prefix(SUBJECT_PREFIX)?.parse().ok().map(Self::Number)
    }

    /// Something of them.
    #[must_use]
    pub fn personal<T>(self, value: T) -> Option<Personal<T>> {
        self.subject().map(|subject| Personal::new(subject, value))
    }
}

impl fmt::Display for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest => f.write_str("guest"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// What a customer is called, and where they are written to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The name.
    pub name: String,
    /// The address of their e-mail.
    pub email: String,
}

impl Profile {
    /// The profile of the customer with this number, as long as they have said nothing else.
    #[must_use]
    pub fn of_number(number: i64) -> Self {
        Self { name: format!("Customer {number}"), email: format!("c{number}@example.invalid") }
    }
}

/// A key for any text, each text its own, however long it is.
#[must_use]
pub fn key_of(text: &str) -> String {
    let key = stream_text(text);
    // No text is written so.
    let short = || format!("%%{}", Uuid::new_v5(&FLOWS, text.as_bytes()));
    if key.len() <= NAME_BYTES_MAX { key } else { short() }
}

/// The id of a stream for any text, each text its own: what an id must not hold is written `%XX`, byte by
/// byte, and so is `%` itself; nothing is written `%`.
fn stream_text(text: &str) -> String {
    if text.is_empty() {
        return "%".to_owned();
    }
    let mut id = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '%' || c.is_control() {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string does not fail.
                let _ = write!(id, "%{byte:02X}");
            }
        } else {
            id.push(c);
        }
    }
    id
}
