//! Which build of a projection's views is read, and which is being made.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::poll::Said;
use super::rounds::Asking;
use crate::consistency::{Progress, Session};
use crate::ports::{BackendError, Fault, RowStore};
use crate::subscription::BoxError;
use crate::types::{LeaseName, RowKey, RowSet, RowValue, RowWrite, RowsWanted};

/// One build of a projection's views, from the first event on: a set of rows, and a job with checkpoints, of its own.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u32,
    pub(super) set: RowSet,
    pub(super) job: LeaseName,
    /// The job of the first build: its name is that of the projection.
    pub(super) projection: LeaseName,
    /// The leases of the parts of the job.
    pub(super) parts: Vec<LeaseName>,
    pub(super) progress: Progress,
    /// Who asks how far the build is, for all who wait.
    pub(super) polled: Asking<Said>,
}

impl Generation {
    pub(super) fn new(name: &str, number: u32, parts: u32) -> Result<Self, BoxError> {
        let parts = parts.max(1);
        // The first build has the plain name.
        let (set, job) = match number {
            0 => (RowSet::new(name)?, LeaseName::new(name)?),
            n => (RowSet::new(&format!("{name}_g{n}"))?, LeaseName::new(&format!("{name}.g{n}"))?),
        };
        Ok(Self {
            number,
            projection: LeaseName::new(name)?,
            set,
            parts: (0..parts).map(|part| job.part(part, parts)).collect(),
            job,
            progress: Progress::new(parts as usize),
            polled: Asking::default(),
        })
    }
}

/// What is written down of a projection: which build is read. Only the holder of a lease changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pointer {
    /// The build that is read.
    pub(super) live: u32,
    /// The build that is being made, to be read when it has caught up.
    pub(super) building: Option<u32>,
    /// The builds that are read no more, and since when.
    pub(super) retired: Vec<(u32, DateTime<Utc>)>,
    /// Over how many parts the job is shared out.
    pub(super) parts: u32,
    /// Where the logs ended when the first build was begun, as the text of a session. Before it has come so far, there is
    /// nothing else to read.
    #[serde(default)]
    pub(super) first_upto: String,
}

/// The pointers of all projections of a store are in one set.
pub(super) fn set() -> Result<RowSet, BoxError> {
    Ok(RowSet::new("freehold_views")?)
}

impl Pointer {
    /// The pointer of the projection `name`; `None` if it never ran.
    pub(super) async fn read(
        store: &dyn RowStore,
        name: &str,
    ) -> Result<Option<Self>, BackendError> {
        let (set, key) = set().and_then(|set| Ok((set, RowKey::new(name)?))).map_err(unreadable)?;
        let page = match store.rows(&set, &RowsWanted::Keys(vec![key]), None).await {
            // No projection ever ran in this store.
            Err(error) if error.fault() == Fault::Missing => return Ok(None),
            page => page?,
        };
        let pointer = page.rows.first().map(|row| row.value.read()).transpose();
        pointer.map_err(unreadable)
    }

    /// Whether somebody is to keep up the build of this number.
    pub(super) fn keeps_up(&self, number: u32) -> bool {
        self.live == number || self.building == Some(number)
    }

    /// Where the logs ended when the first build was begun: views that have never come so far are still being made. Whoever has
    /// written down nothing is not asked.
    pub(super) fn first_upto(&self) -> Session {
        self.first_upto.parse().unwrap_or_default()
    }

    /// What writes it down.
    pub(super) fn write(&self, name: &str) -> Result<RowWrite, BoxError> {
        Ok(RowWrite::put(&set()?, &RowKey::new(name)?, RowValue::of(self)?))
    }
}

pub(super) fn unreadable(why: impl Into<BoxError>) -> BackendError {
    BackendError::new("projection", "read which build is live", Fault::Corrupt, why)
}
