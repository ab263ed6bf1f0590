//! What a saga is made of, without its types: what the state machine goes by.

use std::sync::Arc;
use std::time::Duration;

/// The steps of a saga, in the order in which they were declared: each stands behind those that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) steps: Vec<StepShape>,
    /// Whether compensations that need not wait for each other run at once.
    pub(crate) undoes_in_parallel: bool,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StepShape {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// The steps that must have happened before.
    pub(crate) after: Vec<usize>,
    pub(crate) resolve: Resolve,
    /// Whether the participant answers a repeated call as it did the first time.
    pub(crate) dedupes: bool,
    /// Whether what it does is part of the commit that says that it has happened. Then nobody ever wonders whether it has.
    pub(crate) is_local: bool,
    /// How often it is tried again before it is given up.
    pub(crate) retries_max: u32,
    /// How often its compensation is tried again before an operator must look.
    pub(crate) undo_retries_max: u32,
}

/// What may become of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// It may be refused, and is compensated.
    Compensable,
    /// It may be refused, and has no effect.
    ReadOnly,
    /// It may be refused; when it has happened, the saga completes.
    Pivot,
    /// It is repeated until it has happened.
    Retriable,
}

/// How it is found out whether a call has had an effect that nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resolve {
    /// The compensation bars the action: whichever of the two comes first, nothing is left. For participants that keep a
    /// barrier.
    Tombstone,
    /// The action is called again under the same key until it says whether it has happened. For participants that answer a
    /// repeated key as they did the first time.
    Redrive,
    /// After so long no call is on its way any more, and the compensation looks the key up by itself. A call that is late
    /// all the same leaves its effect behind.
    QueryAfter(Duration),
    /// An operator says.
    Manual,
}

impl Resolve {
    /// `tombstone`, `redrive`, `query` or `manual`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tombstone => "tombstone",
            Self::Redrive => "redrive",
            Self::QueryAfter(_) => "query",
            Self::Manual => "manual",
        }
    }
}

impl Shape {
    /// The place of a step.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| *step.name == *name)
    }

    /// The pivot, if there is one.
    pub(crate) fn pivot(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.kind == Kind::Pivot)
    }

    /// The steps that need `step` to have happened, or need one that does.
    pub(crate) fn behind(&self, step: usize) -> impl Iterator<Item = usize> {
        let mut behind = vec![step];
        for (place, other) in self.steps.iter().enumerate().skip(step + 1) {
            if other.after.iter().any(|before| behind.contains(before)) {
                behind.push(place);
            }
        }
        behind.into_iter().skip(1)
    }
}
