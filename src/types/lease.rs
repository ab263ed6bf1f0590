//! Leases: who may do a job now, under which epoch, and how far the job has come.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{LogId, Position, Token};

/// The longest name of a lease, in bytes.
const NAME_BYTES_MAX: usize = 120;

/// Names a lease, and so the job that one owner at a time does: `order_summary`, or one part of a job that is shared
/// out. 1 to 120 of `a`–`z`, `0`–`9`, `_`, `.`, `-` and `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseName(Arc<str>);

/// A name that no lease can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lease is named with 1 to 120 of a-z, 0-9, _, ., - and /")]
pub struct InvalidLeaseName;

impl LeaseName {
    /// The lease called `name`.
    ///
    /// # Errors
    /// [`InvalidLeaseName`] if it is malformed.
    pub fn new(name: &str) -> Result<Self, InvalidLeaseName> {
        let is_word =
            |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'/');
        if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_word) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidLeaseName)
        }
    }

    /// The lease of a job of the crate's own, whose name is written right.
    pub(crate) fn own(name: &'static str) -> Self {
        debug_assert!(Self::new(name).is_ok(), "`{name}` names no lease");
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The lease of one part of the job, counted from 0, if the job is shared out over `of` parts; for one part it is the
    /// job's own.
    #[must_use]
    pub fn part(&self, index: u32, of: u32) -> Self {
        if of <= 1 { self.clone() } else { Self(format!("{}/{index}of{of}", self.0).into()) }
    }

    /// The lease by which one of the processes that share the job out shows that it is alive.
    pub(crate) fn member(&self, index: u32) -> Self {
        Self(format!("{}/member{index}", self.0).into())
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseName({})", self.0)
    }
}

/// Who holds a lease: one run of one process. Drawn anew at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(Uuid);

impl Owner {
    /// The store itself, which holds the leases of what it folds within commits.
    pub const STORE: Self = Self(Uuid::nil());

    /// The owner with this id.
    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The id.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a lease was granted. Whoever writes under an older epoch is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The lease was never granted.
    pub const NONE: Self = Self(0);

    /// For backends: the epoch `n`.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lease that was granted. It is held until it expires, is released, or is granted to another; a write proves by the
/// epoch that it still is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    name: LeaseName,
    epoch: Epoch,
}

impl Lease {
    /// For backends: the lease `name`, granted under `epoch`.
    #[must_use]
    pub const fn new(name: LeaseName, epoch: Epoch) -> Self {
        Self { name, epoch }
    }

    /// Which lease it is.
    #[must_use]
    pub const fn name(&self) -> &LeaseName {
        &self.name
    }

    /// Under which epoch it was granted.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// It is granted, under a new epoch.
    Granted(Lease),
    /// Somebody else holds it.
    Held {
        /// Who.
        by: Owner,
        /// How long it is still theirs, if they do not renew it.
        expires_in: Duration,
    },
}

/// What a store knows of a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseState {
    /// Who holds it; `None` if it is free, or has expired.
    pub holder: Option<Owner>,
    /// The newest epoch.
    pub epoch: Epoch,
    /// How far the job has come: a checkpoint for each log that it follows, in the order of the logs' ids.
    pub checkpoints: Vec<Token>,
}

impl LeaseState {
    /// For backends: the state of a lease.
    #[must_use]
    pub const fn new(holder: Option<Owner>, epoch: Epoch, checkpoints: Vec<Token>) -> Self {
        Self { holder, epoch, checkpoints }
    }

    /// How far the job has come in a log; [`Position::START`] if it has not begun.
    #[must_use]
    pub fn checkpoint(&self, log: LogId) -> Position {
        let of_log = self.checkpoints.iter().find(|checkpoint| checkpoint.log() == log);
        of_log.map_or(Position::START, |checkpoint| checkpoint.position())
    }
}

/// A checkpoint that moves on, as part of a commit, if the lease is still held and nobody else has moved it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advance {
    /// Which lease, and under which epoch.
    pub lease: Lease,
    /// The log that was read.
    pub log: LogId,
    /// Where the checkpoint is now.
    pub from: Position,
    /// Where it shall be. Not before `from`; if it is `from`, the advance only guards the commit, and cannot tell a
    /// repetition.
    pub to: Position,
}

impl Advance {
    /// Moves the checkpoint of `lease` in `log`.
    #[must_use]
    pub const fn new(lease: Lease, log: LogId, from: Position, to: Position) -> Self {
        Self { lease, log, from, to }
    }

    /// Moves nothing: the commit that holds it happens only while `lease` is held.
    #[must_use]
    pub const fn guard(lease: Lease) -> Self {
        // A lease has a checkpoint in every log, and in this one it never moves.
        let nowhere = LogId::new(Uuid::nil());
        Self::new(lease, nowhere, Position::START, Position::START)
    }

    /// For backends: how the checkpoint stands, if the lease is at `epoch` and the checkpoint at `checkpoint`. A lease that
    /// nobody was ever granted is at [`Epoch::NONE`].
    ///
    /// # Errors
    /// [`Fenced`] if the advance may not happen.
    pub fn standing(&self, epoch: Epoch, checkpoint: Position) -> Result<Standing, Fenced> {
        let fenced = Fenced::new(self, epoch, checkpoint);
        let is_held = epoch > Epoch::NONE && epoch == self.lease.epoch();
        match checkpoint {
            at if is_held && at == self.from => Ok(Standing::Open),
            at if is_held && at == self.to => Ok(Standing::Moved(fenced)),
            _ => Err(fenced),
        }
    }
}

/// For backends: how a checkpoint stands that is to move on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "backends decide by it, and a new case must not pass them by"
)]
pub enum Standing {
    /// It is where it is expected.
    Open,
    /// It was moved just so before; or another commit has moved it there, which is then the error.
    Moved(Fenced),
}

/// The lease was granted to another, or the checkpoint was moved by another. Whoever meets this must stop at once: what
/// it believes to be its job is somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "lease `{lease}` is at epoch {epoch} and checkpoint {checkpoint}, \
     not at epoch {epoch_held} and checkpoint {checkpoint_expected}"
)]
#[non_exhaustive]
pub struct Fenced {
    /// Which lease.
    pub lease: LeaseName,
    /// The epoch under which the writer wrote.
    pub epoch_held: Epoch,
    /// The newest epoch.
    pub epoch: Epoch,
    /// Where the writer thought the checkpoint was.
    pub checkpoint_expected: Position,
    /// Where it is.
    pub checkpoint: Position,
}

impl Fenced {
    /// For backends: `advance` was refused, since the lease is at `epoch` and the checkpoint at `checkpoint`.
    #[must_use]
    pub fn new(advance: &Advance, epoch: Epoch, checkpoint: Position) -> Self {
        Self {
            lease: advance.lease.name().clone(),
            epoch_held: advance.lease.epoch(),
            epoch,
            checkpoint_expected: advance.from,
            checkpoint,
        }
    }
}
