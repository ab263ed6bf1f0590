//! On what terms something is composed: how long, how much, for whom.

use std::sync::Arc;
use std::time::Duration;

use crate::consistency::Session;

/// How much one composition may ask for, so that no request can make a service ask for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct ComposeLimits {
    /// The most different keys. 1,000 by default.
    pub keys_max: usize,
    /// The most calls of sources; attempts after the first do not count. 32 by default.
    pub calls_max: usize,
    /// The most rounds, each of calls that go out after answers of the one before. 8 by default.
    pub rounds_max: usize,
    /// The most bytes of all answers together, as far as the sources say how long they are. 16 MiB by default.
    pub answer_bytes_max: usize,
}

impl Default for ComposeLimits {
    fn default() -> Self {
        Self { keys_max: 1_000, calls_max: 32, rounds_max: 8, answer_bytes_max: 16 << 20 }
    }
}

/// On what terms something is composed; made by [`within`].
#[derive(Clone, Debug)]
#[must_use = "terms do nothing alone: pass them to `compose`"]
pub struct Terms {
    pub(super) time: Duration,
    pub(super) limits: ComposeLimits,
    pub(super) session: Session,
    pub(super) principal: Option<Arc<str>>,
}

/// So long, from the moment when the composition begins.
pub fn within(time: Duration) -> Terms {
    Terms { time, limits: ComposeLimits::default(), session: Session::new(), principal: None }
}

impl Terms {
    /// And no more than that.
    pub const fn limits(mut self, limits: ComposeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// For a user who has seen and done so much: no part may be older than that.
    pub fn session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// For one who may see things that others may not. What sources [remember](super::LookupBuilder::remember) for one is never
    /// given to another.
    pub fn principal(mut self, name: impl Into<Arc<str>>) -> Self {
        self.principal = Some(name.into());
        self
    }
}
