//! Values only: no async, no I/O, and nothing here knows a port, a pattern or a backend.
//!
//! A service writes [`NewEvent`]s to streams ([`StreamId`]) and reads [`RecordedEvent`]s back, each at a
//! [`StreamVersion`] in its stream and at a [`Position`] in the whole log. Everything that must become
//! durable together is one [`Commit`]; where it landed is a [`Committed`], whose [`Token`] other readers
//! can wait for.
//!
//! What an event, a view or a message says of a person is [`Personal`], and can be forgotten.
//!
//! What a service tells others is an [`Envelope`], which a commit puts into the outbox.
//!
//! What is folded from the feed is kept as rows ([`RowWrite`]); how far it was folded is a checkpoint, which an
//! [`Advance`] moves on for whoever holds the [`Lease`].

mod archived;
mod closing;
mod commit;
mod committed;
mod envelope;
mod enveloped;
mod event;
mod lease;
mod limits;
pub(crate) mod mark;
mod message;
mod metadata;
mod owned;
mod parts;
mod personal;
mod position;
mod read;
mod rows;
mod sharing;
mod stream;
mod subject;
mod trace;

pub use archived::Archived;
pub use closing::{Closed, Closing};
pub use commit::Commit;
pub use committed::Committed;
pub use envelope::{Envelope, InvalidEnvelope, MessageId, MessageType, OrderingKey};
pub use enveloped::{Outgoing, UnreadableEnvelope};
pub use event::{EventId, EventName, InvalidEventName, NewEvent, RecordedEvent, Recording};
pub use lease::{
    Advance, Claim, Epoch, Fenced, InvalidLeaseName, Lease, LeaseName, LeaseState, Owner, Standing,
};
pub use limits::Limits;
pub use message::{Destination, InvalidMessage, Message, Sequence, Source};
pub use metadata::{InvalidMetadata, Metadata};
pub use owned::{Owned, Service};
pub use parts::{
    Append, Check, DedupKey, InboxKey, InvalidCommit, InvalidInboxKey, PartKind, Parts,
};
pub use personal::{Forgotten, Personal};
pub use position::{InvalidToken, LogId, Position, Token};
pub use read::{FeedPage, Filter, ReadFrom, StreamPage};
pub use rows::{
    InvalidRowKey, InvalidRowSet, Row, RowKey, RowPage, RowSet, RowValue, RowWrite, RowsWanted,
};
pub use sharing::Sharing;
pub use stream::{
    Conflict, ExpectedVersion, InvalidStreamId, StreamId, StreamVersion, category_is_valid,
};
pub use subject::{DataSubject, InvalidDataSubject, KeyId, KeyRing, NewKey, SubjectKey};
pub use trace::{InvalidTraceContext, TraceContext};
