//! The one way to write.

use std::fmt::Debug;

use async_trait::async_trait;

use super::CommitError;
use crate::types::{Commit, Committed, Limits, LogId};

/// Makes commits durable. Every durable thing of the crate is written through [`Store::commit`].
///
/// # Contract
/// - **S1 atomic** – all parts of a commit become visible together, or none, over any number of
///   streams.
/// - **S2 guarded** – if an append's expectation, of a version or of the newest event, does not hold at the
///   moment of the commit, nothing is written, and [`Conflict`](crate::Conflict) names the stream, the expectation and the version.
/// - **S3 checked** – the same holds for the checks on streams that are not written.
/// - **S4 idempotent** – a commit whose events are all recorded already, in the same streams and with the
///   same content, changes nothing and is answered with where they stand, marked as a duplicate, whatever
///   versions it expects. For the same commit again that is the first answer.
/// - **S5 unambiguous** – a commit with an event id that is recorded already, but in another stream, with
///   other content, without its neighbours, or beside a new inbox key, changes nothing and is
///   [`CommitError::IdReused`].
/// - **S6 handled once** – a commit with an inbox key that was committed before changes nothing and is
///   answered as that one was, marked as a duplicate.
/// - **S7 well formed** – a commit that is empty, has an append without events, a stream or an event
///   twice, an event behind the one that closes its stream, or two inbox keys, changes nothing and is
///   [`CommitError::Invalid`].
/// - **S8 honest** – every kind of part is kept, or refused with
///   [`InvalidCommit::Unsupported`](crate::InvalidCommit::Unsupported); none is dropped.
/// - **S9 bounded** – a commit beyond [`Store::limits`] changes nothing and is
///   [`InvalidCommit::TooLarge`](crate::InvalidCommit::TooLarge).
/// - **S10 durable** – an acknowledged commit is there when the log is opened again.
/// - **S11 cancel safe** – a commit whose future is dropped has happened, will happen or never happens,
///   but whole; the same commit again tells, and happens once.
/// - **S12 accounted** – the answer names the version of each written stream, the positions of the first
///   and the last event, and a token of this log at the last; without events, a token at the head.
/// - **S13 ordered** – if [`Store::is_ordered`], commits happen in the order in which their futures were
///   first polled, so that one may expect the versions that another will leave which is not acknowledged
///   yet.
/// - **S14 closed** – an append to a stream whose newest event [closes](crate::Closing) it is refused, whatever it expects:
///   nothing of its commit is written, and [`CommitError::Closed`] names the stream and its version; if another guard of the
///   commit fails as well, either may be told. A check on it holds or not as on any other.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Which log this is: the same for every handle, process and restart.
    fn identity(&self) -> LogId;

    /// How large a commit and a page may be.
    fn limits(&self) -> &Limits;

    /// Whether commits of this process happen in the order in which their futures were first polled. `true`
    /// lets decisions build on each other before they are durable; it must hold as a rule, and where it
    /// does not, a commit meets a conflict.
    fn is_ordered(&self) -> bool;

    /// Makes all of `commit` durable, or nothing, and says where it landed.
    ///
    /// # Errors
    /// [`CommitError::Unknown`] leaves open what was written; every other promises that nothing was.
    ///
    /// # Cancel safety
    /// Dropping the future leaves an unknown outcome, never half a commit (S11).
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;
}
