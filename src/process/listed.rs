//! Which instances are open, and how they stand: a row for each, written with its record.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::contract::ProcessManager;
use super::instance::{Instance, Stage};
use crate::types::{RowKey, RowSet, RowValue, RowWrite};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How an open instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// It has begun, and hears what comes.
    Open,
    /// It has not begun; messages wait for that.
    Early,
    /// It has not begun, and messages wait for that longer than they should.
    Overdue,
    /// A message could not be heard; it waits for an operator, and those that came later wait behind it.
    Parked,
}

/// An open instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Listed {
    /// Which one.
    #[serde(skip)]
    pub instance: String,
    /// How it stands.
    pub standing: Standing,
    /// Since when nothing has happened, by the clock of the process that heard the last message.
    pub since: DateTime<Utc>,
    /// How many messages it has heard.
    pub heard: u64,
    /// How many messages wait.
    pub waiting: usize,
    /// Why it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// All open instances of all processes of a store are in one set.
pub(super) fn set() -> Result<RowSet, BoxError> {
    Ok(RowSet::new("freehold_process")?)
}

pub(super) fn key(process: &str, instance: &str) -> Result<RowKey, BoxError> {
    Ok(RowKey::new(&format!("{process}/{instance}"))?)
}

/// The row of an instance, or the end of it.
pub(super) fn row<P: ProcessManager>(
    id: &str,
    instance: &Instance<P>,
    now: DateTime<Utc>,
) -> Result<RowWrite, BoxError> {
    let (set, key) = (set()?, key(P::NAME, id)?);
    if !instance.is_open() {
        return Ok(RowWrite::delete(&set, &key));
    }
    let listed = Listed {
        instance: id.to_owned(),
        standing: match (&instance.parked, instance.stage) {
            (Some(_), _) => Standing::Parked,
            (None, Stage::Expected) if instance.is_overdue => Standing::Overdue,
            (None, Stage::Expected) => Standing::Early,
            (None, Stage::Begun | Stage::Complete) => Standing::Open,
        },
        since: now,
        heard: instance.heard,
        waiting: instance.waiting.len(),
        why: instance.parked.as_ref().map(|(_, why)| why.clone()),
    };
    Ok(RowWrite::put(&set, &key, RowValue::of(&listed)?))
}
