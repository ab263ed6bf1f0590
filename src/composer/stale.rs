//! What a source said earlier, for when it says nothing now.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

/// Remembers what a source said, for when it says nothing.
///
/// It is asked only when the source did not answer, and is never a reason not to ask it. What it returns is judged by its
/// age ([`Get::or_stale`](super::Get::or_stale)). What it loses or fails to read counts as forgotten: it has no errors.
/// `Remembered`, with the feature `moka`, keeps everything in memory.
#[async_trait]
pub trait StaleCache<K, V>: Debug + Send + Sync + 'static {
    /// Remembers what the source has just said to `principal`; `None` is a thing that does not exist any more, and is to be
    /// forgotten.
    async fn keep(&self, principal: Option<&str>, answers: Vec<(K, Option<V>)>);

    /// What the source said to `principal` of each of the keys, in their order, and how long ago.
    async fn recall(&self, principal: Option<&str>, keys: &[K]) -> Vec<Option<(V, Duration)>>;
}
