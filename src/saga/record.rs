//! What is written down of a saga, entry by entry: the events of its stream.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::json::{Json, Out};
use crate::event::Event;

/// An entry of a saga's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The saga has begun. Always the first, and never another.
    Started(Started),
    /// Somebody else owns it from here on.
    TakenOver {
        /// Who.
        by: Uuid,
    },
    /// A step has happened.
    Done {
        /// Which.
        step: Arc<str>,
        /// What came of it.
        out: Out,
    },
    /// Somebody wants it given up.
    CancelAsked {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
    },
    /// The saga is given up: what has happened is compensated, and nothing more is begun.
    Unwind {
        /// Why.
        cause: Cause,
        /// The steps of which nobody knows whether they have happened.
        uncertain: Vec<Arc<str>>,
    },
    /// It became known what came of a step that was uncertain.
    Settled {
        /// Which.
        step: Arc<str>,
        /// What came of it, if it has happened.
        out: Option<Out>,
    },
    /// A step is compensated.
    Undone {
        /// Which.
        step: Arc<str>,
    },
    /// It waits for an operator.
    Suspended {
        /// The step that cannot go on.
        step: Arc<str>,
        /// Why.
        why: String,
    },
    /// An operator has done something.
    Operator {
        /// Who.
        actor: String,
        /// What.
        action: Action,
        /// Why.
        reason: String,
    },
    /// Every step has happened.
    Completed,
    /// Nothing is left of what has happened.
    Compensated,
}

/// The category of the streams is fixed by the port on which sagas stand; see [`SagaId`](super::SagaId).
impl Event for Record {
    const CATEGORY: &'static str = super::id::CATEGORY;
}

/// With what a saga begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Started {
    /// The version of its definition.
    pub(crate) version: u32,
    /// What the definition is made of, so that no other is taken for it.
    pub(crate) fingerprint: u64,
    /// What the saga was given.
    pub(crate) input: Json,
    /// Who runs it, if whoever has started it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<Uuid>,
    /// When it is given up unless it has come to its pivot, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<i64>,
}

/// Why a saga is given up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Cause {
    /// A step was refused.
    Refused {
        /// Which.
        step: Arc<str>,
        /// What was said.
        why: Json,
    },
    /// A step was tried as often as it may be.
    Exhausted {
        /// Which.
        step: Arc<str>,
    },
    /// Somebody has asked for it.
    Cancelled,
    /// It took too long.
    Deadline,
}

impl Cause {
    /// What kind of cause it is.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Exhausted { .. } => "exhausted",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { step, .. } => write!(f, "`{step}` was refused"),
            Self::Exhausted { step } => write!(f, "`{step}` was tried as often as it may be"),
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::Deadline => f.write_str("its deadline has passed"),
        }
    }
}

/// What an operator can do with a saga that waits for one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Action {
    /// Tries again, as if for the first time.
    Retry,
    /// Says what has become of a step.
    Resolve {
        /// Which.
        step: Arc<str>,
        /// What.
        verdict: Verdict,
    },
    /// Gives the saga up. Before the pivot only.
    Compensate,
    /// Ends it as it is.
    Abandon,
}

impl Action {
    /// Whether a saga that was not given up before is given up by it.
    pub(super) const fn gives_up(&self) -> bool {
        matches!(self, Self::Compensate | Self::Resolve { verdict: Verdict::DidNot, .. })
    }
}

/// What an operator has found out about a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// It has happened, and this is what it gave back.
    Happened(Json),
    /// It has not happened, and will not.
    DidNot,
    /// It is compensated.
    Undone,
}
