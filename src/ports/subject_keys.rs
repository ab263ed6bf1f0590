//! The keys of those whose data is sealed.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::{BackendError, CommitError};
use crate::types::{Commit, Committed, DataSubject, KeyRing, NewKey};

/// Keeps the keys under which personal data is sealed, a ring of them for each data subject, until the subject is forgotten.
///
/// The stores of this crate keep them beside the events. Whoever keeps them elsewhere can leave them out of the backups of the
/// events, in which what is forgotten is then forgotten, too.
///
/// # Contract
/// - **N1 faithful** – a ring holds the keys that were added, in the order of their ids, byte for byte; rings come in the
///   order in which they were asked for, each for the subject that was asked for, compared byte for byte; one that nobody has heard
///   of has no key.
/// - **N2 one** – a key is added if its id is the one after the newest, and not otherwise; of racing keys of one id one is added,
///   and every answer holds that one.
/// - **N3 durable** – an acknowledged key is there when the keys are opened again, and until its subject is forgotten.
/// - **N4 forgotten** – when forgetting is acknowledged, the ring is [`KeyRing::Forgotten`] for every handle, and after
///   opening again; so it is when there was no key, or it was forgotten before. Other rings are as they were.
/// - **N5 final** – no key is added to a forgotten ring.
/// - **N6 with its commit** – a commit that comes with the forgetting is committed in the same moment, or neither happens: if the
///   commit is refused, nothing is forgotten. One that had happened before is answered so, and the subject is forgotten.
#[async_trait]
pub trait SubjectKeys: Debug + Send + Sync + 'static {
    /// The rings of these subjects.
    ///
    /// # Errors
    /// [`BackendError`] if they cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>, BackendError>;

    /// Adds keys, and answers the rings of their subjects as they are then. What is acknowledged is durable: data may be sealed under
    /// it.
    ///
    /// # Errors
    /// [`BackendError`] if they cannot be kept. Some may be; adding them again is safe.
    ///
    /// # Cancel safety
    /// They are added or not, each by itself; ask again.
    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>, BackendError>;

    /// Removes all keys of a subject for good, together with what `with` commits. An empty commit commits nothing, and is answered
    /// with a token at the head.
    ///
    /// # Errors
    /// [`CommitError`], as [`Store::commit`](super::Store::commit): unless it is unknown, nothing was forgotten.
    ///
    /// # Cancel safety
    /// It has happened, will happen or never happens; ask again.
    async fn forget(&self, subject: &DataSubject, with: Commit) -> Result<Committed, CommitError>;
}

/// Draws what nobody can foresee: keys, and what makes two seals of one value differ.
///
/// # Contract
/// - **Q1 fresh** – what is filled has nothing to do with what was filled before, by any source, in any process.
pub trait Entropy: Debug + Send + Sync + 'static {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`BackendError`] if there is no chance to be had.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BackendError>;
}

impl<E: Entropy + ?Sized> Entropy for Arc<E> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BackendError> {
        (**self).fill(bytes)
    }
}

// Keys are asked for through whatever keeps them.
const _: fn(Arc<dyn SubjectKeys>, Arc<dyn Entropy>) = |_, _| ();
