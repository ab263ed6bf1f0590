//! The keeping of rows.

use async_trait::async_trait;

use super::{BackendError, Leases};
use crate::types::{LeaseName, RowPage, RowSet, RowsWanted};

/// Keeps rows under keys in named sets: the views of projections. They are written by commits, so that rows and the
/// checkpoint that says what is in them never disagree.
///
/// # Contract
/// - **R1 faithful** – a row holds what the last commit put there, byte for byte; a deleted row is gone; sets and keys
///   are told apart byte for byte.
/// - **R2 whole** – the rows of a commit, its advance, and its events, become visible together, or none.
/// - **R3 found** – rows are found by their keys, each once, and by what their keys begin with, in the byte order of the
///   keys; pages joined are all of them, and a page holds at most what was asked for, where 0 counts as 1, and what
///   [`Store::limits`](crate::Store::limits) allows.
/// - **R4 of one moment** – the rows and the checkpoints of one answer are of one moment.
/// - **R5 prepared** – a set is there when it was prepared, any number of times and by any number at once; what is in it
///   stays. To read or write a set that was not prepared is an error of the fault [`Missing`](crate::Fault::Missing).
/// - **R6 removed** – a removed set is not there any more, and is empty when it is prepared again; to remove one that is not
///   there changes nothing.
/// - **R7 bounded** – a commit whose rows are beyond [`Store::limits`](crate::Store::limits), or that holds a row twice,
///   changes nothing and is [`CommitError::Invalid`](crate::CommitError::Invalid).
#[async_trait]
pub trait RowStore: Leases {
    /// Makes sure that a set is there.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be made.
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError>;

    /// Removes a set and all that is in it, if it is there.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be removed.
    async fn remove(&self, set: &RowSet) -> Result<(), BackendError>;

    /// Rows of a set, with the checkpoints of the lease `of` as they were at that moment.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError>;
}
