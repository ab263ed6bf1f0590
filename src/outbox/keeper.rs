//! What is done beside the publishing: messages whose time has come enter the log, and what is published leaves it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::options::RelayOptions;
use super::trim::trimmed_upto;
use crate::ports::{BackendError, Clock, Outbox, RowStore};
use crate::types::Position;

/// How many messages enter the log at a time.
const DUE_MAX: usize = 500;
/// The shortest wait for a message whose time is near.
const DUE_WAIT_MIN: Duration = Duration::from_millis(1);

/// Keeps an outbox while a relay of it runs.
pub(super) struct Keeper<S> {
    pub(super) store: Arc<S>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: RelayOptions,
}

impl<S: Outbox + RowStore> Keeper<S> {
    /// Works until it is stopped, or whoever could stop it is gone.
    pub(super) async fn keep(self, mut stop: watch::Receiver<bool>) {
        let mut trimmed_at = Instant::now();
        loop {
            let wait = match self.store.outbox_due(DUE_MAX).await {
                Ok(next) => self.until(next),
                Err(error) => {
                    tracing::warn!(%error, "cannot look for messages that are due");
                    self.options.due_interval
                }
            };
            if trimmed_at.elapsed() >= self.options.trim_interval {
                trimmed_at = Instant::now();
                match self.trim().await {
                    Ok(0) => {}
                    Ok(messages) => tracing::debug!(messages, "trimmed the outbox"),
                    Err(error) => tracing::warn!(%error, "cannot trim the outbox"),
                }
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// How long to wait before it is looked again.
    fn until(&self, next: Option<DateTime<Utc>>) -> Duration {
        let wait = next.map(|next| (next - self.clock.now()).to_std().unwrap_or_default());
        let wait = wait.unwrap_or(self.options.due_interval).max(DUE_WAIT_MIN);
        wait.min(self.options.due_interval)
    }

    async fn trim(&self) -> Result<u64, BackendError> {
        let upto = trimmed_upto(&*self.store).await?.get();
        match upto.saturating_sub(self.options.kept_positions) {
            0 => Ok(0),
            upto => self.store.outbox_trim(Position::new(upto)).await,
        }
    }
}
