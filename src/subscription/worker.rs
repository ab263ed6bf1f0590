//! One part of a subscription: asks for the lease, works under it, and asks again.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::error::Panicked;
use super::inbox::Inbox;
use super::mark::{Mark, Replaced};
use super::options::SubscriptionOptions;
use super::partition::Partition;
use super::pause::Pauses;
use super::share::Share;
use super::sink::Sink;
use super::status::{Cause, Phase, Status};
use super::tenure::Tenure;
use crate::consistency::Progress;
use crate::ports::{BackendError, Clock, Feed, RowStore, telemetry};
use crate::retry::{Backoff, RetryPolicy, Seeds};
use crate::types::{Claim, Lease, LeaseName, Owner};

/// The shortest wait between two questions for a lease that somebody else holds.
const CLAIM_INTERVAL_MIN: Duration = Duration::from_millis(1);
/// The least that the delays grow from and to while trouble is waited out.
const TROUBLE_DELAY_MIN: Duration = Duration::from_millis(1);
const TROUBLE_DELAY_MAX: Duration = Duration::from_secs(1);

/// What all parts of a subscription share.
pub(super) struct Job {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) store: Arc<dyn RowStore>,
    pub(super) logs: Vec<Feed>,
    pub(super) options: SubscriptionOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) seeds: Seeds,
    pub(super) progress: Progress,
    pub(super) pauses: Pauses,
    pub(super) share: Share,
    /// The job that this one replaces, and, once that is written down, how far it came.
    pub(super) replaced: Option<Replaced>,
    pub(super) mark: OnceCell<Mark>,
}

impl Job {
    /// Delays that grow, and never end. They are long enough not to spin, whatever the policy for bad events is.
    pub(super) fn patience(&self) -> Backoff {
        let RetryPolicy { delay_min, delay_max, .. } = self.options.retry;
        let endless = RetryPolicy {
            retries_max: u32::MAX,
            delay_min: delay_min.max(TROUBLE_DELAY_MIN),
            delay_max: delay_max.max(TROUBLE_DELAY_MAX),
        };
        endless.begin(self.seeds.draw())
    }
}

/// Why a part does not work under its lease any more.
pub(super) enum Left {
    /// It was asked to stop.
    Asked,
    /// The job was paused.
    Paused,
    /// It is one part more than the share of this process, and another process has room for it.
    Surplus,
    /// The lease is somebody else's, or may be.
    Lost,
    /// It cannot go on until somebody has mended something.
    Error(Cause),
}

/// One part of a subscription.
pub(super) struct Worker {
    pub(super) job: Arc<Job>,
    pub(super) name: LeaseName,
    pub(super) partition: Partition,
    pub(super) owner: Owner,
    pub(super) status: Arc<Status>,
    pub(super) inbox: Inbox,
}

impl Worker {
    pub(super) async fn run(mut self) {
        let mut patience = self.job.patience();
        while let Some(lease) = self.claim().await {
            tracing::debug!(lease = %self.name, epoch = %lease.epoch(), "follows the feed");
            let granted_at = Instant::now();
            let left = self.hold(&lease).await;
            self.leave().await;
            if granted_at.elapsed() >= self.job.options.lease_time {
                patience = self.job.patience();
            }
            // Said before the lease is given back: who gets it in this process says later that it works.
            self.status.enter(match &left {
                Left::Asked => Phase::Ended,
                Left::Lost | Left::Paused | Left::Surplus => Phase::Standby,
                Left::Error(error) => Phase::Stopped(Arc::clone(error)),
            });
            if !matches!(left, Left::Lost)
                && let Err(error) = self.job.store.release(&lease).await
            {
                tracing::debug!(lease = %self.name, %error, "the lease was not released, and will expire");
            }
            self.job.share.give_back(self.partition.index());
            match left {
                Left::Asked => return,
                // Who is paused keeps the lease; the job is resumed before it leaves.
                Left::Paused => {}
                Left::Surplus => tracing::info!(lease = %self.name, "is left to another process"),
                Left::Lost => {
                    tracing::info!(lease = %self.name, epoch = %lease.epoch(), "has lost the lease");
                    // Who loses it again and again does not keep it by asking faster.
                    let delay = patience.next_delay().unwrap_or(TROUBLE_DELAY_MAX);
                    if !self.inbox.wait(delay).await {
                        return;
                    }
                }
                Left::Error(error) => {
                    telemetry::stopped(self.name.as_str());
                    tracing::error!(lease = %self.name, error = &*error as &dyn Error, "stopped");
                    if !self.inbox.wait_for_order(self.job.options.resume_interval).await {
                        return self.status.enter(Phase::Ended);
                    }
                    self.status.enter(Phase::Standby);
                }
            }
        }
        // It only stood by: how it goes with the job is for others to say.
    }

    /// Waits for the lease; `None` if it shall stop.
    async fn claim(&mut self) -> Option<Lease> {
        let time = self.job.options.lease_time;
        let mut patience = self.job.patience();
        loop {
            if self.inbox.is_stopped() || !self.may_claim().await {
                return None;
            }
            let wait = match self.job.store.claim(&self.name, self.owner, time).await {
                Ok(Claim::Granted(lease)) => return Some(lease),
                // It may be given back sooner than it expires.
                Ok(Claim::Held { expires_in, .. }) => expires_in.min(time / 10),
                Err(error) => {
                    self.meets(&error);
                    patience.next_delay().unwrap_or(time)
                }
            };
            self.job.share.give_back(self.partition.index());
            if !self.inbox.wait(wait.max(CLAIM_INTERVAL_MIN)).await {
                return None;
            }
        }
    }

    /// Lets the sink put down what it holds.
    async fn leave(&self) {
        let left = AssertUnwindSafe(self.job.sink.leave(self.partition)).catch_unwind().await;
        if let Err(panic) = left {
            tracing::error!(lease = %self.name, error = %Panicked::new(&*panic), "the sink panicked");
        }
    }

    /// Waits until the part can be one of those that this process works at; `false` if it shall stop.
    async fn may_claim(&mut self) -> bool {
        let (job, name, part) = (Arc::clone(&self.job), self.name.clone(), self.partition.index());
        if job.share.take_room(part) {
            return true;
        }
        let may_claim = async {
            tokio::select! {
                biased;
                () = job.share.room(part) => {}
                () = unwanted(&job, &name) => job.share.take_unwanted(part),
            }
        };
        self.inbox.stand_by(may_claim).await
    }

    fn meets(&self, error: &BackendError) {
        tracing::warn!(lease = %self.name, %error, "cannot ask for the lease");
        self.status.meets(Arc::new(error.clone()));
    }

    /// Works for as long as the lease lasts.
    async fn hold(&mut self, lease: &Lease) -> Left {
        let keep = keep(Arc::clone(&self.job), lease);
        let tenure =
            Tenure::new(Arc::clone(&self.job), lease.clone(), self.partition, &self.status);
        tokio::select! {
            left = AssertUnwindSafe(tenure.work(&mut self.inbox)).catch_unwind() => {
                left.unwrap_or_else(|panic| Left::Error(Arc::new(Panicked::new(&*panic))))
            }
            () = keep => Left::Lost,
        }
    }
}

/// Returns when nobody has held a part for longer than a lease lasts: those whose share it is cannot work at it.
async fn unwanted(job: &Job, name: &LeaseName) {
    let mut was_free = false;
    loop {
        sleep(job.options.lease_time).await;
        // Who cannot ask looks again.
        let is_free = job.store.lease(name).await.is_ok_and(|state| state.holder.is_none());
        if is_free && was_free {
            return;
        }
        was_free = is_free;
    }
}

/// Renews a lease in time; returns when it is lost, or may be.
async fn keep(job: Arc<Job>, lease: &Lease) {
    let time = job.options.lease_time;
    let mut until = Instant::now() + time;
    loop {
        sleep(time / 3).await;
        // From before it was asked: the answer may have been long under way.
        let asked = Instant::now();
        match job.store.renew(lease, time).await {
            Ok(true) => until = asked + time,
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(lease = %lease.name(), %error, "cannot renew the lease");
                if Instant::now() >= until {
                    return;
                }
            }
        }
    }
}
