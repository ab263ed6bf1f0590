//! A stale cache in memory.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::StaleCache;

/// Remembers in memory what a source said: as much as there is room for, as long as it may.
///
/// ```
/// use std::time::Duration;
/// use freehold::composer::Remembered;
///
/// let cache: Remembered<u64, String> = Remembered::new(10_000, Duration::from_mins(10));
/// ```
pub struct Remembered<K, V> {
    entries: moka::sync::Cache<Owned<K>, (V, Instant)>,
    age_max: Duration,
}

/// A key, and whose answer it is.
type Owned<K> = (Option<Arc<str>>, K);

impl<K, V> Remembered<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Remembers at most `entries_max` answers, each for `age_max` at most: what is personal must not stay for ever.
    #[must_use]
    pub fn new(entries_max: u64, age_max: Duration) -> Self {
        let entries =
            moka::sync::Cache::builder().max_capacity(entries_max).time_to_live(age_max).build();
        Self { entries, age_max }
    }
}

#[async_trait]
impl<K, V> StaleCache<K, V> for Remembered<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    async fn keep(&self, principal: Option<&str>, answers: Vec<(K, Option<V>)>) {
        let (principal, now) = (principal.map(Arc::<str>::from), Instant::now());
        for (key, value) in answers {
            let key = (principal.clone(), key);
            match value {
                Some(value) => self.entries.insert(key, (value, now)),
                None => self.entries.invalidate(&key),
            }
        }
    }

    async fn recall(&self, principal: Option<&str>, keys: &[K]) -> Vec<Option<(V, Duration)>> {
        let (principal, now) = (principal.map(Arc::<str>::from), Instant::now());
        // Its own clock may be another than tokio's, which tests can pause: so the age is judged here.
        let find = |key: &K| {
            let (value, since) = self.entries.get(&(principal.clone(), key.clone()))?;
            let age = now.saturating_duration_since(since);
            (age <= self.age_max).then_some((value, age))
        };
        keys.iter().map(find).collect()
    }
}

impl<K, V> fmt::Debug for Remembered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("age_max", &self.age_max).finish_non_exhaustive()
    }
}
