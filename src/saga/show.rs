//! How sagas have ended, and where they are.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::id::SagaId;
use super::record::{Action, Cause, Record};
use super::state::Phase;

/// How a saga has ended. Nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// Every step has happened.
    Completed,
    /// The pivot has not happened, and nothing is left of what has.
    Compensated,
    /// An operator has ended it as it was.
    Abandoned,
}

impl Ended {
    /// `completed`, `compensated` or `abandoned`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Abandoned => "abandoned",
        }
    }

    pub(super) const fn of_phase(phase: Phase) -> Option<Self> {
        match phase {
            Phase::Forward | Phase::Backward => None,
            Phase::Completed => Some(Self::Completed),
            Phase::Compensated => Some(Self::Compensated),
            Phase::Abandoned => Some(Self::Abandoned),
        }
    }

    pub(super) const fn of(record: &Record) -> Option<Self> {
        match record {
            Record::Completed => Some(Self::Completed),
            Record::Compensated => Some(Self::Compensated),
            Record::Operator { action: Action::Abandon, .. } => Some(Self::Abandoned),
            _ => None,
        }
    }
}

/// Where a saga is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Standing {
    /// It goes forward, or waits for something that it knows.
    Running,
    /// What has happened is being compensated.
    Compensating,
    /// It waits for an operator.
    Suspended,
    /// No process that looks after it can run it: its definition, or what is recorded, is not known here.
    Stuck,
}

impl Standing {
    pub(super) const ALL: [Self; 4] =
        [Self::Running, Self::Compensating, Self::Suspended, Self::Stuck];

    /// `running`, `compensating`, `suspended` or `stuck`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Suspended => "suspended",
            Self::Stuck => "stuck",
        }
    }
}

/// A saga that is not over, in the list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Which.
    pub id: SagaId,
    /// Where it is.
    pub standing: Standing,
    /// What it waits for, if somebody must do something; or why it is given up.
    pub why: Option<String>,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// Since when it is there.
    pub since: DateTime<Utc>,
}

impl Listed {
    /// Whether nothing more comes of it by itself.
    #[must_use]
    pub const fn needs_somebody(&self) -> bool {
        matches!(self.standing, Standing::Suspended | Standing::Stuck)
    }
}

/// The same as a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) standing: Standing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<Uuid>,
    /// Whether it was given up.
    #[serde(default)]
    pub(super) is_backward: bool,
    pub(super) started_at: DateTime<Utc>,
    pub(super) since: DateTime<Utc>,
}

impl Row {
    pub(super) fn started(by: Option<Uuid>, at: DateTime<Utc>) -> Self {
        Self {
            standing: Standing::Running,
            why: None,
            by,
            is_backward: false,
            started_at: at,
            since: at,
        }
    }

    /// What a record makes of the row; `false` if it is no longer needed.
    pub(super) fn apply(&mut self, record: &Record, at: DateTime<Utc>) -> bool {
        self.since = at;
        match record {
            _ if Ended::of(record).is_some() => return false,
            Record::TakenOver { by } => self.by = Some(*by),
            Record::Unwind { cause, .. } => {
                self.is_backward = true;
                self.standing = Standing::Compensating;
                self.why = Some(cause.to_string());
            }
            Record::Suspended { step, why } => {
                self.standing = Standing::Suspended;
                self.why = Some(format!("`{step}`: {why}"));
            }
            Record::Operator { action, .. } => {
                self.is_backward |= action.gives_up();
                let backward = self.is_backward;
                self.standing = if backward { Standing::Compensating } else { Standing::Running };
                self.why = None;
            }
            _ => {}
        }
        true
    }

    /// The same of a saga with a record that cannot be read.
    pub(super) fn stuck(self, why: &dyn std::error::Error) -> Self {
        Self { standing: Standing::Stuck, why: Some(why.to_string()), ..self }
    }

    pub(super) fn listed(self, id: SagaId) -> Listed {
        let Self { standing, why, started_at, since, .. } = self;
        Listed { id, standing, why, started_at, since }
    }
}

/// Why a saga was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GivenUp {
    /// A step was refused.
    Refused {
        /// Which.
        step: String,
        /// What was said, as JSON.
        why: String,
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
    /// An operator has given it up, while it waited for one.
    ByHand {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
    },
}

impl From<&Cause> for GivenUp {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::Refused { step, why } => {
                Self::Refused { step: step.to_string(), why: why.text().to_owned() }
            }
            Cause::Exhausted { step } => Self::Exhausted { step: step.to_string() },
            Cause::Cancelled => Self::Cancelled,
            Cause::Deadline => Self::Deadline,
        }
    }
}
