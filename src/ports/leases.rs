//! Who may do a job now.

use std::time::Duration;

use async_trait::async_trait;

use super::{BackendError, Store};
use crate::types::{Claim, Lease, LeaseName, LeaseState, Owner};

/// Grants leases on the store's own clock, and keeps checkpoints that only the holder of a lease can move.
///
/// A process that was frozen does not know that its lease has expired, so the time alone guards nothing. The epoch does:
/// it is written beside the checkpoint, and a commit with an [`Advance`](crate::Advance) of an older epoch is refused as
/// a whole.
///
/// # Contract
/// - **L1 exclusive** – while somebody holds a lease, nobody else is granted it, and is told for how long. Whoever holds it
///   and asks again is granted it anew.
/// - **L2 counted** – every grant has a greater epoch than all before it, also after a release and a restart.
/// - **L3 expires** – a lease that is not renewed is granted to another when its time is over on the store's clock, and
///   no sooner.
/// - **L4 renewed** – renewing under the newest epoch makes the lease last from now on; under an older one, or after the
///   release, it changes nothing and says so. An expired lease that nobody has claimed can be renewed.
/// - **L5 released** – a released lease is granted at once; releasing under an older epoch changes nothing.
/// - **L6 fenced** – a commit with an advance under another epoch than the newest, or from where the checkpoint is not,
///   changes nothing and is [`CommitError::Fenced`](crate::CommitError::Fenced).
/// - **L7 kept** – an advance moves the checkpoint of its lease in its log forward, and no other; [`Leases::lease`]
///   tells where they are, also after a restart. An advance that goes nowhere only guards its commit. One
///   that goes back, or two in one commit, change nothing and are [`CommitError::Invalid`](crate::CommitError::Invalid).
/// - **L8 moved once** – the same commit with an advance that goes forward again, under the same epoch and while the checkpoint is where
///   that commit left it, changes nothing and is answered as a duplicate.
#[async_trait]
pub trait Leases: Store {
    /// Asks for a lease that shall last for `time`.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be asked. The lease may have been granted; it expires.
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError>;

    /// Makes a lease last for `time` from now on; `false` if it is not held under this epoch any more.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be asked. The lease may have been renewed.
    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError>;

    /// Gives a lease back, so that the next owner need not wait for it to expire.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be asked. The lease expires by itself.
    async fn release(&self, lease: &Lease) -> Result<(), BackendError>;

    /// What is known of a lease: of one that nobody ever asked for, nothing.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError>;
}
