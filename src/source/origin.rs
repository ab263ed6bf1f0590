//! Where a part of an answer came from.

use std::fmt;
use std::time::Duration;

use super::Failure;
use crate::consistency::Lag;

/// Where a part of an answer came from, and why it is not the source's own if it is not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Origin {
    /// The source answered.
    Live,
    /// The source answered another who asked the same in this request.
    Deduped,
    /// The source did not answer; this is what it said earlier.
    Stale {
        /// How long ago it said so.
        age: Duration,
        /// Why it does not say so now.
        because: Failure,
    },
    /// The answer is of a read model.
    ReadModel {
        /// How far behind it is.
        lag: Lag,
        /// Whether it is as fresh as was wanted.
        met: bool,
    },
    /// The source did not answer; this stands in for it.
    Default {
        /// Why it did not answer.
        because: Failure,
    },
    /// The source answered that there is no such thing.
    Absent,
}

impl Origin {
    /// Whether it is less than what was asked for: an old answer, one that stands in for it, or a read model that is not as
    /// fresh as was wanted.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        match self {
            Self::Stale { .. } | Self::Default { .. } | Self::ReadModel { met: false, .. } => true,
            Self::Live | Self::Deduped | Self::ReadModel { .. } | Self::Absent => false,
        }
    }

    /// What it is called in reports and plans.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Deduped => "deduped",
            Self::Stale { .. } => "stale",
            Self::ReadModel { .. } => "read model",
            Self::Default { .. } => "missing",
            Self::Absent => "absent",
        }
    }

    /// Why the source itself did not answer, if that is so.
    #[must_use]
    pub const fn because(&self) -> Option<&Failure> {
        match self {
            Self::Stale { because, .. } | Self::Default { because } => Some(because),
            _ => None,
        }
    }

    /// Whether a report of both can be one.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let because = |origin: &Self| origin.because().map(Failure::name);
        self.name() == other.name() && because(self) == because(other)
    }
}

/// Parts of an answer that are less than what was asked for: so many, of one source, for one reason.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartReport {
    /// The source.
    pub source: &'static str,
    /// How many parts.
    pub parts: usize,
    /// What they are instead; of several, that of the first.
    pub origin: Origin,
}

impl PartReport {
    pub(crate) const fn new(source: &'static str, origin: Origin) -> Self {
        Self { source, parts: 1, origin }
    }
}

/// As it stands in a header or a log: `products: 2 missing (late)`.
impl fmt::Display for PartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.source, self.parts, self.origin.name())?;
        match &self.origin {
            Origin::Stale { age, because } => {
                write!(f, " for {:.1} s ({})", age.as_secs_f64(), because.name())
            }
            Origin::Default { because } => write!(f, " ({})", because.name()),
            Origin::ReadModel { lag, .. } => write!(f, ", {} events behind", lag.events),
            Origin::Live | Origin::Deduped | Origin::Absent => Ok(()),
        }
    }
}
