//! What waits to be published.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{BackendError, Store};
use crate::types::{FeedPage, Position};

/// Keeps the messages that commits send, in one order, until they are published and trimmed.
///
/// It is a log of its own beside the events, with positions of its own. A message stands in it as a
/// [`RecordedEvent`](crate::RecordedEvent): its id is the message's, its name the type, its stream `outbox-` and the
/// ordering key, its version its position, and its payload the whole envelope, which
/// [`Envelope::stored`](crate::Envelope::stored) reads.
///
/// # Contract
/// - **O1 with its commit** – the messages of a commit are in the log if and only if the commit happened, each as it was
///   sent, byte for byte; a commit that is answered as a duplicate sends nothing.
/// - **O2 ordered** – positions strictly grow, the messages of a commit stand in its order, and of two commits where one
///   was acknowledged before the other began, the messages of the first come first.
/// - **O3 exact** – a page never reaches beyond a position at which a message can still appear: a reader that goes on
///   from `upto` misses nothing, whoever commits meanwhile.
/// - **O4 paged** – a page holds at most what was asked for, where 0 counts as 1, and what
///   [`Store::limits`] allows, and says whether more follows; the pages joined are the log.
/// - **O5 heads** – the head is the position of the newest message that readers can see, the end that of the newest
///   that is committed, and [`Position::START`] where there never was one. Trimming moves neither.
/// - **O6 wakes** – `outbox_changed(after)` returns at once if the head is beyond `after`, and otherwise after the next
///   commit of messages, by any handle; dropping it loses nothing.
/// - **O7 trimmed** – trimming up to a position removes the messages up to it and no other; positions are never given
///   out again.
/// - **O8 in its time** – a message that is not to be delivered yet is not in the log until it is due by the store's
///   clock and somebody has asked for what is due; then it is there once, behind all that was there before, those that
///   were due first before the others.
/// - **O9 kept** – what was acknowledged is there when the store is opened again, what is not due yet included.
#[async_trait]
pub trait Outbox: Store {
    /// A page of the log after a position: at most `limit` messages, in order.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage, BackendError>;

    /// The position of the newest message that readers can see.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    async fn outbox_head(&self) -> Result<Position, BackendError>;

    /// The position of the newest committed message, also where readers cannot see it yet.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    async fn outbox_end(&self) -> Result<Position, BackendError> {
        self.outbox_head().await
    }

    /// Returns when the log has moved beyond `after`.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// The future may be dropped and asked for again; no commit is missed.
    async fn outbox_changed(&self, after: Position) -> Result<(), BackendError>;

    /// Moves what is due into the log, at most `limit` messages, and says when the next one will be due.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot write.
    ///
    /// # Cancel safety
    /// It has happened, will happen or never happens, but whole for each message; ask again.
    async fn outbox_due(&self, limit: usize) -> Result<Option<DateTime<Utc>>, BackendError>;

    /// Removes the messages up to a position, and says how many that were. Whoever asks has made sure that everybody has
    /// them who shall.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot write.
    ///
    /// # Cancel safety
    /// Some may be removed and others not; ask again.
    async fn outbox_trim(&self, upto: Position) -> Result<u64, BackendError>;
}
