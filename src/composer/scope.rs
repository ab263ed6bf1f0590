//! The scope of one composition: where its keys are asked for.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::core::{Core, Phase};
use super::get::{All, Get};
use super::loader::{AnyLoader, Loader};
use super::lookup::Lookup;
use crate::consistency::Session;
use crate::source::{Deadline, Source};

/// The scope of one composition: where its keys are asked for.
///
/// It is lent to the body of [`compose`](super::compose()). A clone may be moved into a task of its own, whose keys join those
/// of the body; what it asks for after the composition is over fails with
/// [`Failure::Ended`](crate::source::Failure::Ended).
#[derive(Clone)]
pub struct Scope(Arc<Shared>);

/// Of so many sources a composition mostly asks.
const FEW: usize = 4;

struct Shared {
    core: Arc<Core>,
    /// By the address of what a look-up is about.
    loaders: Mutex<Vec<(usize, Arc<dyn AnyLoader>)>>,
}

impl Scope {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self(Arc::new(Shared { core, loaders: Mutex::new(Vec::with_capacity(FEW)) }))
    }

    /// Asks for a key. It is *queued now*, and waited for when the result is awaited: so two keys that are asked for one after
    /// the other, and then awaited one after the other, are looked up at the same time.
    ///
    /// Without more words it is required. A key that was asked for before in this composition is not asked for again.
    pub fn get<S: Source>(&self, lookup: &Lookup<S>, key: S::Key) -> Get<S> {
        Get::new(self.loader(lookup), key)
    }

    /// Asks for keys, as [`get`](Self::get) does for one. The parts come in the order of the keys, also where a key occurs
    /// twice.
    pub fn all<S: Source>(
        &self,
        lookup: &Lookup<S>,
        keys: impl IntoIterator<Item = S::Key>,
    ) -> All<S> {
        All::new(self.loader(lookup), keys.into_iter())
    }

    /// When the time of the composition is over.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.0.core.deadline
    }

    /// What the user has seen and done, with what the parts so far have shown.
    #[must_use]
    pub fn session(&self) -> Session {
        self.0.core.books().session.clone()
    }

    fn loader<S: Source>(&self, lookup: &Lookup<S>) -> Arc<Loader<S>> {
        let standing = lookup.standing();
        // The loader keeps what the look-up is about alive, so that its address is not used again.
        let address = Arc::as_ptr(standing).addr();
        let mut loaders = self.loaders();
        if let Some((_, known)) = loaders.iter().find(|(of, _)| *of == address) {
            let known: Arc<dyn Any + Send + Sync> = Arc::clone(known) as _;
            if let Ok(known) = known.downcast() {
                return known;
            }
        }
        let loader = Arc::new(Loader::new(&self.0.core, standing));
        loaders.push((address, Arc::clone(&loader) as _));
        loader
    }

    /// Whether somebody holds a clone of the body's waker, and so waits for something else than the answer of a source.
    pub(super) fn is_waited_with_by_others(&self) -> bool {
        // The scope, the driver's waker, and of each loader the books and its waker.
        let ours = 2 + 2 * self.loaders().len();
        Arc::strong_count(&self.0.core) > ours
    }

    /// Whether somebody else may ask for keys or wait for one.
    pub(super) fn is_shared(&self) -> bool {
        let is_held = |(_, loader): &(usize, Arc<dyn AnyLoader>)| Arc::strong_count(loader) > 1;
        Arc::strong_count(&self.0) > 1 || self.loaders().iter().any(is_held)
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    pub(super) fn loaders(&self) -> MutexGuard<'_, Vec<(usize, Arc<dyn AnyLoader>)>> {
        self.0.loaders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a phase in which nothing is asked any more: all that is open is answered so.
    pub(super) fn refuse(&self, phase: Phase) {
        self.0.core.enter(phase);
        let Some(failure) = phase.refusal() else { return };
        for nth in 0.. {
            // Not within the lock: who is woken may ask for more.
            let Some(loader) = self.loaders().get(nth).map(|(_, loader)| Arc::clone(loader)) else {
                return;
            };
            loader.fail_all(&failure);
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}
