//! The views of a projection as a source of compositions.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::contract::Projection;
use super::read::{Read, ViewPage, Want};
use super::view::View;
use crate::source::{Answers, Call, Source};
use crate::types::RowKey;

/// The views of a projection as a [`Source`]: made by [`View::source`], and asked by key.
///
/// What it answers is as fresh as the call's [session](Call::session) demands, so that whoever composes reads their own
/// writes, and says how far behind it is: its parts are
/// [`Origin::ReadModel`](crate::source::Origin::ReadModel). If the views are not so fresh in time, the call fails, unless
/// [`or_stale`](Self::or_stale) takes what is there.
///
/// So a query can be composed of services, or read from a projection that has joined them before, and its callers see no
/// difference but that.
pub struct ViewSource<P> {
    view: View<P>,
    or_stale: Option<Duration>,
}

impl<P: Projection> ViewSource<P> {
    pub(super) const fn new(view: View<P>) -> Self {
        Self { view, or_stale: None }
    }

    /// Waits no longer than `within` for views that are fresh enough; then it takes what is there, and says that it is not.
    #[must_use]
    pub fn or_stale(self, within: Duration) -> Self {
        Self { or_stale: Some(within), ..self }
    }

    fn read(&self, keys: &[String], call: &Call) -> Read<'_, P, ViewPage<P::View>> {
        // What cannot be a key is the key of nothing.
        let possible = keys.iter().filter(|key| RowKey::new(key.as_str()).is_ok());
        let read = self.view.all(possible).want(Want::AtLeast(call.session().clone()));
        match self.or_stale {
            Some(within) => read.within(within.min(call.remaining())).or_stale(),
            None => read.within(call.remaining()),
        }
    }
}

impl<P: Projection> Source for ViewSource<P> {
    type Key = String;
    type Value = Arc<P::View>;

    fn name(&self) -> &'static str {
        P::NAME
    }

    async fn fetch(
        &self,
        keys: &[String],
        call: &Call,
    ) -> Result<Answers<String, Arc<P::View>>, Box<dyn Error + Send + Sync>> {
        let fresh = self.read(keys, call).await?;
        let found = fresh.value.views.into_iter();
        let found = found.map(|(key, view)| (key.as_str().to_owned(), Arc::new(view)));
        Ok(Answers::keyed(found).of_read_model(fresh.lag, fresh.at, fresh.met))
    }
}

impl<P> Clone for ViewSource<P> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone(), or_stale: self.or_stale }
    }
}

impl<P: Projection> fmt::Debug for ViewSource<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewSource").field("name", &P::NAME).finish_non_exhaustive()
    }
}
