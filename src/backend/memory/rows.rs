//! What is behind the lock beside the feed: rows, leases and checkpoints.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::{
    Advance, Claim, Epoch, Fenced, Lease, LeaseName, LeaseState, LogId, Owner, Parts, Position,
    Row, RowKey, RowPage, RowSet, RowValue, RowWrite, RowsWanted, Standing, Token,
};

#[derive(Debug, Default)]
pub(super) struct Rows {
    sets: HashMap<RowSet, BTreeMap<RowKey, RowValue>>,
    leases: HashMap<LeaseName, Granted>,
}

/// A lease that was granted at least once.
#[derive(Debug, Default)]
struct Granted {
    epoch: Epoch,
    /// The newest owner, and until when. Tokio's clock, which is the one that leases are waited for by.
    holder: Option<(Owner, Instant)>,
    checkpoints: BTreeMap<LogId, Position>,
}

/// A set that nobody has prepared.
#[derive(Debug, thiserror::Error)]
#[error("the set of rows `{0}` was not prepared")]
pub(super) struct Unprepared(RowSet);

impl Rows {
    pub(super) fn prepare(&mut self, set: &RowSet) {
        self.sets.entry(set.clone()).or_default();
    }

    pub(super) fn remove(&mut self, set: &RowSet) {
        self.sets.remove(set);
    }

    /// Whether an advance may happen.
    pub(super) fn look(&self, advance: &Advance) -> Result<Standing, Fenced> {
        let granted = self.leases.get(advance.lease.name());
        let epoch = granted.map_or(Epoch::NONE, |granted| granted.epoch);
        advance.standing(epoch, self.checkpoint(advance.lease.name(), advance.log))
    }

    /// Whether all sets that a commit writes are there.
    pub(super) fn are_prepared(&self, parts: &Parts) -> Result<(), Unprepared> {
        self.have_sets_of(&parts.rows)
    }

    /// Whether all sets that these rows are for are there.
    pub(super) fn have_sets_of(&self, rows: &[RowWrite]) -> Result<(), Unprepared> {
        match rows.iter().find(|row| !self.sets.contains_key(&row.set)) {
            Some(row) => Err(Unprepared(row.set.clone())),
            None => Ok(()),
        }
    }

    /// Writes what was looked at.
    pub(super) fn write(&mut self, parts: &mut Parts) {
        self.put(std::mem::take(&mut parts.rows));
        if let Some(advance) = parts.advance.take().filter(|advance| advance.to > advance.from) {
            self.move_checkpoint(advance.lease.name(), advance.log, advance.to);
        }
    }

    /// Writes rows of sets that are there.
    pub(super) fn put(&mut self, rows: Vec<RowWrite>) {
        for row in rows {
            let Some(set) = self.sets.get_mut(&row.set) else { continue };
            match row.value {
                Some(value) => drop(set.insert(row.key, value)),
                None => drop(set.remove(&row.key)),
            }
        }
    }

    /// Moves the checkpoint of a lease that was granted.
    pub(super) fn move_checkpoint(&mut self, name: &LeaseName, log: LogId, to: Position) {
        if let Some(granted) = self.leases.get_mut(name) {
            granted.checkpoints.insert(log, to);
        }
    }

    pub(super) fn checkpoint(&self, name: &LeaseName, log: LogId) -> Position {
        let granted = self.leases.get(name).and_then(|granted| granted.checkpoints.get(&log));
        granted.copied().unwrap_or_default()
    }

    pub(super) fn page(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
        limit: impl FnOnce(usize) -> usize,
    ) -> Result<RowPage, Unprepared> {
        let kept = self.sets.get(set).ok_or_else(|| Unprepared(set.clone()))?;
        let checkpoints = of.map(|of| self.lease(of).checkpoints).unwrap_or_default();
        let row =
            |(key, value): (&RowKey, &RowValue)| Row { key: key.clone(), value: value.clone() };
        let (rows, has_more) = match wanted {
            RowsWanted::Keys(keys) => {
                let keys: BTreeSet<_> = keys.iter().collect();
                let found = keys.into_iter().filter_map(|key| kept.get_key_value(key));
                (found.map(row).collect(), false)
            }
            RowsWanted::Page { prefix, after, limit: asked } => {
                let limit = limit(*asked);
                let begin = after.as_ref().map(RowKey::as_str).filter(|after| *after >= &**prefix);
                let begin = begin.map_or(Bound::Included(&**prefix), Bound::Excluded);
                let mut found = kept
                    .range::<str, _>((begin, Bound::Unbounded))
                    .take_while(|(key, _)| key.as_str().starts_with(&**prefix));
                let rows: Vec<_> = found.by_ref().take(limit).map(row).collect();
                (rows, found.next().is_some())
            }
        };
        Ok(RowPage::new(rows, has_more, checkpoints))
    }

    pub(super) fn claim(&mut self, name: &LeaseName, owner: Owner, time: Duration) -> Claim {
        let now = Instant::now();
        let granted = self.leases.entry(name.clone()).or_default();
        if let Some((by, until)) = granted.holder
            && by != owner
            && until > now
        {
            return Claim::Held { by, expires_in: until - now };
        }
        granted.epoch = Epoch::new(granted.epoch.get() + 1);
        granted.holder = Some((owner, later(now, time)));
        Claim::Granted(Lease::new(name.clone(), granted.epoch))
    }

    pub(super) fn renew(&mut self, lease: &Lease, time: Duration) -> bool {
        let Some((_, until)) = self.holder(lease) else { return false };
        *until = later(Instant::now(), time);
        true
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        if self.holder(lease).is_some()
            && let Some(granted) = self.leases.get_mut(lease.name())
        {
            granted.holder = None;
        }
    }

    /// Takes a lease for the store itself, from whoever holds it.
    pub(super) fn hold(&mut self, name: &LeaseName) {
        let granted = self.leases.entry(name.clone()).or_default();
        granted.epoch = Epoch::new(granted.epoch.get() + 1);
        granted.holder = Some((Owner::STORE, later(Instant::now(), Duration::MAX)));
    }

    /// Gives a lease back that the store itself holds.
    pub(super) fn let_go(&mut self, name: &LeaseName) {
        if let Some(granted) = self.leases.get_mut(name) {
            granted.holder = None;
        }
    }

    /// Whoever holds the lease under its newest epoch.
    fn holder(&mut self, lease: &Lease) -> Option<&mut (Owner, Instant)> {
        let granted = self.leases.get_mut(lease.name())?;
        granted.holder.as_mut().filter(|_| granted.epoch == lease.epoch())
    }

    pub(super) fn lease(&self, name: &LeaseName) -> LeaseState {
        let Some(granted) = self.leases.get(name) else { return LeaseState::default() };
        let holder = granted.holder.filter(|(_, until)| *until > Instant::now());
        let checkpoints = granted.checkpoints.iter().map(|(log, at)| Token::new(*log, *at));
        LeaseState::new(holder.map(|(by, _)| by), granted.epoch, checkpoints.collect())
    }
}

/// As far from now as the clock can tell.
fn later(now: Instant, time: Duration) -> Instant {
    /// A hundred years.
    const TIME_MAX: Duration = Duration::from_hours(100 * 365 * 24);
    now + time.min(TIME_MAX)
}
