//! Which processes share a job out among them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::worker::Job;
use crate::ports::BackendError;
use crate::types::{Claim, Lease, LeaseName, Owner};

/// One of the processes that work at a job. Each holds a slot, and there are as many slots as parts: whose slot is held is
/// alive, and their number says how large a share is.
pub(super) struct Member {
    pub(super) job: Arc<Job>,
    pub(super) owner: Owner,
    /// How often it is looked who there is.
    pub(super) interval: Duration,
}

/// The slot that this process holds.
type Slot = Option<(usize, Lease)>;

impl Member {
    /// Sees to it that this process works at its share, until it is stopped.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let parts = self.job.options.partitions;
        let slots: Vec<_> = (0..parts).map(|n| self.job.sink.name().member(n)).collect();
        let (mut slot, mut patience) = (None, self.job.patience());
        loop {
            let wait = match self.look(&slots, &mut slot).await {
                Ok(parts_max) => {
                    self.job.share.is(parts_max);
                    patience = self.job.patience();
                    self.interval
                }
                // The share stays what it was.
                Err(error) => {
                    tracing::warn!(job = %self.job.sink.name(), %error, "cannot ask who else works at it");
                    patience.next_delay().map_or(self.interval, |delay| delay.min(self.interval))
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = sleep(wait) => {}
            }
        }
        if let Some((_, lease)) = slot
            && let Err(error) = self.job.store.release(&lease).await
        {
            tracing::debug!(lease = %lease.name(), %error, "the slot was not released, and will expire");
        }
    }

    /// Holds a slot, and finds out how many parts are the share of this process. Who finds no slot stands by.
    async fn look(&self, slots: &[LeaseName], slot: &mut Slot) -> Result<usize, BackendError> {
        let (store, time) = (&self.job.store, self.job.options.lease_time);
        if let Some((_, lease)) = slot
            && !store.renew(lease, time).await?
        {
            *slot = None;
        }
        if slot.is_none() {
            for (n, name) in slots.iter().enumerate() {
                if let Claim::Granted(lease) = store.claim(name, self.owner, time).await? {
                    *slot = Some((n, lease));
                    break;
                }
            }
        }
        let Some((mine, _)) = slot else { return Ok(0) };
        let (mut before, mut members) = (0, 0);
        for (n, name) in slots.iter().enumerate() {
            if n == *mine || store.lease(name).await?.holder.is_some() {
                members += 1;
                before += usize::from(n < *mine);
            }
        }
        Ok(share(slots.len(), members, before))
    }
}

/// How many of `parts` are the share of the one of `members` that has `before` members before it: all shares together are
/// all parts, and no two differ by more than one.
const fn share(parts: usize, members: usize, before: usize) -> usize {
    parts / members + if before < parts % members { 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn all_shares_are_all_parts_and_none_is_much_larger_than_another() {
        for parts in 1..40 {
            for members in 1..=parts {
                let shares: Vec<_> =
                    (0..members).map(|before| share(parts, members, before)).collect();
                assert_eq!(shares.iter().sum::<usize>(), parts);
                let least = shares.iter().min().copied().unwrap_or_default();
                assert!(least > 0 && shares.iter().all(|share| *share <= least + 1), "{shares:?}");
            }
        }
    }
}
