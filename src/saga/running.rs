//! What runs a service's sagas.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;

use super::desk::{Tries, Turn, Wake};
use super::drive::{Left, drive};
use super::ledger::Ledger;
use super::sagas::Sagas;
use super::shared::Shared;
use crate::ports::{BackendError, telemetry};
use crate::retry::RetryPolicy;
use crate::subscription::{Health, Running, Subscription, SubscriptionOptions};

/// How often those are counted that come and go.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Sagas that are run by this process. When the handle is dropped, nothing new is called any more.
#[must_use = "sagas are run no more when the handle is dropped"]
pub struct RunningSagas {
    shared: Arc<Shared>,
    ledger: Option<Running>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sagas {
    /// Runs the sagas: those that are started through this handle, those that were not over when other processes ended, and
    /// those that are started by commits.
    ///
    /// # Errors
    /// [`BackendError`] if the list of sagas cannot be named; never in practice.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn run(&self) -> Result<RunningSagas, BackendError> {
        let shared = Arc::clone(&self.0);
        let options = SubscriptionOptions {
            partitions: shared.options.partitions,
            lease_time: shared.options.lease_time,
            retry: RetryPolicy { retries_max: u32::MAX, ..RetryPolicy::default() },
            ..SubscriptionOptions::default()
        };
        warn_of_impatience(&shared);
        shared.desk.open(shared.options.running_sagas_max, Handle::current());
        let ledger = Arc::new(Ledger::new(Arc::clone(&shared))?);
        let watch = Arc::clone(&ledger);
        let store = Arc::clone(&shared.store);
        let running =
            Subscription::of(ledger, Arc::clone(&store)).follow(store).options(options).start();
        let tasks = vec![
            tokio::spawn(async move { watch.watch().await }),
            tokio::spawn(pump(Arc::clone(&shared))),
        ];
        Ok(RunningSagas { shared, ledger: Some(running), tasks })
    }
}

impl RunningSagas {
    /// Whether the list of sagas is kept up, here or elsewhere.
    pub async fn health(&self) -> Health {
        match &self.ledger {
            Some(running) => running.health().await,
            None => Health::Ok,
        }
    }

    /// How many sagas this process has under way, how many wait their turn, and how many are parked.
    #[must_use]
    pub fn count(&self) -> (usize, usize, usize) {
        self.shared.desk.count()
    }

    /// Stops: nothing new is called, and what is under way is waited for as long as the options say. The rest is taken over by
    /// others, or at the next start.
    pub async fn stop(mut self) {
        self.shared.desk.close();
        let quiet = async {
            loop {
                let left = self.shared.desk.left.notified();
                if self.shared.desk.count().0 == 0 {
                    return;
                }
                left.await;
            }
        };
        if timeout(self.shared.options.stop_time_max, quiet).await.is_err() {
            tracing::warn!("calls of sagas were still under way when the runner stopped");
        }
        if let Some(ledger) = self.ledger.take() {
            ledger.stop().await;
        }
    }
}

impl fmt::Debug for RunningSagas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (running, waiting, parked) = self.count();
        f.debug_struct("RunningSagas")
            .field("running", &running)
            .field("waiting", &waiting)
            .field("parked", &parked)
            .finish_non_exhaustive()
    }
}

impl Drop for RunningSagas {
    fn drop(&mut self) {
        self.shared.desk.close();
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A call that is made again under its key is no error, so this is none: but whoever has not chosen that is to know.
fn warn_of_impatience(shared: &Shared) {
    let adopt_after = shared.options.adopt_after;
    let Some((saga, step, time_max)) = shared.book.longest_call() else { return };
    if adopt_after <= time_max {
        tracing::warn!(
            saga,
            step = &*step.name,
            ?time_max,
            ?adopt_after,
            "`adopt_after` is no longer than a call may take: a slow call may be taken for a dead one"
        );
    }
}

/// Gives sagas their turns.
async fn pump(shared: Arc<Shared>) {
    loop {
        let changed = shared.desk.changed.notified();
        let next = shared.desk.ring();
        while let Some(turn) = shared.desk.next() {
            tokio::spawn(take_turn(Arc::clone(&shared), turn));
        }
        let (running, waiting, parked) = shared.desk.watch();
        telemetry::sagas_here(running, waiting, parked);
        // Most sagas come and go, and nobody is woken for that.
        let count = (running > 0).then(|| Instant::now() + COUNT_EVERY);
        let alarm = async {
            match next.into_iter().chain(count).min() {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed => {}
            () = alarm => {}
        }
    }
}

/// Drives a saga whose turn it is, and says what became of it.
pub(super) async fn take_turn(shared: Arc<Shared>, turn: Turn) {
    let id = turn.id.clone();
    let how = if turn.takes_over { Wake::ForGood } else { Wake::IfOurs };
    let desk = &shared.desk;
    let span = tracing::debug_span!("saga", saga = %id);
    let left = AssertUnwindSafe(drive(&shared, turn)).catch_unwind().instrument(span).await;
    match left.unwrap_or_else(|_| Left::Stuck("driving it panics".to_owned())) {
        Left::Over(ended) => {
            telemetry::saga_ended(id.name(), ended.as_str());
            desk.is_over(&id, ended);
        }
        Left::Parked(until, tries) => {
            let until = until.into_iter().chain(shared.looks_again(&id)).min();
            desk.park(&id, until, tries, Wake::IfOurs);
        }
        Left::Suspended => {
            telemetry::saga_left(id.name(), "suspended");
            tracing::warn!(saga = %id, "a saga waits for an operator");
            desk.put_away(&id);
            desk.stir(&id);
        }
        Left::Lost => {
            telemetry::saga_left(id.name(), "lost");
            desk.put_away(&id);
        }
        Left::Again | Left::Stopped => desk.put_away(&id),
        Left::Stuck(why) => {
            telemetry::saga_left(id.name(), "stuck");
            tracing::error!(saga = %id, why, "a saga cannot be run here");
            desk.forget(&id);
            desk.stir(&id);
        }
        Left::Trouble(why) => {
            telemetry::saga_left(id.name(), "trouble");
            tracing::warn!(saga = %id, why, "a saga cannot go on now");
            let later = Instant::now() + shared.options.park_after;
            // What was to be taken over still is.
            desk.park(&id, Some(later), Tries::new(), how);
        }
    }
}
