//! What somebody decides about a parked key.

use super::batch::Applied;
use super::error::SinkError;
use super::parked::{self, Parked};
use super::running::ReplayError;
use super::tenure::Tenure;
use crate::types::{Filter, Position, RecordedEvent};

impl Tenure<'_> {
    /// Takes in what is parked of a key, in order, up to the first event that still cannot be taken in. Whoever was
    /// parked in the meantime is taken in as well.
    pub(super) async fn replay(&mut self, key: &str) -> Result<usize, ReplayError> {
        let parked = parked::of_key(&*self.job.store, self.lease.name(), key).await?;
        let mut replayed = 0;
        for parked in parked {
            let n = self.place_of(&parked)?;
            let event = self.event(n, &parked).await?;
            let row = parked::delete(self.lease.name(), &parked).map_err(SinkError::fatal)?;
            let commit = self.fence(n, vec![row]);
            // A sink that keeps its own checkpoint must not go back to where the event stands.
            let upto = self.places.get(n).map_or(event.position(), |place| place.seen);
            match self.apply(n, std::slice::from_ref(&event), upto, &commit).await {
                Ok(Applied::WithCheckpoint) => {}
                Ok(Applied::UpTo(at)) if at >= event.position() => {
                    self.job.store.commit(commit).await.map_err(SinkError::from)?;
                }
                Ok(Applied::UpTo(_)) => {
                    return Err(ReplayError::Sink(SinkError::fatal("the sink took nothing in")));
                }
                Err(SinkError::Event { source, .. } | SinkError::Batch(source)) => {
                    self.fails_again(n, parked.clone(), parked::told(&*source)).await?;
                    return Err(ReplayError::StillFails {
                        position: parked.position,
                        replayed,
                        source,
                    });
                }
                Err(error) => return Err(error.into()),
            }
            self.parked.remove(key, parked.log, parked.position);
            replayed += 1;
        }
        Ok(replayed)
    }

    /// Forgets what is parked of a key.
    pub(super) async fn discard(
        &mut self,
        key: &str,
        reason: &str,
        events_max: usize,
    ) -> Result<usize, ReplayError> {
        let parked = parked::of_key(&*self.job.store, self.lease.name(), key).await?;
        let mut discarded = 0;
        for parked in parked.into_iter().take(events_max) {
            let n = self.place_of(&parked)?;
            let row = parked::delete(self.lease.name(), &parked).map_err(SinkError::fatal)?;
            self.job.store.commit(self.fence(n, vec![row])).await.map_err(SinkError::from)?;
            tracing::warn!(
                lease = %self.lease.name(), key, position = %parked.position, event = %parked.event, reason,
                "a parked event is discarded"
            );
            self.parked.remove(key, parked.log, parked.position);
            discarded += 1;
        }
        Ok(discarded)
    }

    fn place_of(&self, parked: &Parked) -> Result<usize, SinkError> {
        let place = self.places.iter().position(|place| place.id == parked.log);
        place.ok_or_else(|| SinkError::fatal("the parked event is of a log that is not followed"))
    }

    async fn event(&self, n: usize, parked: &Parked) -> Result<RecordedEvent, SinkError> {
        let before = Position::new(parked.position.get().saturating_sub(1));
        let log = self.places.get(n).map(|place| &place.log);
        let log = log.ok_or_else(|| SinkError::fatal("the log is not followed"))?;
        let page = log.read_all(before, &Filter::all(), 1).await?;
        let event = page.events.into_iter().next().filter(|event| event.id() == parked.event);
        event.ok_or_else(|| SinkError::fatal("the parked event is not in the log"))
    }

    async fn fails_again(&self, n: usize, parked: Parked, error: String) -> Result<(), SinkError> {
        let attempts = parked.attempts.saturating_add(1);
        let parked = Parked { error: Some(error), attempts, ..parked };
        let row = parked::put(self.lease.name(), &parked).map_err(SinkError::fatal)?;
        self.job.store.commit(self.fence(n, vec![row])).await?;
        Ok(())
    }
}
