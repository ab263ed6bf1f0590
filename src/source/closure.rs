//! A closure as a source.

use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use super::{Answers, Call, Source};

/// A source that is a closure; made by [`from_fn`].
pub struct FromFn<K, V, F> {
    name: &'static str,
    ask: F,
    answers: PhantomData<fn(K) -> V>,
}

/// Makes a source of a closure that is given the keys and the [`Call`]. The [module](super) has an example.
pub fn from_fn<K, V, F, A>(name: &'static str, ask: F) -> FromFn<K, V, F>
where
    F: Fn(Vec<K>, Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Answers<K, V>, Box<dyn Error + Send + Sync>>> + Send,
{
    FromFn { name, ask, answers: PhantomData }
}

impl<K, V, F, A> Source for FromFn<K, V, F>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Fn(Vec<K>, Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Answers<K, V>, Box<dyn Error + Send + Sync>>> + Send,
{
    type Key = K;
    type Value = V;

    fn name(&self) -> &'static str {
        self.name
    }

    fn fetch(
        &self,
        keys: &[K],
        call: &Call,
    ) -> impl Future<Output = Result<Answers<K, V>, Box<dyn Error + Send + Sync>>> + Send {
        (self.ask)(keys.to_vec(), call.clone())
    }
}

impl<K, V, F> fmt::Debug for FromFn<K, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").field("name", &self.name).finish_non_exhaustive()
    }
}
