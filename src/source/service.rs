//! A `tower` service as a source.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::marker::PhantomData;

use tower_service::Service;

use super::{Answers, Call, Source};

/// What a `tower` service is asked: the keys, and what is said beside them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Asked<K> {
    /// The keys.
    pub keys: Vec<K>,
    /// What is said beside them.
    pub call: Call,
}

/// A source that is a `tower` service; made by [`from_service`].
pub struct FromService<K, V, S> {
    name: &'static str,
    service: S,
    answers: PhantomData<fn(K) -> V>,
}

/// Makes a source of a `tower` service, with whatever layers are around it. Each call is made on a clone, which waits until
/// it is ready; so state that all calls share must be shared by the clones, as it is in `tower`'s own layers.
///
/// ```
/// use freehold::source::{self, Answers, Asked, Source};
///
/// let service = tower::service_fn(|asked: Asked<u64>| async move {
///     let names = asked.keys.iter().map(|id| Some(format!("user {id}"))).collect();
///     Ok::<_, std::io::Error>(Answers::aligned(names))
/// });
/// let users = source::from_service("users", service);
/// # let users: source::FromService<u64, String, _> = users;
/// # assert_eq!(users.name(), "users");
/// ```
pub const fn from_service<K, V, S>(name: &'static str, service: S) -> FromService<K, V, S>
where
    S: Service<Asked<K>, Response = Answers<K, V>>,
{
    FromService { name, service, answers: PhantomData }
}

impl<K, V, S> Source for FromService<K, V, S>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: Service<Asked<K>, Response = Answers<K, V>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
{
    type Key = K;
    type Value = V;

    fn name(&self) -> &'static str {
        self.name
    }

    async fn fetch(
        &self,
        keys: &[K],
        call: &Call,
    ) -> Result<Answers<K, V>, Box<dyn Error + Send + Sync>> {
        let mut service = self.service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
        let asked = Asked { keys: keys.to_vec(), call: call.clone() };
        service.call(asked).await.map_err(Into::into)
    }
}

impl<K, V, S> fmt::Debug for FromService<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromService").field("name", &self.name).finish_non_exhaustive()
    }
}
