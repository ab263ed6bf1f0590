//! The trait of what can be asked by key.

use std::error::Error;
use std::hash::Hash;

use super::{Answers, Call};

/// A service's data, asked for by key, many keys in one call.
///
/// It is asked and not told: a call has no effect that matters, so it may be made again, and its answer may be dropped. What
/// changes something is a command, and belongs into a [saga](crate::saga) or an [outbox](crate::outbox).
///
/// ```
/// use std::error::Error;
/// use freehold::source::{Answers, Call, Source};
///
/// # struct Client;
/// # impl Client {
/// #     async fn names(&self, ids: &[u64]) -> Result<Vec<Option<String>>, std::io::Error> {
/// #         Ok(ids.iter().map(|id| Some(format!("user {id}"))).collect())
/// #     }
/// # }
/// struct Users(Client);
///
/// impl Source for Users {
///     type Key = u64;
///     type Value = String;
///
///     fn name(&self) -> &'static str {
///         "users"
///     }
///
///     async fn fetch(
///         &self,
///         ids: &[u64],
///         _: &Call,
///     ) -> Result<Answers<u64, String>, Box<dyn Error + Send + Sync>> {
///         Ok(Answers::aligned(self.0.names(ids).await?))
///     }
/// }
/// ```
pub trait Source: Send + Sync + 'static {
    /// What is asked for. Keys may be shown in errors of the source, and nowhere else.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is found. All who ask for one key get a clone: put what is large into an `Arc`.
    type Value: Clone + Send + Sync + 'static;

    /// What the source is called in parts, plans and spans.
    fn name(&self) -> &'static str;

    /// Looks the keys up. There is at least one, and none occurs twice.
    ///
    /// # Errors
    /// Anything. It is a [`Failure::Failed`](super::Failure::Failed) of all keys, and may be tried again; an error that is a
    /// [`Failure`](super::Failure) itself stays what it is, so that [`Failure::refused`](super::Failure::refused) says that
    /// asking again is in vain. An error of single keys is an answer: see [`Answers::each`].
    ///
    /// # Cancel safety
    /// The future is dropped when nobody wants its answer any more, or when its time is over.
    fn fetch(
        &self,
        keys: &[Self::Key],
        call: &Call,
    ) -> impl Future<Output = Result<Answers<Self::Key, Self::Value>, Box<dyn Error + Send + Sync>>> + Send;

    /// Which key a value belongs to, if the value knows. If it does, an answer in another order than the keys, or for other
    /// keys, is caught.
    fn key_of(&self, value: &Self::Value) -> Option<Self::Key> {
        let _ = value;
        None
    }
}
