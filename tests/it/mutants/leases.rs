//! Mutants of L1 to L5: who holds a lease, and until when.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use freehold::testkit::async_trait;
use freehold::{Claim, Epoch, Lease, LeaseName, LeaseState, Owner};
use tokio::task::yield_now;
use uuid::Uuid;

use super::row_flaw::{Result, RowFlaw, Rows, newest};

/// Grants a lease, whoever holds it.
async fn forced(store: &Rows, name: &LeaseName, owner: Owner, time: Duration) -> Result<Claim> {
    store.release(&newest(store, name).await?).await?;
    store.claim(name, owner, time).await
}

/// L1: who asks is granted.
#[derive(Debug, Default)]
pub(super) struct GrantsToAnybody;

#[async_trait]
impl RowFlaw for GrantsToAnybody {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, time: Duration) -> Result<Claim> {
        forced(s, name, by, time).await
    }
}

/// L1: nobody is told how long a lease is still held.
#[derive(Debug, Default)]
pub(super) struct TellsNoTime;

#[async_trait]
impl RowFlaw for TellsNoTime {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, time: Duration) -> Result<Claim> {
        Ok(match s.claim(name, by, time).await? {
            Claim::Held { by, .. } => Claim::Held { by, expires_in: Duration::ZERO },
            other => other,
        })
    }
}

/// L1: whoever found the lease free takes it.
#[derive(Debug, Default)]
pub(super) struct GrantsToAllWhoAskAtOnce;

#[async_trait]
impl RowFlaw for GrantsToAllWhoAskAtOnce {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, time: Duration) -> Result<Claim> {
        let free = s.lease(name).await?.holder.is_none();
        yield_now().await;
        if free { forced(s, name, by, time).await } else { s.claim(name, by, time).await }
    }
}

/// L2: who holds a lease and asks again is told of the grant it has.
#[derive(Debug, Default)]
pub(super) struct GrantsOnceToAnOwner;

#[async_trait]
impl RowFlaw for GrantsOnceToAnOwner {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, time: Duration) -> Result<Claim> {
        if s.lease(name).await?.holder == Some(by) {
            return Ok(Claim::Granted(newest(s, name).await?));
        }
        s.claim(name, by, time).await
    }
}

/// L2: the epoch is counted up from what was read before the grant.
#[derive(Debug, Default)]
pub(super) struct CountsFromWhatItRead;

#[async_trait]
impl RowFlaw for CountsFromWhatItRead {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, time: Duration) -> Result<Claim> {
        let before = s.lease(name).await?.epoch;
        yield_now().await;
        Ok(match s.claim(name, by, time).await? {
            Claim::Granted(_) => {
                Claim::Granted(Lease::new(name.clone(), Epoch::new(before.get() + 1)))
            }
            held => held,
        })
    }
}

/// L3: a lease is over at half its time.
#[derive(Debug, Default)]
pub(super) struct ExpiresTooSoon;

#[async_trait]
impl RowFlaw for ExpiresTooSoon {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, time: Duration) -> Result<Claim> {
        s.claim(name, by, time / 2).await
    }
}

/// L3: a lease is held until it is released.
#[derive(Debug, Default)]
pub(super) struct NeverExpires;

#[async_trait]
impl RowFlaw for NeverExpires {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, _: Duration) -> Result<Claim> {
        Ok(match s.claim(name, by, Duration::from_hours(24)).await? {
            Claim::Held { by, .. } => Claim::Held { by, expires_in: Duration::from_millis(100) },
            other => other,
        })
    }
}

/// L3: an expired lease is still said to be its former holder's.
#[derive(Debug, Default)]
pub(super) struct NamesTheFormerHolder(Mutex<HashMap<LeaseName, Owner>>);

#[async_trait]
impl RowFlaw for NamesTheFormerHolder {
    async fn lease(&self, store: &Rows, name: &LeaseName) -> Result<LeaseState> {
        let mut state = store.lease(name).await?;
        let mut seen = self.0.lock().unwrap();
        match state.holder {
            Some(holder) => drop(seen.insert(name.clone(), holder)),
            None => state.holder = seen.get(name).copied(),
        }
        Ok(state)
    }
}

/// L3: whoever finds a lease expired takes it.
#[derive(Debug, Default)]
pub(super) struct GrantsWhatExpiredToAll;

#[async_trait]
impl RowFlaw for GrantsWhatExpiredToAll {
    async fn claim(&self, s: &Rows, name: &LeaseName, by: Owner, time: Duration) -> Result<Claim> {
        let state = s.lease(name).await?;
        yield_now().await;
        if state.holder.is_none() && state.epoch > Epoch::NONE {
            return forced(s, name, by, time).await;
        }
        s.claim(name, by, time).await
    }
}

/// L4: a renewal is acknowledged, and no more.
#[derive(Debug, Default)]
pub(super) struct ForgetsRenewals;

#[async_trait]
impl RowFlaw for ForgetsRenewals {
    async fn renew(&self, store: &Rows, lease: &Lease, _: Duration) -> Result<bool> {
        let state = store.lease(lease.name()).await?;
        Ok(state.holder.is_some() && state.epoch == lease.epoch())
    }
}

/// L4: a renewal for less than what is left does not count.
#[derive(Debug, Default)]
pub(super) struct NeverShortens;

#[async_trait]
impl RowFlaw for NeverShortens {
    async fn renew(&self, store: &Rows, lease: &Lease, time: Duration) -> Result<bool> {
        let nobody = Owner::new(Uuid::nil());
        match store.claim(lease.name(), nobody, Duration::ZERO).await? {
            Claim::Held { expires_in, .. } => store.renew(lease, time.max(expires_in)).await,
            _ => Ok(false),
        }
    }
}

/// L4: a lease is renewed for whoever asks.
#[derive(Debug, Default)]
pub(super) struct RenewsUnderAnyEpoch;

#[async_trait]
impl RowFlaw for RenewsUnderAnyEpoch {
    async fn renew(&self, store: &Rows, lease: &Lease, time: Duration) -> Result<bool> {
        store.renew(&newest(store, lease.name()).await?, time).await
    }
}

/// L4: what is released can be renewed.
#[derive(Debug, Default)]
pub(super) struct RenewsTheReleased;

#[async_trait]
impl RowFlaw for RenewsTheReleased {
    async fn renew(&self, store: &Rows, lease: &Lease, time: Duration) -> Result<bool> {
        let state = store.lease(lease.name()).await?;
        let released = state.holder.is_none() && state.epoch == lease.epoch();
        Ok(store.renew(lease, time).await? || released)
    }
}

/// L4: what has expired is lost.
#[derive(Debug, Default)]
pub(super) struct RenewsNothingExpired;

#[async_trait]
impl RowFlaw for RenewsNothingExpired {
    async fn renew(&self, store: &Rows, lease: &Lease, time: Duration) -> Result<bool> {
        let held = store.lease(lease.name()).await?.holder.is_some();
        Ok(held && store.renew(lease, time).await?)
    }
}

/// L4: whether the epoch is the newest is looked at before the lease is renewed.
#[derive(Debug, Default)]
pub(super) struct LooksBeforeItRenews;

#[async_trait]
impl RowFlaw for LooksBeforeItRenews {
    async fn renew(&self, store: &Rows, lease: &Lease, time: Duration) -> Result<bool> {
        let found = store.lease(lease.name()).await?.epoch == lease.epoch();
        yield_now().await;
        yield_now().await;
        store.renew(lease, time).await?;
        Ok(found)
    }
}

/// L5: a released lease has to expire.
#[derive(Debug, Default)]
pub(super) struct KeepsTheReleased;

#[async_trait]
impl RowFlaw for KeepsTheReleased {
    async fn release(&self, _: &Rows, _: &Lease) -> Result<()> {
        Ok(())
    }
}

/// L5: of a released lease nothing is known.
#[derive(Debug, Default)]
pub(super) struct ForgetsTheReleased(Mutex<HashSet<LeaseName>>);

#[async_trait]
impl RowFlaw for ForgetsTheReleased {
    async fn release(&self, store: &Rows, lease: &Lease) -> Result<()> {
        self.0.lock().unwrap().insert(lease.name().clone());
        store.release(lease).await
    }

    async fn lease(&self, store: &Rows, name: &LeaseName) -> Result<LeaseState> {
        let state = store.lease(name).await?;
        let forgotten = state.holder.is_none() && self.0.lock().unwrap().contains(name);
        Ok(if forgotten { LeaseState::default() } else { state })
    }
}

/// L5: a lease is released by whoever once had it.
#[derive(Debug, Default)]
pub(super) struct ReleasesUnderAnyEpoch;

#[async_trait]
impl RowFlaw for ReleasesUnderAnyEpoch {
    async fn release(&self, store: &Rows, lease: &Lease) -> Result<()> {
        store.release(&newest(store, lease.name()).await?).await
    }
}
