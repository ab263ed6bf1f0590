//! Telling a repetition from another commit with the same ids, though no two seals of one value are the same.

use super::store::SealedStore;
use crate::ports::{BackendError, CommitError, EventStore};
use crate::types::mark::{is_marked, is_same};
use crate::types::{Commit, DedupKey, EventId, ReadFrom, RecordedEvent, StreamVersion};

impl<S: EventStore> SealedStore<S> {
    /// The commit, sealed. Of somebody who was forgotten it may be a repetition of what happened before.
    pub(super) async fn sealed(&self, commit: &Commit) -> Result<Commit, CommitError> {
        match self.seal(commit.clone()).await {
            Err(error @ CommitError::Forgotten(_)) => {
                self.sealed_as_recorded(commit.clone(), error).await
            }
            sealed => sealed,
        }
    }

    /// The commit, sealed as it is recorded, or why it is no repetition: a seal is never the same twice, so that none looks like one.
    pub(super) async fn sealed_as_recorded(
        &self,
        commit: Commit,
        else_why: CommitError,
    ) -> Result<Commit, CommitError> {
        self.as_recorded(commit).await?.ok_or(else_why)
    }

    /// The commit with the seals that are recorded, where an event of it is recorded and says the same; `None` if none is.
    ///
    /// Whether all of it is a repetition, the store says.
    async fn as_recorded(&self, mut commit: Commit) -> Result<Option<Commit>, BackendError> {
        let mut found = false;
        for event in commit.events_mut().filter(|event| is_marked(event.data())) {
            let Some(recorded) = self.recorded(event.id()).await? else { continue };
            let mut opened = recorded.clone();
            self.rings.open(std::iter::once(opened.data_mut())).await?;
            if is_same(event.data(), opened.data()) {
                event.data_mut().clone_from(recorded.data());
                found = true;
            }
        }
        if !found {
            return Ok(None);
        }
        // The rest of it is sealed anew.
        match self.seal(commit).await {
            Ok(commit) => Ok(Some(commit)),
            Err(CommitError::Backend(why)) => Err(why),
            Err(_) => Ok(None),
        }
    }

    /// The event as it is recorded, sealed.
    async fn recorded(&self, id: EventId) -> Result<Option<RecordedEvent>, BackendError> {
        let Some(at) = self.inner.outcome(&DedupKey::Event(id)).await? else { return Ok(None) };
        let Some((stream, version)) = at.versions().first() else { return Ok(None) };
        let before = StreamVersion::new(version.get().saturating_sub(1));
        let page = self.inner.read_stream(stream, ReadFrom::After(before), 1).await?;
        Ok(page.events.into_iter().find(|event| event.id() == id))
    }
}
