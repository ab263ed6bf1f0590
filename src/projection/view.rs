//! The views of a projection, from outside.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::contract::Projection;
use super::model::Model;
use super::read::{Query, Read, ViewPage};
use super::source::ViewSource;
use super::wait;
use crate::consistency::{Behind, Lag, Reached, Session};
use crate::ports::BackendError;

/// The views of a projection, to be read and waited for.
///
/// A read says what it wants and is told how fresh it is: see [`Read`].
pub struct View<P> {
    model: Arc<Model>,
    projection: PhantomData<fn() -> P>,
}

impl<P: Projection> View<P> {
    pub(super) const fn new(model: Arc<Model>) -> Self {
        Self { model, projection: PhantomData }
    }

    /// The view under a key.
    pub fn get(&self, key: &str) -> Read<'_, P, Option<P::View>> {
        Read::new(&self.model, Query::Key(key.to_owned()))
    }

    /// The views under some keys, as far as there are any, in no order.
    pub fn all<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Read<'_, P, ViewPage<P::View>> {
        Read::new(&self.model, Query::Keys(keys.into_iter().map(Into::into).collect()))
    }

    /// The views as a source of compositions, which ask for them by key: see [`ViewSource`].
    #[must_use]
    pub fn source(&self) -> ViewSource<P> {
        ViewSource::new(self.clone())
    }

    /// A page of the views whose keys begin with `prefix`, in the byte order of the keys: at most `limit` of those after
    /// `after`.
    pub fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Read<'_, P, ViewPage<P::View>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Read::new(&self.model, Query::Page { prefix, after, limit })
    }

    /// Waits until the views show what a token stands for, or all tokens of a session, but no longer than `within`.
    ///
    /// # Errors
    /// [`Behind`] says why not. The write that the token stands for has happened all the same.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn wait_for(
        &self,
        seen: impl Into<Session>,
        within: Duration,
    ) -> Result<Reached, Behind> {
        let (until, mut at) = (wait::deadline(within), Session::new());
        for mark in seen.into().marks() {
            at.observe(self.model.wait_for(*mark, until).await?.at);
        }
        Ok(Reached { at })
    }

    /// How far the views are behind their logs.
    ///
    /// # Errors
    /// [`BackendError`] if a log or the store cannot be read.
    pub async fn lag(&self) -> Result<Lag, BackendError> {
        let live = self.model.live().await?;
        let at = self.model.checkpoints(&live).await?;
        self.model.lag(&at).await
    }
}

impl<P> Clone for View<P> {
    fn clone(&self) -> Self {
        Self { model: Arc::clone(&self.model), projection: PhantomData }
    }
}

impl<P: Projection> fmt::Debug for View<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("name", &P::NAME).finish_non_exhaustive()
    }
}
