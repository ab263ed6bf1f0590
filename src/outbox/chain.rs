//! Which message of a key was the last.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::load::{Line, Named};
use crate::types::Position;

/// Of the keys that were published last, which message was the last: so that each message can tell what came before it.
pub(super) struct Chain(LruCache<Line, Position>);

impl Chain {
    pub(super) fn new(keys_max: usize) -> Self {
        Self(LruCache::new(NonZeroUsize::new(keys_max).unwrap_or(NonZeroUsize::MIN)))
    }

    /// The last message of a key that this relay knows to be stored.
    pub(super) fn last(&mut self, (destination, key): Named<'_>) -> Option<Position> {
        self.0.get(&(destination.clone(), key.clone())).copied()
    }

    /// A message was stored.
    pub(super) fn stored(&mut self, line: Line, at: Position) {
        let last = self.0.get_or_insert_mut(line, || at);
        *last = at.max(*last);
    }
}
