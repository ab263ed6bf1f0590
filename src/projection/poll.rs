//! Asking the store how far a build is, once for all who wait.

use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::generation::Generation;
use super::model::Model;
use crate::ports::BackendError;
use crate::subscription;

/// How many times it is asked how far a build is before it is asked what changes seldom.
const SELDOM: u32 = 10;

/// Why it is not waited for a build any more.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// Another build is read now.
    Swapped,
    Failed(BackendError),
}

/// A task that asks for as long as somebody holds this. All who wait for a build hold the same one; it depends on none of
/// them being driven.
#[derive(Debug)]
pub(super) struct Poller {
    turn: watch::Receiver<Option<Turn>>,
    /// Ends with the set.
    _task: JoinSet<()>,
}

/// The poller of a build, while somebody waits.
pub(super) type Polled = std::sync::Mutex<Weak<Poller>>;

impl Poller {
    /// That of a build: the one that others hold, or a new one.
    fn of(model: &Arc<Model>, generation: &Arc<Generation>) -> Arc<Self> {
        let mut known = generation.polled.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose runtime is gone asks no more.
        let running = known.upgrade().filter(|poller| poller.turn.has_changed().is_ok());
        running.unwrap_or_else(|| {
            let (tell, turn) = watch::channel(None);
            let (model, generation) = (Arc::clone(model), Arc::clone(generation));
            let mut task = JoinSet::new();
            task.spawn(async move {
                let turn = model.poll(&generation).await;
                tell.send_replace(Some(turn));
            });
            let poller = Arc::new(Self { turn, _task: task });
            *known = Arc::downgrade(&poller);
            poller
        })
    }
}

impl Model {
    /// Has the store asked how far a build is, for all who wait, and returns when it is in vain to wait on: another build is
    /// read, or nothing can be read.
    pub(super) async fn watch(self: &Arc<Self>, generation: &Arc<Generation>) -> Turn {
        let poller = Poller::of(self, generation);
        let mut turn = poller.turn.clone();
        let turn = turn.wait_for(Option::is_some).await.map(|turn| turn.clone());
        // If its runtime is gone, whoever waits looks again, and asks for another.
        turn.ok().flatten().unwrap_or(Turn::Swapped)
    }

    async fn poll(&self, generation: &Generation) -> Turn {
        let mut asked = 0_u32;
        loop {
            if asked.is_multiple_of(SELDOM)
                && let Err(error) = self.is_paused(generation).await
                && !error.is_transient()
            {
                return Turn::Failed(error);
            }
            match self.observe(generation).await {
                Ok(true) => return Turn::Swapped,
                Err(error) if !error.is_transient() => return Turn::Failed(error),
                Ok(false) | Err(_) => sleep(self.poll_interval).await,
            }
            asked = asked.wrapping_add(1);
        }
    }

    /// Tells those who wait how far the parts of a build are; whether another is read now.
    pub(super) async fn observe(&self, generation: &Generation) -> Result<bool, BackendError> {
        for (n, name) in generation.parts.iter().enumerate() {
            let part = generation.progress.part(n);
            for checkpoint in self.store.lease(name).await?.checkpoints {
                part.reached(checkpoint.log(), checkpoint.position());
            }
        }
        // Builds change seldom, and the one before stays for a while.
        let live = self.live_within(self.poll_interval * SELDOM).await?;
        Ok(live.number != generation.number)
    }

    /// Whether somebody has paused the projection; those who wait are told, too.
    pub(super) async fn is_paused(&self, generation: &Generation) -> Result<bool, BackendError> {
        let is_paused = subscription::is_paused(&*self.store, &generation.projection).await?;
        generation.progress.pause(is_paused);
        Ok(is_paused)
    }
}
