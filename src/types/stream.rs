//! Streams, their versions, and what a writer assumes about them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::EventId;

/// The longest category, in bytes.
const CATEGORY_BYTES_MAX: usize = 64;
/// The longest id within a category, in bytes.
const ID_BYTES_MAX: usize = 190;

/// Names a stream: its category (`order`) and its id within the category (`1234`), shown as
/// `order-1234`.
///
/// A category is 1 to 64 of `a`–`z`, `0`–`9` and `_`. An id is 1 to 190 bytes of UTF-8 without control
/// characters, compared byte for byte. The whole is at most 255 bytes, and the first `-` parts the two,
/// so that no two pairs share a text. Cloning shares the text.
///
/// ```
/// use freehold::StreamId;
///
/// let stream = StreamId::new("order", "1234")?;
/// assert_eq!((stream.category(), stream.id(), stream.as_str()), ("order", "1234", "order-1234"));
/// assert_eq!("order-1234".parse::<StreamId>()?, stream);
/// assert!(StreamId::new("Order", "1234").is_err());
/// # Ok::<(), freehold::InvalidStreamId>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    text: Arc<str>,
    category_bytes: u8,
}

/// A category or an id that is empty, too long, or holds a forbidden character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStreamId {
    /// The category is not 1 to 64 of `a`–`z`, `0`–`9` and `_`.
    #[error("a stream's category is 1 to 64 of a-z, 0-9 and _")]
    Category,
    /// The id is not 1 to 190 bytes without control characters.
    #[error("a stream's id is 1 to 190 bytes without control characters")]
    Id,
    /// The text has no `-` that parts category and id.
    #[error("a stream is written `category-id`")]
    Text,
}

/// Whether a category is well formed. `const`, so that a wrong one in a program need not compile.
#[must_use]
pub const fn category_is_valid(category: &str) -> bool {
    let mut rest = category.as_bytes();
    if rest.is_empty() || rest.len() > CATEGORY_BYTES_MAX {
        return false;
    }
    while let [first, tail @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        rest = tail;
    }
    true
}

impl StreamId {
    /// Names the stream `id` of `category`.
    ///
    /// # Errors
    /// [`InvalidStreamId`] says which half is malformed.
    pub fn new(category: &str, id: impl AsRef<str>) -> Result<Self, InvalidStreamId> {
        let id = id.as_ref();
        if !category_is_valid(category) {
            return Err(InvalidStreamId::Category);
        }
        // Most ids are plain, which their bytes say at once.
        let is_plain = id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let holds_control = !is_plain && id.chars().any(char::is_control);
        if id.is_empty() || id.len() > ID_BYTES_MAX || holds_control {
            return Err(InvalidStreamId::Id);
        }
        let category_bytes = u8::try_from(category.len()).map_err(|_| InvalidStreamId::Category)?;
        let text = joined(category, id).ok_or(InvalidStreamId::Id)?;
        Ok(Self { text, category_bytes })
    }

    /// Whether it is this one.
    pub(super) fn is(&self, category: &str, id: &str) -> bool {
        let rest = self.text.strip_prefix(category).and_then(|rest| rest.strip_prefix('-'));
        usize::from(self.category_bytes) == category.len() && rest == Some(id)
    }

    /// `order` of `order-1234`.
    #[must_use]
    pub fn category(&self) -> &str {
        self.halves().0
    }

    /// `1234` of `order-1234`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.halves().1
    }

    /// `order-1234`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn halves(&self) -> (&str, &str) {
        let (category, id) = self.text.split_at(self.category_bytes.into());
        (category, id.get(1..).unwrap_or_default())
    }
}

/// `order-1234`, in memory that is asked for once: a page of the feed names a thousand streams.
fn joined(category: &str, id: &str) -> Option<Arc<str>> {
    let mut room = [0; CATEGORY_BYTES_MAX + 1 + ID_BYTES_MAX];
    let (first, rest) = room.split_at_mut_checked(category.len())?;
    first.copy_from_slice(category.as_bytes());
    let (dash, rest) = rest.split_first_mut()?;
    *dash = b'-';
    rest.get_mut(..id.len())?.copy_from_slice(id.as_bytes());
    let text = room.get(..=category.len() + id.len())?;
    std::str::from_utf8(text).ok().map(Arc::from)
}

// The text says where its category ends.
impl Hash for StreamId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({})", self.text)
    }
}

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (category, id) = text.split_once('-').ok_or(InvalidStreamId::Text)?;
        Self::new(category, id)
    }
}

/// How many events a stream holds, which is also the version of its newest event; 0 is a stream
/// without events.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct StreamVersion(u64);

impl StreamVersion {
    /// Before the first event.
    pub const NONE: Self = Self(0);

    /// The version of a stream of `events` events.
    #[must_use]
    pub const fn new(events: u64) -> Self {
        Self(events)
    }

    /// How many events that is.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after `events` more events.
    #[must_use]
    pub const fn plus(self, events: u64) -> Self {
        Self(self.0.saturating_add(events))
    }
}

impl fmt::Display for StreamVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a writer assumes about a stream at the moment of its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// Nothing.
    Any,
    /// That it has no event.
    NoStream,
    /// That it has at least one event.
    StreamExists,
    /// That it is at just this version.
    Exact(StreamVersion),
    /// That this is its newest event. It says more than a version: a decision on events that are not durable
    /// yet must not be mistaken for one on others that came to the same number.
    After(EventId),
}

impl ExpectedVersion {
    /// For backends: whether a stream fits that is at `actual`. Only for [`ExpectedVersion::After`] is its
    /// `newest` event asked for.
    #[must_use]
    pub fn admits(self, actual: StreamVersion, newest: Option<EventId>) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual.0 == 0,
            Self::StreamExists => actual.0 > 0,
            Self::Exact(version) => version.0 == actual.0,
            Self::After(event) => newest == Some(event),
        }
    }
}

impl From<StreamVersion> for ExpectedVersion {
    fn from(version: StreamVersion) -> Self {
        Self::Exact(version)
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::StreamExists => f.write_str("a stream"),
            Self::Exact(version) => write!(f, "version {version}"),
            Self::After(event) => write!(f, "event {event} to be the newest"),
        }
    }
}

/// A stream was not at the version its writer expected, so nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream `{stream}` is at version {actual}, expected {expected}")]
pub struct Conflict {
    stream: StreamId,
    expected: ExpectedVersion,
    actual: StreamVersion,
}

impl Conflict {
    /// For backends: `stream` is at `actual`, which `expected` does not admit.
    #[must_use]
    pub const fn new(stream: StreamId, expected: ExpectedVersion, actual: StreamVersion) -> Self {
        Self { stream, expected, actual }
    }

    /// The stream whose expectation failed.
    #[must_use]
    pub const fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// What the writer assumed.
    #[must_use]
    pub const fn expected(&self) -> ExpectedVersion {
        self.expected
    }

    /// Where the stream was.
    #[must_use]
    pub const fn actual(&self) -> StreamVersion {
        self.actual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_id_is_refused_when_a_half_is_malformed() {
        let long = "x".repeat(191);
        for (category, id, why) in [
            ("", "1", InvalidStreamId::Category),
            ("Order", "1", InvalidStreamId::Category),
            ("or-der", "1", InvalidStreamId::Category),
            ("order", "", InvalidStreamId::Id),
            ("order", "a\nb", InvalidStreamId::Id),
            ("order", long.as_str(), InvalidStreamId::Id),
        ] {
            assert_eq!(StreamId::new(category, id), Err(why), "{category:?} {id:?}");
        }
        assert!(StreamId::new(&"a".repeat(64), "x".repeat(190)).is_ok());
        assert_eq!("order".parse::<StreamId>(), Err(InvalidStreamId::Text));
    }

    #[test]
    fn after_an_event_admits_that_event_as_the_newest_at_any_version() {
        let [this, other] = [1, 2].map(|n| EventId::new(uuid::Uuid::from_u128(n)));
        let after = ExpectedVersion::After(this);
        for version in [StreamVersion::NONE, StreamVersion::new(1)] {
            assert!(after.admits(version, Some(this)));
            assert!(!after.admits(version, Some(other)) && !after.admits(version, None));
        }
    }

    #[test]
    fn an_expectation_admits_what_it_says() {
        let (none, one) = (StreamVersion::NONE, StreamVersion::new(1));
        for (expected, admits_none, admits_one) in [
            (ExpectedVersion::Any, true, true),
            (ExpectedVersion::NoStream, true, false),
            (ExpectedVersion::StreamExists, false, true),
            (ExpectedVersion::Exact(one), false, true),
            (ExpectedVersion::Exact(none), true, false),
        ] {
            let admits = |version| expected.admits(version, None);
            assert_eq!((admits(none), admits(one)), (admits_none, admits_one));
        }
    }
}
