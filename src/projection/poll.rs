//! Asking the store how far a build is, once for all who wait.

use std::sync::Arc;

use futures::FutureExt;

use super::generation::Generation;
use super::model::Model;
use super::rounds::Rounds;
use crate::ports::BackendError;
use crate::subscription;

/// How many times it is asked how far a build is before it is asked what changes seldom.
const SELDOM: u32 = 10;

/// What the store says of a build.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// Somebody has paused the projection.
    pub(super) is_paused: bool,
    /// Somebody holds the lease of a part.
    pub(super) is_held: bool,
}

impl Model {
    /// Who asks about a build for all who wait, until another one is read.
    pub(super) fn poller(self: &Arc<Self>, generation: &Arc<Generation>) -> Arc<Rounds<Said>> {
        let (model, build) = (Arc::clone(self), Arc::clone(generation));
        generation.polled.get(self.poll_interval, move |asked| {
            let (model, build) = (Arc::clone(&model), Arc::clone(&build));
            async move {
                let asks_all = asked.is_multiple_of(SELDOM) || !build.progress.goes_on();
                model.ask(&build, asks_all).await
            }
            .boxed()
        })
    }

    /// Tells those who wait how far the parts of a build are, and, if all is asked, whether it is paused. `None` if another
    /// build is read now.
    async fn ask(
        &self,
        generation: &Generation,
        asks_all: bool,
    ) -> Result<Option<Said>, BackendError> {
        let mut said = Said::default();
        if asks_all {
            said.is_paused = subscription::is_paused(&*self.store, &generation.projection).await?;
            generation.progress.pause(said.is_paused);
        }
        for (n, name) in generation.parts.iter().enumerate() {
            let (part, lease) = (generation.progress.part(n), self.store.lease(name).await?);
            said.is_held |= lease.holder.is_some();
            for checkpoint in lease.checkpoints {
                part.reached(checkpoint.log(), checkpoint.position());
            }
        }
        // Builds change seldom, and the one before stays for a while.
        let live = self.live_within(self.poll_interval * SELDOM).await?;
        Ok((live.number == generation.number).then_some(said))
    }
}
