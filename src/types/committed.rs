//! Where a commit landed.

use std::ops::RangeInclusive;

use super::{Position, StreamId, StreamVersion, Token};

/// Where a commit landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    versions: Vec<(StreamId, StreamVersion)>,
    positions: Option<RangeInclusive<Position>>,
    token: Token,
    duplicate: bool,
}

impl Committed {
    /// For backends: the version of each stream after the commit, in the order of its appends; the
    /// positions of its first and last event; the token, minted after the commit is durable.
    #[must_use]
    pub const fn new(
        versions: Vec<(StreamId, StreamVersion)>,
        positions: Option<RangeInclusive<Position>>,
        token: Token,
    ) -> Self {
        Self { versions, positions, token, duplicate: false }
    }

    /// For backends: the same answer, given to a repetition.
    #[must_use]
    pub const fn as_duplicate(mut self) -> Self {
        self.duplicate = true;
        self
    }

    /// The version of each stream that was written, just after this commit, in the order of its appends.
    #[must_use]
    pub fn versions(&self) -> &[(StreamId, StreamVersion)] {
        &self.versions
    }

    /// The version of `stream` just after this commit, if the commit wrote it.
    #[must_use]
    pub fn version_of(&self, stream: &StreamId) -> Option<StreamVersion> {
        self.versions.iter().find(|(written, _)| written == stream).map(|(_, version)| *version)
    }

    /// The positions of its first and last event; other commits' events may lie between. `None` if it
    /// wrote no events.
    #[must_use]
    pub const fn positions(&self) -> Option<&RangeInclusive<Position>> {
        self.positions.as_ref()
    }

    /// Proof of the write. A reader that has seen it has seen all of the commit.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.token
    }

    /// Whether it had happened before, so that nothing was written now.
    #[must_use]
    pub const fn is_duplicate(&self) -> bool {
        self.duplicate
    }
}
