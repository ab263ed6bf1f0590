//! What is written down of a saga, entry by entry.

use super::json::Json;

/// An entry of a saga's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    /// A step has happened.
    Done {
        /// Which.
        step: String,
        /// What it gave back.
        out: Json,
    },
    /// The saga is given up: what has happened is compensated, and nothing more is begun.
    Unwind {
        /// Why.
        cause: Cause,
        /// The steps of which nobody knows whether they have happened.
        uncertain: Vec<String>,
    },
    /// It became known what came of a step that was uncertain.
    Settled {
        /// Which.
        step: String,
        /// What it gave back, if it has happened.
        out: Option<Json>,
    },
    /// A step is compensated.
    Undone {
        /// Which.
        step: String,
    },
    /// It waits for an operator.
    Suspended {
        /// The step that cannot go on.
        step: String,
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

/// Why a saga is given up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// A step was refused.
    Refused {
        /// Which.
        step: String,
        /// What was said.
        why: Json,
    },
    /// A step was tried as often as it may be.
    Exhausted {
        /// Which.
        step: String,
    },
    /// Somebody has asked for it.
    Cancelled,
    /// It took too long.
    Deadline,
}

/// What an operator can do with a saga that waits for one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Tries again, as if for the first time.
    Retry,
    /// Says what has become of a step.
    Resolve {
        /// Which.
        step: String,
        /// What.
        verdict: Verdict,
    },
    /// Gives the saga up. Before the pivot only.
    Compensate,
    /// Ends it as it is.
    Abandon,
}

/// What an operator has found out about a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// It has happened, and this is what it gave back.
    Happened(Json),
    /// It has not happened, and will not.
    DidNot,
    /// It is compensated.
    Undone,
}
