//! The bounded cache of folded states.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::Loaded;
use crate::types::StreamId;

/// Folded states by stream, the least recently used going first. What it holds may be old: whoever decides
/// on it proves it by an append or a read.
pub(super) struct Cache<A>(Option<Mutex<LruCache<StreamId, Loaded<A>>>>);

impl<A> Cache<A> {
    pub(super) fn new(states_max: usize) -> Self {
        Self(NonZeroUsize::new(states_max).map(|bound| Mutex::new(LruCache::new(bound))))
    }

    pub(super) fn get(&self, stream: &StreamId) -> Option<Loaded<A>> {
        self.lock()?.get(stream).cloned()
    }

    pub(super) fn put(&self, stream: &StreamId, loaded: &Loaded<A>) {
        let Some(mut states) = self.lock() else { return };
        // Answers arrive in any order; an older state must not replace a newer one.
        match states.get_mut(stream) {
            Some(known) if known.is_before(loaded) => *known = loaded.clone(),
            Some(_) => {}
            None => drop(states.put(stream.clone(), loaded.clone())),
        }
    }

    pub(super) fn clear(&self) {
        if let Some(mut states) = self.lock() {
            states.clear();
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, LruCache<StreamId, Loaded<A>>>> {
        self.0.as_ref().map(|states| states.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<A> fmt::Debug for Cache<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("states", &self.lock().map(|s| s.len())).finish()
    }
}
