//! Which message of a key was the last.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::types::{Destination, OrderingKey, Position};

/// Of the keys that were published last, which message was the last: so that each message can tell what came before it.
pub(super) struct Chain(LruCache<(Destination, OrderingKey), Position>);

impl Chain {
    pub(super) fn new(keys_max: usize) -> Self {
        Self(LruCache::new(NonZeroUsize::new(keys_max).unwrap_or(NonZeroUsize::MIN)))
    }

    /// The last message of a key that this relay knows to be stored.
    pub(super) fn last(&mut self, key: &(Destination, OrderingKey)) -> Option<Position> {
        self.0.get(key).copied()
    }

    /// A message was stored.
    pub(super) fn stored(&mut self, key: (Destination, OrderingKey), at: Position) {
        let last = self.last(&key).unwrap_or_default();
        self.0.put(key, last.max(at));
    }
}
