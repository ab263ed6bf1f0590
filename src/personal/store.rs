//! The store that seals: what it is made of, and how a commit gets through it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fold::{MISSING_TIMES_MAX, Missing};
use super::options::SealedOptions;
use super::rings::Rings;
use crate::ports::{BackendError, CommitError, EventStore, SubjectKeys, Unfoldable};
use crate::types::mark::is_marked;
use crate::types::{Commit, Committed};

/// A store that seals personal data on its way into another, and opens it on the way back.
///
/// It is a store of all the kinds that the other one is, and keeps all that the other one promises, but the order of commits that are under way at once; aggregates, projections, sagas and
/// relays work on it as they do on that one. What it does to limits: a sealed value is a third longer, and about 100 bytes.
/// Clones share what they know of the keys.
///
/// A [commit of events](crate::Store::commit) with personal data of somebody who was forgotten is [`CommitError::Forgotten`]; in rows
/// and messages, which are made of what was known before, it is forgotten on the way. Who writes past it, by
/// `commit_in` or `transact` of a SQL store, seals the commit first: [`SealedStore::seal`]. If a strong projection follows the
/// store, the commit may want keys that it cannot wait for: [`SealedStore::fetch_keys`].
pub struct SealedStore<S> {
    pub(super) inner: S,
    pub(super) rings: Arc<Rings>,
    /// Whether the keys are in the same store as the events.
    pub(super) is_beside: bool,
    /// Whether commits are folded by folds that this handle has sealed.
    pub(super) folds: Arc<AtomicBool>,
}

impl<S: EventStore + SubjectKeys + Clone> SealedStore<S> {
    /// `inner`, with the keys beside the events.
    pub fn new(inner: S) -> Self {
        Self::with_options(inner, SealedOptions::default())
    }

    /// The same with options.
    pub fn with_options(inner: S, options: SealedOptions) -> Self {
        let keys = Arc::new(inner.clone());
        Self { is_beside: true, ..Self::with_keys(inner, keys, options) }
    }
}

impl<S: EventStore> SealedStore<S> {
    /// `inner`, with the keys elsewhere. Who forgets then needs two commits, see [`SealedStore::forget`].
    pub fn with_keys(inner: S, keys: Arc<dyn SubjectKeys>, options: SealedOptions) -> Self {
        let (rings, folds) = (Arc::new(Rings::new(keys, options)), Arc::default());
        Self { inner, rings, is_beside: false, folds }
    }

    /// The store in which everything is sealed.
    #[must_use]
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The same commit with all personal data in it sealed, for who commits it past this store.
    ///
    /// # Errors
    /// [`CommitError::Forgotten`], or [`CommitError::Backend`] if a key cannot be had.
    ///
    /// # Cancel safety
    /// Keys may be made that nothing is sealed with yet.
    pub async fn seal(&self, mut commit: Commit) -> Result<Commit, CommitError> {
        self.rings.seal(&mut commit).await?;
        Ok(commit)
    }

    pub(super) async fn commit_sealed(&self, mut commit: Commit) -> Result<Committed, CommitError> {
        let is_marked = commit.payloads_mut().any(|(_, payload)| is_marked(payload));
        if !is_marked {
            return self.pass_on(commit).await;
        }
        let sealed = self.sealed(&commit).await?;
        match self.pass_on(sealed).await {
            Err(CommitError::IdReused(id)) => {
                let recorded = self.sealed_as_recorded(commit, CommitError::IdReused(id)).await?;
                self.pass_on(recorded).await
            }
            answer => answer,
        }
    }

    /// Commits what is sealed, and gets the folds the keys that they find missing.
    async fn pass_on(&self, commit: Commit) -> Result<Committed, CommitError> {
        // Set before a fold can miss anything.
        if !self.folds.load(Ordering::Acquire) {
            return self.inner.commit(commit).await;
        }
        self.with_keys_for_folds(|| self.inner.commit(commit.clone())).await
    }

    pub(super) async fn with_keys_for_folds<T, F>(
        &self,
        mut again: impl FnMut() -> F,
    ) -> Result<T, CommitError>
    where
        F: Future<Output = Result<T, CommitError>>,
    {
        let mut times = 0;
        loop {
            let answer = again().await;
            let Err(error) = &answer else { return answer };
            times += 1;
            if times > MISSING_TIMES_MAX || !self.fetch_keys(error).await? {
                return answer;
            }
        }
    }

    /// Fetches the keys for which a commit past this store has failed, and says whether any of them was news: then the same commit
    /// comes further. If not, they are nowhere.
    ///
    /// A strong projection folds within the append, where nothing can wait for a key that this process does not know yet: not that of
    /// the event, which [`seal`](Self::seal) has asked for, but that of somebody whom a view has met before.
    ///
    /// # Errors
    /// [`BackendError`] if the keys cannot be had.
    ///
    /// # Cancel safety
    /// Some of the keys may be known then.
    pub async fn fetch_keys(&self, error: &CommitError) -> Result<bool, BackendError> {
        let CommitError::Unfoldable(Unfoldable::Failed { why, .. }) = error else {
            return Ok(false);
        };
        let Some(Missing(needs)) = why.downcast_ref::<Missing>() else { return Ok(false) };
        self.rings.fetch(needs.clone()).await
    }
}

impl<S: Clone> Clone for SealedStore<S> {
    fn clone(&self) -> Self {
        let (rings, folds) = (Arc::clone(&self.rings), Arc::clone(&self.folds));
        Self { inner: self.inner.clone(), rings, is_beside: self.is_beside, folds }
    }
}

impl<S: fmt::Debug> fmt::Debug for SealedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}
