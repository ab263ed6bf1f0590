//! What a commit is made of, for backends, and why one is refused.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::{
    Advance, EventId, ExpectedVersion, Limits, MessageId, NewEvent, Outgoing, Position, RowKey,
    RowSet, RowWrite, StreamId,
};

/// The longest consumer of an inbox key, in bytes.
const CONSUMER_BYTES_MAX: usize = 190;
/// The longest message id of an inbox key, in bytes.
const MESSAGE_BYTES_MAX: usize = 512;

/// Events for one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Append {
    /// The stream that grows.
    pub stream: StreamId,
    /// What the writer assumes about it.
    pub expected: ExpectedVersion,
    /// At least one event, in order.
    pub events: Vec<NewEvent>,
}

impl Append {
    /// For backends: whether it closes the stream.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.events.last().is_some_and(NewEvent::closes)
    }

    fn goes_on_behind_closing(&self) -> bool {
        let before = self.events.split_last().map_or(&[][..], |(_, before)| before);
        before.iter().any(NewEvent::closes)
    }
}

/// A stream that was read and must not have changed, though it is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The stream that was read.
    pub stream: StreamId,
    /// What the writer assumes about it.
    pub expected: ExpectedVersion,
}

/// An incoming message that a commit marks as handled: `consumer` has handled `message`.
///
/// A second commit with the key changes nothing and is answered as the first was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InboxKey {
    consumer: Arc<str>,
    message: Arc<str>,
}

/// A consumer or a message id that is empty, too long, or holds a control character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an inbox key is a consumer of 1 to 190 and a message id of 1 to 512 bytes without control characters"
)]
pub struct InvalidInboxKey;

impl InboxKey {
    /// `consumer` has handled `message`.
    ///
    /// # Errors
    /// [`InvalidInboxKey`] if one is empty, too long, or holds a control character.
    pub fn new(consumer: &str, message: &str) -> Result<Self, InvalidInboxKey> {
        let fits = |text: &str, bytes_max: usize| {
            (1..=bytes_max).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        if fits(consumer, CONSUMER_BYTES_MAX) && fits(message, MESSAGE_BYTES_MAX) {
            Ok(Self { consumer: consumer.into(), message: message.into() })
        } else {
            Err(InvalidInboxKey)
        }
    }

    /// Who handled it.
    #[must_use]
    pub fn consumer(&self) -> &str {
        &self.consumer
    }

    /// What was handled.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What a repetition of a commit is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DedupKey {
    /// One of its events.
    Event(EventId),
    /// The message that it handled.
    Inbox(InboxKey),
}

/// The kinds of parts a commit can hold; a backend lists those it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// Events for streams.
    Appends,
    /// Guards on streams that are not written.
    Checks,
    /// A message marked as handled.
    Inbox,
    /// Messages for the outbox.
    Messages,
    /// Rows of sets.
    Rows,
    /// A checkpoint that moves on.
    Advance,
}

impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Appends => "events",
            Self::Checks => "checks",
            Self::Inbox => "an inbox key",
            Self::Messages => "messages",
            Self::Rows => "rows",
            Self::Advance => "a checkpoint",
        })
    }
}

/// The commit cannot be committed, here or anywhere. A programmer's error: repeating it is in vain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCommit {
    /// The store does not keep this kind of part. Anything but this error would be a silent loss.
    #[error("this store does not keep {0}")]
    Unsupported(PartKind),
    /// A stream occurs twice, over appends and checks: of two decisions on one state, the second has not
    /// seen the first.
    #[error("stream `{0}` is in the commit twice")]
    StreamTwice(StreamId),
    /// Two events have one id.
    #[error("event {0} is in the commit twice")]
    EventTwice(EventId),
    /// A message that cannot be written down.
    #[error("message {0} cannot be written as JSON")]
    Unwritable(MessageId),
    /// Two messages have one id.
    #[error("message {0} is in the commit twice")]
    MessageTwice(MessageId),
    /// An append without events; guard the stream with a check instead.
    #[error("the append to stream `{0}` has no events; use a check to guard a stream")]
    NoEvents(StreamId),
    /// Events behind the one that closes their stream.
    #[error("stream `{0}` is closed by an event that others of the commit follow")]
    BehindClosing(StreamId),
    /// A row is in it twice.
    #[error("row `{1}` of `{0}` is in the commit twice")]
    RowTwice(RowSet, RowKey),
    /// A checkpoint can only move forward.
    #[error("a checkpoint cannot move from {from} to {to}")]
    Backward {
        /// Where it is.
        from: Position,
        /// Where it was to go.
        to: Position,
    },
    /// There is nothing in it.
    #[error("the commit is empty")]
    Empty,
    /// Two commits were merged that both hold a part there can be only one of.
    #[error("two commits with {0} cannot become one")]
    Merged(PartKind),
    /// It is larger than the store's [`Limits`].
    #[error("the commit has {actual} {what}, at most {limit} are allowed")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        actual: usize,
        /// How much there may be.
        limit: usize,
    },
}

/// The content of a [`Commit`](super::Commit), for backends. [`Commit::into_parts`](super::Commit::into_parts) is
/// the only way in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parts {
    /// Events for streams; no stream occurs twice, here and in the checks.
    pub appends: Vec<Append>,
    /// Guards on streams that are not written.
    pub checks: Vec<Check>,
    /// The message that is handled.
    pub inbox: Option<InboxKey>,
    /// What goes into the outbox, in order; no id occurs twice.
    pub messages: Vec<Outgoing>,
    /// Rows to put or delete; no row occurs twice.
    pub rows: Vec<RowWrite>,
    /// The checkpoint that moves on.
    pub advance: Option<Advance>,
}

impl Parts {
    /// Every expectation, on written and unwritten streams.
    pub fn guards(&self) -> impl Iterator<Item = (&StreamId, ExpectedVersion)> {
        let appends = self.appends.iter().map(|a| (&a.stream, a.expected));
        appends.chain(self.checks.iter().map(|c| (&c.stream, c.expected)))
    }

    /// Every event with its stream, in order.
    pub fn events(&self) -> impl Iterator<Item = (&StreamId, &NewEvent)> {
        self.appends.iter().flat_map(|a| a.events.iter().map(|event| (&a.stream, event)))
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { appends, checks, inbox, messages, rows, advance } = self;
        let is_bare = inbox.is_none() && advance.is_none() && messages.is_empty();
        is_bare && appends.is_empty() && checks.is_empty() && rows.is_empty()
    }

    /// For backends: whether it holds messages, and nothing else.
    #[must_use]
    pub fn is_of_messages(&self) -> bool {
        let Self { appends, checks, inbox, messages, rows, advance } = self;
        let is_bare = inbox.is_none() && advance.is_none() && rows.is_empty();
        !messages.is_empty() && is_bare && appends.is_empty() && checks.is_empty()
    }

    pub(super) fn check_kept(&self, kept: &[PartKind]) -> Result<(), InvalidCommit> {
        for (kind, present) in [
            (PartKind::Appends, !self.appends.is_empty()),
            (PartKind::Checks, !self.checks.is_empty()),
            (PartKind::Inbox, self.inbox.is_some()),
            (PartKind::Messages, !self.messages.is_empty()),
            (PartKind::Rows, !self.rows.is_empty()),
            (PartKind::Advance, self.advance.is_some()),
        ] {
            if present && !kept.contains(&kind) {
                return Err(InvalidCommit::Unsupported(kind));
            }
        }
        Ok(())
    }

    pub(super) fn check_form(&self) -> Result<(), InvalidCommit> {
        if self.is_empty() {
            return Err(InvalidCommit::Empty);
        }
        if let Some(append) = self.appends.iter().find(|append| append.events.is_empty()) {
            return Err(InvalidCommit::NoEvents(append.stream.clone()));
        }
        if let Some(append) = self.appends.iter().find(|append| append.goes_on_behind_closing()) {
            return Err(InvalidCommit::BehindClosing(append.stream.clone()));
        }
        if let Some(&Advance { from, to, .. }) = self.advance.as_ref().filter(|a| a.to < a.from) {
            return Err(InvalidCommit::Backward { from, to });
        }
        let mut rows = HashSet::with_capacity(self.rows.len());
        if let Some(twice) = self.rows.iter().find(|row| !rows.insert((&row.set, &row.key))) {
            return Err(InvalidCommit::RowTwice(twice.set.clone(), twice.key.clone()));
        }
        let mut messages = HashSet::with_capacity(self.messages.len());
        if let Some(twice) = self.messages.iter().find(|message| !messages.insert(message.id())) {
            return Err(InvalidCommit::MessageTwice(twice.id()));
        }
        // Nearly every commit is one event for one stream: it needs no sets.
        if let ([append], []) = (self.appends.as_slice(), self.checks.as_slice())
            && append.events.len() == 1
        {
            return Ok(());
        }
        let mut streams = HashSet::new();
        if let Some((twice, _)) = self.guards().find(|(stream, _)| !streams.insert(*stream)) {
            return Err(InvalidCommit::StreamTwice(twice.clone()));
        }
        let mut ids = HashSet::new();
        if let Some((_, twice)) = self.events().find(|(_, event)| !ids.insert(event.id())) {
            return Err(InvalidCommit::EventTwice(twice.id()));
        }
        Ok(())
    }

    pub(super) fn check_size(&self, limits: &Limits) -> Result<(), InvalidCommit> {
        let (events, event_bytes, largest_event) =
            measure(self.events().map(|(_, event)| event.data().len()));
        let (messages, message_bytes, largest_message) =
            measure(self.messages.iter().map(|message| message.event.data().len()));
        let values = self.rows.iter().filter_map(|row| row.value.as_ref());
        let (_, row_bytes, largest_row) = measure(values.map(|value| value.json().len()));
        for (what, actual, limit) in [
            ("streams", self.appends.len() + self.checks.len(), limits.streams_per_commit_max),
            ("events", events, limits.events_per_commit_max),
            ("bytes in one event", largest_event, limits.bytes_per_event_max),
            ("messages", messages, limits.messages_per_commit_max),
            ("bytes in one message", largest_message, limits.bytes_per_message_max),
            ("rows", self.rows.len(), limits.rows_per_commit_max),
            ("bytes in one row", largest_row, limits.bytes_per_row_max),
            ("bytes", event_bytes + message_bytes + row_bytes, limits.bytes_per_commit_max),
        ] {
            if actual > limit {
                return Err(InvalidCommit::TooLarge { what, actual, limit });
            }
        }
        Ok(())
    }
}

/// How many, how long together, and how long the longest.
fn measure(lengths: impl Iterator<Item = usize>) -> (usize, usize, usize) {
    lengths.fold((0, 0, 0), |(n, all, longest), bytes| (n + 1, all + bytes, longest.max(bytes)))
}
