//! What an operator can see and do. Everything that is done is written into the saga's own log, with who and why.

use chrono::{DateTime, Utc};

use super::append::Log;
use super::error::OperateError;
use super::id::SagaId;
use super::instance::{Instance, Opened, metadata};
use super::json::Json;
use super::ledger;
use super::outcome::told;
use super::record::{Action, Record, Verdict};
use super::sagas::Sagas;
use super::show::{Listed, Row, Standing};
use crate::event;
use crate::ports::{EventStoreExt, RowStore};
use crate::types::{Closing, RecordedEvent, RowsWanted, StreamVersion};

/// How many rows are read at a time.
const ROWS: usize = 1_000;
/// How often somebody who writes reads again, while others write.
const TRIES: usize = 64;

/// Who does something, and why: it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct By {
    actor: String,
    reason: String,
}

impl By {
    /// `actor` does it, for this reason.
    #[must_use]
    pub fn new(actor: &str, reason: &str) -> Self {
        Self { actor: actor.to_owned(), reason: reason.to_owned() }
    }
}

/// What an operator has found out about a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// It has happened, and this is what it gave back, as JSON.
    Happened(String),
    /// It has not happened, and will not. A saga that has not been given up is: without this step it cannot complete.
    DidNot,
    /// It was compensated by hand.
    Undone,
}

/// What came of asking for a saga to be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// It is written down, and the saga is given up, unless its pivot is being decided just now.
    Asked,
    /// The pivot has happened: the saga completes.
    TooLate,
}

/// One entry of a saga's history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// When it was written down.
    pub at: DateTime<Utc>,
    /// What has happened, in words.
    pub what: String,
}

impl Sagas {
    /// The sagas that are not over, by their ids: at most `limit` of those whose id begins with `prefix`. The list is at most
    /// [`index_interval`](super::SagaOptions::index_interval) behind, and its order is that of the ids.
    ///
    /// # Errors
    /// [`OperateError::Read`] if the list cannot be read.
    pub async fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Listed>, OperateError> {
        let set = ledger::set()?;
        self.0.store.prepare(&set).await?;
        let (mut listed, mut after) = (Vec::new(), None);
        while listed.len() < limit {
            let limit = (limit - listed.len()).min(ROWS);
            let wanted = RowsWanted::Page { prefix: prefix.into(), after, limit };
            let page = self.0.store.rows(&set, &wanted, None).await?;
            after = page.rows.last().map(|row| row.key.clone());
            for row in page.rows {
                let id = row.key.as_str().split_once('/');
                let id = id.and_then(|(name, key)| SagaId::new(name, key).ok());
                let read = row.value.read::<Row>();
                let read = read.map_err(|error| OperateError::Unreadable(error.to_string()))?;
                listed.extend(id.map(|id| read.listed(id)));
            }
            if !page.has_more {
                break;
            }
        }
        Ok(listed)
    }

    /// The sagas that need somebody: those that wait for an operator, and those that nobody has been able to run for so long.
    ///
    /// # Errors
    /// [`OperateError::Read`] if the list, or a log, cannot be read.
    pub async fn stuck(
        &self,
        silent_for: std::time::Duration,
        limit: usize,
    ) -> Result<Vec<Listed>, OperateError> {
        let mut stuck = Vec::new();
        for mut saga in self.list("", usize::MAX).await? {
            if stuck.len() == limit {
                break;
            }
            let silence = (self.now() - saga.since).to_std().unwrap_or_default();
            let goes_on = matches!(saga.standing, Standing::Running | Standing::Compensating);
            if goes_on && silence >= silent_for {
                // Nobody may be able to run it.
                if let Err(OperateError::Unreadable(why)) = self.open(&saga.id).await {
                    saga.standing = Standing::Stuck;
                    saga.why = Some(why);
                }
            }
            if saga.needs_somebody() {
                stuck.push(saga);
            }
        }
        Ok(stuck)
    }

    /// All that is written down of a saga, in order; also that an entry cannot be read, and why.
    ///
    /// # Errors
    /// [`OperateError::Missing`] if it was never started; [`OperateError::Read`] if its log cannot be read.
    pub async fn history(&self, id: &SagaId) -> Result<Vec<Entry>, OperateError> {
        let events = self.0.store.read_tail(id.stream(), StreamVersion::NONE).await?;
        if events.is_empty() {
            return Err(OperateError::Missing(id.clone()));
        }
        let entry = |event: &RecordedEvent| {
            let what = match (Closing::of(event), event::decode::<Record>(event)) {
                (Some(closing), _) => closing.to_string(),
                (None, Ok(record)) => record.to_string(),
                (None, Err(error)) => format!("cannot be read: {}", told(&error)),
            };
            Entry { at: event.recorded_at(), what }
        };
        Ok(events.iter().map(entry).collect())
    }

    /// Asks for a saga to be given up. What has happened is compensated.
    ///
    /// # Errors
    /// [`OperateError`]; [`OperateError::Over`] if it is over.
    pub async fn cancel(&self, id: &SagaId, by: By) -> Result<Cancelled, OperateError> {
        let By { actor, reason } = by;
        for _ in 0..TRIES {
            let saga = self.open(id).await?;
            let state = saga.run.state();
            let is_forward = saga.run.is_forward();
            if is_forward && !state.can_be_given_up(&saga.definition.shape) {
                return Ok(Cancelled::TooLate);
            }
            if state.is_cancelled || !is_forward {
                return Ok(Cancelled::Asked);
            }
            let record = Record::CancelAsked { actor: actor.clone(), reason: reason.clone() };
            if self.write(id, &saga.log(), &record).await? {
                return Ok(Cancelled::Asked);
            }
        }
        Err(OperateError::Contended)
    }

    /// Has a saga that waits for an operator try again, as if for the first time.
    ///
    /// # Errors
    /// [`OperateError`]; [`OperateError::NotSuspended`] if it waits for nobody.
    pub async fn retry(&self, id: &SagaId, by: By) -> Result<(), OperateError> {
        self.operate(id, Action::Retry, by).await
    }

    /// Says what has become of a step of a saga that waits for an operator.
    ///
    /// # Errors
    /// [`OperateError`]; [`OperateError::OutOfPlace`] if that cannot be said of the step.
    pub async fn resolve(
        &self,
        id: &SagaId,
        step: &str,
        resolution: Resolution,
        by: By,
    ) -> Result<(), OperateError> {
        let verdict = match resolution {
            Resolution::Happened(json) => Verdict::Happened(
                Json::parse(&json).map_err(|error| OperateError::OutOfPlace(error.to_string()))?,
            ),
            Resolution::DidNot => Verdict::DidNot,
            Resolution::Undone => Verdict::Undone,
        };
        self.operate(id, Action::Resolve { step: step.into(), verdict }, by).await
    }

    /// Gives a saga up that waits for an operator before its pivot: what has happened is compensated.
    ///
    /// # Errors
    /// [`OperateError`]; [`OperateError::TooLate`] behind the pivot.
    pub async fn compensate(&self, id: &SagaId, by: By) -> Result<(), OperateError> {
        self.operate(id, Action::Compensate, by).await
    }

    /// Ends a saga as it is that waits for an operator, or that cannot be run here: be sure that nobody else can. Nothing is
    /// promised of it any more.
    ///
    /// # Errors
    /// [`OperateError`]; [`OperateError::NotSuspended`] if it waits for nobody.
    pub async fn abandon(&self, id: &SagaId, by: By) -> Result<(), OperateError> {
        for _ in 0..TRIES {
            let events = self.0.store.read_tail(id.stream(), StreamVersion::NONE).await?;
            let version = StreamVersion::new(events.len() as u64);
            let Opened::Stuck(_) = Instance::of(&self.0.book, id, &events) else {
                return self.operate(id, Action::Abandon, by).await;
            };
            let By { actor, reason } = by.clone();
            let record = Record::Operator { actor, action: Action::Abandon, reason };
            let log = Log { stream: id.stream(), version, metadata: &metadata(id) };
            if self.write(id, &log, &record).await? {
                return Ok(());
            }
        }
        Err(OperateError::Contended)
    }

    async fn operate(&self, id: &SagaId, action: Action, by: By) -> Result<(), OperateError> {
        let By { actor, reason } = by;
        for _ in 0..TRIES {
            let saga = self.open(id).await?;
            let state = saga.run.state();
            if !state.is_suspended {
                return Err(OperateError::NotSuspended);
            }
            let shape = &saga.definition.shape;
            let is_forward = saga.run.is_forward();
            if action == Action::Compensate && is_forward && !state.can_be_given_up(shape) {
                return Err(OperateError::TooLate);
            }
            let action = checked(&saga, action.clone())?;
            let (actor, reason) = (actor.clone(), reason.clone());
            let record = Record::Operator { actor, action, reason };
            let mut then = state.clone();
            if let Err(why) = then.apply(shape, &record) {
                return Err(OperateError::OutOfPlace(why.to_string()));
            }
            if self.write(id, &saga.log(), &record).await? {
                return Ok(());
            }
        }
        Err(OperateError::Contended)
    }
}

/// What an operator says a step gave back must be what its type can read.
fn checked(saga: &super::instance::Instance, action: Action) -> Result<Action, OperateError> {
    if let Action::Resolve { step, verdict: Verdict::Happened(json) } = &action
        && let Some(node) = saga.place(step).and_then(|place| saga.node(place))
        && let Err(error) = node.work.decode(json)
    {
        return Err(OperateError::OutOfPlace(error.to_string()));
    }
    Ok(action)
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Started(started) => write!(f, "started, version {}", started.version),
            Self::TakenOver { by } => write!(f, "taken over by {by}"),
            Self::Done { step, .. } => write!(f, "`{step}` has happened"),
            Self::CancelAsked { actor, reason } => {
                write!(f, "{actor} wants it given up: {reason}")
            }
            Self::Unwind { cause, uncertain } if uncertain.is_empty() => {
                write!(f, "given up: {cause}")
            }
            Self::Unwind { cause, uncertain } => {
                write!(f, "given up: {cause}; perhaps happened: {}", uncertain.join(", "))
            }
            Self::Settled { step, out: Some(_) } => write!(f, "`{step}` had happened"),
            Self::Settled { step, out: None } => write!(f, "`{step}` had not happened"),
            Self::Undone { step } => write!(f, "`{step}` is compensated"),
            Self::Suspended { step, why } => write!(f, "waits for an operator: `{step}`: {why}"),
            Self::Operator { actor, action, reason } => {
                let what = match action {
                    Action::Retry => "tries again".to_owned(),
                    Action::Compensate => "gives it up".to_owned(),
                    Action::Abandon => "abandons it".to_owned(),
                    Action::Resolve { step, verdict } => format!(
                        "says that `{step}` {}",
                        match verdict {
                            Verdict::Happened(_) => "has happened",
                            Verdict::DidNot => "has not happened",
                            Verdict::Undone => "is compensated",
                        }
                    ),
                };
                write!(f, "{actor} {what}: {reason}")
            }
            Self::Completed => f.write_str("completed"),
            Self::Compensated => f.write_str("compensated"),
        }
    }
}
