//! What a job that is begun anew has had before, under another name.

use serde::{Deserialize, Serialize};

use super::error::SinkError;
use super::parked::Parked;
use super::partition::Partition;
use crate::ports::RowStore;
use crate::types::{
    Advance, Claim, Commit, Lease, LeaseName, LogId, Owner, Position, RecordedEvent, Row, RowKey,
    RowSet, RowValue, RowWrite, RowsWanted,
};

/// How long the lease of the old job is held: its checkpoints are written down by one commit each.
const TAKE_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// The job that another one replaces.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    pub(super) job: LeaseName,
    pub(super) parts: u32,
    /// Who asks for its lease.
    pub(super) owner: Owner,
}

/// How far each part of the job came that was replaced.
#[derive(Debug, Default)]
pub(super) struct Mark {
    parts: Vec<Vec<(LogId, Position)>>,
}

/// What is written down of one part.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    job: String,
    parts: u32,
    at: Vec<(LogId, Position)>,
}

/// The old job still runs, or its lease has not expired yet.
#[derive(Debug, thiserror::Error)]
#[error("the job {0}, which is replaced, still runs")]
struct StillRuns(LeaseName);

/// Something of the old job is parked: whether it was had cannot be said by a position.
#[derive(Debug, thiserror::Error)]
#[error("events of {0}, which is replaced, are parked: replay or discard them there first")]
struct StillParked(LeaseName);

/// The mark is that of another job.
#[derive(Debug, thiserror::Error)]
#[error("it is written down that {job} of {parts} parts is replaced")]
struct OtherMark {
    job: String,
    parts: u32,
}

impl Mark {
    /// That of a job. If it is not written down yet, the old job is stopped for good where it is, and that is written down.
    pub(super) async fn of(
        store: &dyn RowStore,
        job: &LeaseName,
        old: &Replaced,
    ) -> Result<Self, SinkError> {
        let set = RowSet::new("freehold_marks").map_err(SinkError::fatal)?;
        store.prepare(&set).await?;
        let mut mark = Self::default();
        for part in Partition::all(old.parts) {
            let key = format!("{job}:{}", part.index());
            let key = RowKey::new(&key).map_err(SinkError::fatal)?;
            let known = store.rows(&set, &RowsWanted::Keys(vec![key.clone()]), None).await?;
            let at = match known.rows.first() {
                Some(row) => old.known(row)?,
                None => old.take(store, part, |value| RowWrite::put(&set, &key, value)).await?,
            };
            mark.parts.push(at);
        }
        Ok(mark)
    }

    /// Which of these events the old job had taken in, in their order. `whose` is whose part an event is, if that does not
    /// follow from its key.
    pub(super) fn repeated<'e>(
        &self,
        log: LogId,
        events: &'e [RecordedEvent],
        key: impl Fn(&'e RecordedEvent) -> &'e str,
        whose: Option<Partition>,
    ) -> Vec<Position> {
        let of = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        let reached = |part: &Vec<(LogId, Position)>| {
            let of_log = part.iter().find(|(of, _)| *of == log);
            of_log.map_or(Position::START, |(_, at)| *at)
        };
        let furthest = self.parts.iter().map(reached).max().unwrap_or_default();
        let of_part = |index: u32| self.parts.get(index as usize).map(reached).unwrap_or_default();
        let is_repeated = |event: &&'e RecordedEvent| {
            if event.position() > furthest {
                return false;
            }
            let upto = match whose {
                // Who had it is not known, so all of them must have.
                Some(part) if part.of() != of => self.parts.iter().map(reached).min(),
                Some(part) => Some(of_part(part.index())),
                None => {
                    let owner = Partition::all(of).find(|part| part.owns(key(event)));
                    owner.map(|part| of_part(part.index()))
                }
            };
            upto.is_some_and(|upto| event.position() <= upto)
        };
        events.iter().filter(is_repeated).map(RecordedEvent::position).collect()
    }
}

impl Replaced {
    /// How far a part was, by what was written down.
    fn known(&self, row: &Row) -> Result<Vec<(LogId, Position)>, SinkError> {
        let Written { job, parts, at } = row.value.read().map_err(SinkError::fatal)?;
        if job == self.job.as_str() && parts == self.parts {
            Ok(at)
        } else {
            Err(SinkError::fatal(OtherMark { job, parts }))
        }
    }

    /// Takes a part of the old job over, and writes down how far it was.
    async fn take(
        &self,
        store: &dyn RowStore,
        part: Partition,
        row: impl FnOnce(RowValue) -> RowWrite,
    ) -> Result<Vec<(LogId, Position)>, SinkError> {
        let name = self.job.part(part.index(), part.of());
        let Claim::Granted(lease) = store.claim(&name, self.owner, TAKE_TIME).await? else {
            return Err(SinkError::transient(StillRuns(name)));
        };
        let taken = self.take_under(store, &lease, row).await;
        if let Err(error) = store.release(&lease).await {
            tracing::debug!(lease = %name, %error, "the lease was not released, and will expire");
        }
        taken
    }

    async fn take_under(
        &self,
        store: &dyn RowStore,
        lease: &Lease,
        row: impl FnOnce(RowValue) -> RowWrite,
    ) -> Result<Vec<(LogId, Position)>, SinkError> {
        let name = lease.name();
        store.prepare(&super::parked::set().map_err(SinkError::fatal)?).await?;
        if !Parked::list(store, name, None, 1).await?.0.is_empty() {
            return Err(SinkError::fatal(StillParked(name.clone())));
        }
        let at = store.lease(name).await?.checkpoints;
        let at: Vec<_> = at.iter().map(|token| (token.log(), token.position())).collect();
        let written =
            Written { job: self.job.as_str().to_owned(), parts: self.parts, at: at.clone() };
        let value = RowValue::of(&written).map_err(SinkError::fatal)?;
        // Nobody else has moved a checkpoint meanwhile.
        let fence = Advance::guard(lease.clone());
        match store
            .commit(Commit::new().rows([row(value)]).advance(fence))
            .await
            .map_err(SinkError::from)
        {
            Ok(_) => Ok(at),
            // Of the old job, and not of this one.
            Err(SinkError::Fenced(fenced)) => Err(SinkError::transient(fenced)),
            Err(error) => Err(error),
        }
    }
}
