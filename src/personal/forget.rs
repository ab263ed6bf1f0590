//! Forgetting somebody, and giving somebody another key.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rings::Rings;
use super::store::SealedStore;
use super::text::Needs;
use crate::event::{Event, encode, stream};
use crate::ports::{BackendError, CommitError, EventStore, Fault};
use crate::types::{
    Commit, Committed, DataSubject, EventId, ExpectedVersion, Forgotten, KeyId, KeyRing,
};

/// Under which the ids of what is recorded of forgetting are made.
const FORGETTING: Uuid = Uuid::from_u128(0x52f0_7a55_2a0c_4b6e_9c7f_3a1d_84e6_0b19);

/// How often a rotation begins anew when others rotate the same keys.
const RACES_MAX: u32 = 8;

/// What is recorded when somebody is forgotten, in a stream of the subject's own: a projection that says
/// `On<Forgetting>`, or any other reader of the feed, is told by it.
///
/// Whoever hears it removes what it has made of the person's data in places that are not sealed, such as a search index, a
/// letter, or another service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forgetting {
    /// All personal data of the subject is forgotten: its keys are gone.
    SubjectForgotten {
        /// Who was forgotten.
        subject: DataSubject,
    },
}

impl Event for Forgetting {
    const CATEGORY: &'static str = "freehold_forgetting";
}

impl<S: EventStore> SealedStore<S> {
    /// Forgets somebody for good: all keys are removed, and nothing that is sealed with them is ever read again.
    ///
    /// The log says so, with [`Forgetting::SubjectForgotten`], in the same commit if the keys are beside the events. If they are
    /// elsewhere, the keys go first. Forgetting again changes nothing, and is answered as a duplicate.
    ///
    /// # Errors
    /// [`CommitError`]. Forget again until it is acknowledged: only then is it certain that the keys are gone and that all who
    /// must know are told.
    ///
    /// # Cancel safety
    /// It has happened, will happen or never happens; with keys elsewhere, the log may not say so yet. Forget again.
    pub async fn forget(&self, subject: &DataSubject) -> Result<Committed, CommitError> {
        self.forget_with(subject, Commit::new()).await
    }

    /// The same with a commit of one's own: all of it happens, or nothing.
    ///
    /// # Errors
    /// As [`SealedStore::forget`]; if the commit is refused, nobody was forgotten, unless the keys are elsewhere.
    ///
    /// # Cancel safety
    /// As [`SealedStore::forget`].
    pub async fn forget_with(
        &self,
        subject: &DataSubject,
        with: Commit,
    ) -> Result<Committed, CommitError> {
        let said = said(subject)?;
        let sealed = self.sealed(&with).await?;
        match self.forget_sealed(subject, sealed.and(said.clone())).await {
            Err(CommitError::IdReused(id)) => {
                let recorded = self.sealed_as_recorded(with, CommitError::IdReused(id)).await?;
                self.forget_sealed(subject, recorded.and(said)).await
            }
            answer => answer,
        }
    }

    async fn forget_sealed(
        &self,
        subject: &DataSubject,
        with: Commit,
    ) -> Result<Committed, CommitError> {
        let mut unanswered = Unanswered { rings: &self.rings, subject, is_answered: false };
        let answer = if self.is_beside {
            self.with_keys_for_folds(|| self.rings.keys.forget(subject, with.clone())).await
        } else {
            match self.rings.keys.forget(subject, Commit::new()).await {
                Ok(_) => {
                    self.rings.forgotten(subject);
                    self.with_keys_for_folds(|| self.inner.commit(with.clone())).await
                }
                Err(error) => Err(error),
            }
        };
        if answer.is_ok() {
            self.rings.forgotten(subject);
            unanswered.is_answered = true;
        }
        answer
    }

    /// Whether somebody was forgotten, as far as this process knows. Whoever may meet them again writes no more of them down then.
    ///
    /// # Errors
    /// [`BackendError`] if the keys cannot be read.
    ///
    /// # Cancel safety
    /// Asking changes nothing.
    pub async fn has_forgotten(&self, subject: &DataSubject) -> Result<bool, BackendError> {
        let mut held = self.rings.hold();
        if let Some(ring) = held.ring(subject.as_str()) {
            return Ok(*ring == KeyRing::Forgotten);
        }
        let needs = Needs { open: [subject.clone()].into(), ..Needs::default() };
        self.rings.ask(needs, &mut held).await?;
        Ok(held.ring(subject.as_str()).as_deref() == Some(&KeyRing::Forgotten))
    }

    /// Gives somebody another key, and says which. What is written from now on is sealed with it, by this process at once and by others when what they know
    /// is [too old](super::SealedOptions::cached_time_max); what was written before is opened with the keys from before, until the
    /// subject is forgotten. A row is sealed with the newest key whenever it is written.
    ///
    /// # Errors
    /// [`CommitError::Forgotten`], or [`CommitError::Backend`] if the key cannot be made.
    ///
    /// # Cancel safety
    /// The key may be there or not.
    pub async fn rotate(&self, subject: &DataSubject) -> Result<KeyId, CommitError> {
        let ring = |rings: Vec<KeyRing>| rings.into_iter().next().unwrap_or(KeyRing::EMPTY);
        let mut held = self.rings.hold();
        let subjects = std::slice::from_ref(subject);
        let mut known = ring(self.rings.keys.rings(subjects).await?);
        for _ in 0..RACES_MAX {
            let Some(id) = known.next_id() else {
                return Err(CommitError::Forgotten(Forgotten::new(subject.clone())));
            };
            let new = self.rings.draw(subject, id)?;
            let key = new.key.clone();
            known = ring(self.rings.keys.add(vec![new]).await?);
            if known.get(id) == Some(&key) {
                self.rings.know(subject, known, &mut held);
                return Ok(id);
            }
        }
        let why = "others rotate the keys of the subject all the time";
        Err(BackendError::new("sealed store", "rotate a key", Fault::Busy, why).into())
    }
}

/// Somebody may have been forgotten: it failed, or whoever asked for it waits no more.
struct Unanswered<'r> {
    rings: &'r Rings,
    subject: &'r DataSubject,
    is_answered: bool,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.rings.lose(self.subject);
        }
    }
}

/// What the log says when somebody is forgotten: once, however often that is.
fn said(subject: &DataSubject) -> Result<Commit, CommitError> {
    let failed = |why| BackendError::new("sealed store", "forget", Fault::Other, why);
    let id = EventId::new(Uuid::new_v5(&FORGETTING, subject.as_str().as_bytes()));
    let event = Forgetting::SubjectForgotten { subject: subject.clone() };
    let event = encode(&event, id)
        .map_err(|why| failed(Box::<dyn std::error::Error + Send + Sync>::from(why)))?;
    let stream = stream::<Forgetting>(subject.as_str());
    let stream = stream.map_err(|why| failed(Box::from(why)))?;
    Ok(Commit::new().append(&stream, ExpectedVersion::Any, [event]))
}
