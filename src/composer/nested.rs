//! A composition as a source.

use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use futures::future::join_all;

use super::contract::Composer;
use super::drive::compose;
use super::{ComposeError, ComposeLimits, within};
use crate::source::{Answers, Call, Failure, Source};

/// A composition as a source: its queries are the keys. All queries of one call are composed together, so that their keys
/// join the same calls; what is missing within them is reported by the outer composition, too, and so is how far the read models were.
///
/// It is one call of the outer composition, with limits of its own. To only share code,
/// [`compose`](Composer::compose) with the same scope is simpler, and asks in fewer calls.
pub struct Nested<C> {
    composer: Arc<C>,
    limits: ComposeLimits,
}

impl<C> Nested<C> {
    /// The composition as a source.
    pub fn new(composer: C) -> Self {
        Self { composer: Arc::new(composer), limits: ComposeLimits::default() }
    }

    /// For all queries of one call together.
    #[must_use]
    pub fn limits(self, limits: ComposeLimits) -> Self {
        Self { limits, ..self }
    }
}

impl<C> Source for Nested<C>
where
    C: Composer,
    C::Query: Clone + Eq + Hash + Send + Sync + 'static,
    C::Answer: Clone + Send + Sync + 'static,
{
    type Key = C::Query;
    type Value = C::Answer;

    fn name(&self) -> &'static str {
        C::NAME
    }

    async fn fetch(
        &self,
        queries: &[C::Query],
        call: &Call,
    ) -> Result<Answers<C::Query, C::Answer>, Box<dyn Error + Send + Sync>> {
        let terms = within(call.remaining()).limits(self.limits).session(call.session().clone());
        let terms = match call.principal() {
            Some(principal) => terms.principal(principal),
            None => terms,
        };
        let composed = compose(terms, async |cx| {
            let all = queries.iter().map(|query| self.composer.compose(cx, query.clone()));
            Ok(join_all(all).await)
        });
        let composed = composed.await?;
        let each = composed.value.into_iter().map(|answer| match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => Err(Failure::refused(error).into()),
        });
        let answers = Answers::each(each.collect());
        Ok(answers.degraded(composed.degraded).seen(composed.session))
    }
}

impl From<ComposeError> for Failure {
    fn from(error: ComposeError) -> Self {
        if error.is_transient() { Self::failed(error) } else { Self::refused(error) }
    }
}

impl<C: Composer> fmt::Debug for Nested<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nested").field("composer", &C::NAME).finish_non_exhaustive()
    }
}
