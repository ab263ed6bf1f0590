//! Keeping the build up that is read, and making the one that will be.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::generation::{self, Generation, Pointer};
use super::model::Model;
use crate::ports::{BackendError, CommitError};
use crate::subscription::Running;
use crate::types::{Advance, Claim, Commit, Lease, LeaseName, Owner};

/// How often it is asked which build is read: while one is being made, and otherwise.
const SOON: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_secs(1);
/// How long the pointer may be held: it is changed by one commit.
const CHANGE_TIME: Duration = Duration::from_secs(10);

/// Why a projection is not kept up, or a rebuild was not begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpkeepError {
    /// The projection is not kept up here any more.
    #[error("the projection is not kept up here any more")]
    Stopped,
    /// Another process is changing which build is read. Try again.
    #[error("another process is changing which build is read")]
    Busy,
    /// The store could not be asked.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// It could not be written down.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The views were made by a projection that was shared out over another number of parts. Declare the
    /// number that they have, or keep them under another name.
    #[error("the views are shared out over {stored} parts, and not over {declared}")]
    Parts {
        /// What is written down.
        stored: u32,
        /// What the projection says.
        declared: u32,
    },
}

/// What a keeper can be asked for.
pub(super) enum Ask {
    Rebuild(oneshot::Sender<Result<(), UpkeepError>>),
}

/// The subscriptions of the builds that are kept up here.
#[derive(Debug)]
pub(super) struct Builds(watch::Sender<Option<Known>>);

/// What is read, and what is being made; or why that is not known.
type Known = Result<Both, Arc<UpkeepError>>;

type Both = (Arc<Running>, Option<Arc<Running>>);

impl Default for Builds {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Builds {
    /// The subscriptions, as soon as it is known which there are.
    pub(super) async fn both(&self) -> Known {
        let mut known = self.0.subscribe();
        loop {
            if let Some(both) = known.borrow_and_update().clone() {
                return both;
            }
            // The sender is ours.
            drop(known.changed().await);
        }
    }
}

/// Keeps the build up that is read, and makes the one that will be.
pub(super) struct Keeper {
    pub(super) model: Arc<Model>,
    pub(super) subscribe: Box<dyn Fn(&Generation) -> Running + Send + Sync>,
    pub(super) builds: Arc<Builds>,
    pub(super) retire_after: Duration,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A build that is kept up here.
struct Build {
    generation: Arc<Generation>,
    running: Arc<Running>,
}

impl Keeper {
    pub(super) async fn run(mut self) {
        let mut live: Option<Build> = None;
        let mut building: Option<Build> = None;
        loop {
            let wait = match self.align(&mut live, &mut building).await {
                Ok(()) if building.is_some() => SOON,
                Ok(()) => SELDOM,
                Err(error) => {
                    tracing::warn!(
                        projection = self.model.name,
                        error = &error as &dyn Error,
                        "the projection is not kept up"
                    );
                    self.refuse(error);
                    SELDOM
                }
            };
            let ask = tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => break,
                ask = self.asks.recv() => match ask {
                    Some(ask) => ask,
                    None => break,
                },
                () = sleep(wait) => continue,
            };
            let Ask::Rebuild(reply) = ask;
            let begun = self.begin_rebuild().await;
            // It is begun here before the answer, so that whoever asks next how far it is finds it.
            if begun.is_ok()
                && let Err(error) = self.align(&mut live, &mut building).await
            {
                tracing::debug!(projection = self.model.name, %error, "begins the rebuild later");
            }
            // Whoever asked may have gone.
            drop(reply.send(begun));
        }
        self.builds.0.send_replace(Some(Err(Arc::new(UpkeepError::Stopped))));
        for build in [live, building].into_iter().flatten() {
            stop(build).await;
        }
    }

    /// Keeps up what the pointer says.
    async fn align(
        &self,
        live: &mut Option<Build>,
        building: &mut Option<Build>,
    ) -> Result<(), UpkeepError> {
        let pointer = self.pointer().await?;
        let mut old = None;
        if live.as_ref().is_none_or(|live| live.generation.number != pointer.live) {
            let is_made = |build: &mut Build| build.generation.number == pointer.live;
            let next = match building.take_if(is_made) {
                Some(build) => build,
                None => self.start(pointer.live)?,
            };
            old = live.replace(next);
            self.model.is_live(pointer.live);
        }
        let mut dropped = None;
        if building.as_ref().map(|build| build.generation.number) != pointer.building {
            let next = pointer.building.map(|number| self.start(number)).transpose()?;
            dropped = std::mem::replace(building, next);
        }
        self.tell(live.as_ref(), building.as_ref());
        for build in [old, dropped].into_iter().flatten() {
            stop(build).await;
        }
        if let (Some(live), Some(building)) = (live, building)
            && self.has_caught_up(&live.generation, &building.generation).await?
        {
            self.swap(building.generation.number).await?;
        }
        self.remove_retired(&pointer).await
    }

    /// Tells whoever asks, unless it is known what is kept up: then that goes on, and the trouble may be over soon.
    fn refuse(&self, error: UpkeepError) {
        let is_final = matches!(error, UpkeepError::Parts { .. });
        self.builds.0.send_if_modified(|known| {
            let is_told = is_final || !matches!(known, Some(Ok(_)));
            if is_told {
                *known = Some(Err(Arc::new(error)));
            }
            is_told
        });
    }

    fn tell(&self, live: Option<&Build>, building: Option<&Build>) {
        if let Some(live) = live {
            let building = building.map(|build| Arc::clone(&build.running));
            self.builds.0.send_replace(Some(Ok((Arc::clone(&live.running), building))));
        }
    }

    fn start(&self, number: u32) -> Result<Build, BackendError> {
        let generation = self.model.generation(number)?;
        let running = Arc::new((self.subscribe)(&generation));
        Ok(Build { generation, running })
    }

    /// What is written down; if nothing is, it is written down now.
    async fn pointer(&self) -> Result<Pointer, UpkeepError> {
        let declared = self.model.parts;
        let known = Pointer::read(&*self.model.store, self.model.name).await?;
        let pointer = if let Some(pointer) = known {
            pointer
        } else {
            // If that cannot be asked, whoever waits is told less.
            let ends = self.model.ends().await.unwrap_or_default();
            let begin = |pointer: &mut Pointer| {
                pointer.parts = declared;
                pointer.first_upto = ends.to_string();
            };
            self.change(begin).await?
        };
        if pointer.parts == declared {
            Ok(pointer)
        } else {
            Err(UpkeepError::Parts { stored: pointer.parts, declared })
        }
    }

    async fn begin_rebuild(&self) -> Result<(), UpkeepError> {
        let begin = |pointer: &mut Pointer| {
            let newest = pointer.retired.iter().map(|(number, _)| *number).max();
            let next = newest.unwrap_or(0).max(pointer.live) + 1;
            pointer.building.get_or_insert(next);
        };
        self.change(begin).await.map(drop)
    }

    /// Whether a build is at least as far as the one that is read, in every log.
    async fn has_caught_up(
        &self,
        live: &Generation,
        building: &Generation,
    ) -> Result<bool, UpkeepError> {
        let building = self.model.checkpoints(building).await?;
        let live = self.model.checkpoints(live).await?;
        Ok(live.marks().iter().all(|mark| building.position(mark.log()) >= mark.position()))
    }

    /// From now on the build that was made is read.
    async fn swap(&self, made: u32) -> Result<(), UpkeepError> {
        let now = self.model.clock.now();
        self.change(|pointer| {
            if pointer.building == Some(made) {
                pointer.retired.push((pointer.live, now));
                pointer.live = made;
                pointer.building = None;
            }
        })
        .await?;
        tracing::info!(projection = self.model.name, generation = made, "is read from now on");
        Ok(())
    }

    /// Removes the builds that are read no more.
    async fn remove_retired(&self, pointer: &Pointer) -> Result<(), UpkeepError> {
        let now = self.model.clock.now();
        for (number, since) in &pointer.retired {
            if (now - *since).to_std().unwrap_or_default() < self.retire_after {
                continue;
            }
            let generation = self.model.generation(*number)?;
            self.model.store.remove(&generation.set).await?;
            self.change(|pointer| pointer.retired.retain(|(retired, _)| retired != number)).await?;
        }
        Ok(())
    }

    /// Changes the pointer, as the only one who does so at the time.
    async fn change(&self, change: impl FnOnce(&mut Pointer)) -> Result<Pointer, UpkeepError> {
        let (store, name) = (&self.model.store, self.model.name);
        store.prepare(&generation::set().map_err(generation::unreadable)?).await?;
        let lease = LeaseName::new(&format!("{name}.views")).map_err(generation::unreadable)?;
        let owner = Owner::new(self.model.ids.draw());
        let Claim::Granted(lease) = store.claim(&lease, owner, CHANGE_TIME).await? else {
            return Err(UpkeepError::Busy);
        };
        let changed = self.change_under(&lease, change).await;
        if let Err(error) = store.release(&lease).await {
            tracing::debug!(projection = name, %error, "the lease was not released, and will expire");
        }
        changed
    }

    async fn change_under(
        &self,
        lease: &Lease,
        change: impl FnOnce(&mut Pointer),
    ) -> Result<Pointer, UpkeepError> {
        let (store, name) = (&self.model.store, self.model.name);
        let before = Pointer::read(&**store, name).await?;
        let mut pointer = before.clone().unwrap_or_default();
        change(&mut pointer);
        if before.as_ref() != Some(&pointer) {
            let row = pointer.write(name).map_err(generation::unreadable)?;
            let fence = Advance::guard(lease.clone());
            store.commit(Commit::new().rows([row]).advance(fence)).await?;
        }
        Ok(pointer)
    }
}

/// Stops a build. If somebody is just asking it something, it is not waited for.
async fn stop(build: Build) {
    build.running.begin_to_stop();
    match Arc::try_unwrap(build.running) {
        Ok(running) => running.stop().await,
        Err(shared) => drop(shared),
    }
}
