//! The keys of one source that a composition asks for, and what became of them.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;
use tracing::Instrument;

use super::core::{Core, Signal};
use super::keys::{Ended, Keys};
use super::lookup::Standing;
use super::plan::{Asked, PlannedCall};
use super::policy::Heard;
use super::serve::{Served, serve};
use crate::source::{Failure, Origin, Source};

/// The keys of one source. It exists once in a composition.
pub(super) struct Loader<S: Source> {
    pub(super) core: Arc<Core>,
    pub(super) standing: Arc<Standing<S>>,
    /// The body's own waker.
    body: Waker,
    keys: Mutex<Keys<S>>,
}

/// Calls that go out together.
#[derive(Clone, Copy)]
pub(super) struct Round {
    /// Counted from 1.
    pub(super) nth: usize,
    pub(super) begun: Instant,
}

/// A call that is out.
pub(super) struct Batch {
    loader: Arc<dyn AnyLoader>,
    call: u32,
    future: BoxFuture<'static, ()>,
}

impl Batch {
    /// Whether it has ended, one way or another.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        self.future.poll_unpin(cx).is_ready()
    }

    /// Whether somebody still waits for it. If not, whoever asks again for its keys makes another call.
    pub(super) fn is_wanted(&self) -> bool {
        self.loader.is_wanted(self.call)
    }
}

/// Who listens to what was said of keys.
pub(super) struct Ear<'l, S: Source> {
    keys: MutexGuard<'l, Keys<S>>,
    /// Who is to be woken.
    waker: Option<&'l Waker>,
    source: &'static str,
}

impl<S: Source> Ear<'_, S> {
    /// Whether all that somebody wants to know of this source has an answer.
    pub(super) fn is_over(&self) -> bool {
        self.keys.is_answered()
    }

    /// Whether there is a value, as soon as that is known.
    pub(super) fn is_there(&mut self, slot: u32, age_max: Option<Duration>) -> Option<bool> {
        let is_there = self.keys.is_there(slot, age_max);
        if let (None, Some(waker)) = (is_there, self.waker) {
            self.keys.wait(slot, waker);
        }
        is_there
    }

    /// What was said, if something was. Of what got no answer, what was said earlier will do if it is not older than `age_max`.
    #[allow(
        clippy::inline_always,
        reason = "a part is large: whoever makes it and whoever takes it should be one"
    )]
    #[inline(always)]
    pub(super) fn hear(
        &mut self,
        (slot, is_again): (u32, bool),
        age_max: Option<Duration>,
    ) -> Option<Heard<S::Value>> {
        let heard = self.keys.heard((slot, is_again), age_max, self.source);
        if let (None, Some(waker)) = (&heard, self.waker) {
            self.keys.wait(slot, waker);
        }
        heard
    }
}

/// A loader of whatever source.
pub(super) trait AnyLoader: Any + Send + Sync {
    /// How many calls it takes to ask for what is queued.
    fn queued_calls(&self) -> usize;

    /// Begins those calls.
    fn begin_calls(self: Arc<Self>, round: Round, batches: &mut Vec<Batch>);

    /// Whether somebody still waits for a call; if not, it is taken for not made.
    fn is_wanted(&self, call: u32) -> bool;

    /// Answers all that has no answer yet.
    fn fail_all(&self, failure: &Failure);

    fn asked(&self) -> Asked;
}

impl<S: Source> Loader<S> {
    pub(super) fn new(core: &Arc<Core>, standing: &Arc<Standing<S>>) -> Self {
        let (core, standing) = (Arc::clone(core), Arc::clone(standing));
        let body = Waker::from(Arc::clone(&core));
        Self { core, standing, body, keys: Mutex::new(Keys::new()) }
    }

    fn keys_per_call_max(&self) -> usize {
        self.standing.options.keys_per_call_max.max(1)
    }

    pub(super) fn source(&self) -> &'static str {
        self.standing.source.name()
    }

    /// Queues keys, and tells of each where its slot is, and whether it was asked for before.
    pub(super) fn queue(
        &self,
        asked: impl Iterator<Item = S::Key>,
        mut each: impl FnMut(u32, bool),
    ) {
        let mut keys = self.keys();
        let before = keys.count();
        keys.reserve(asked.size_hint().0.min(self.core.limits.keys_max));
        for key in asked {
            let (slot, is_again) = keys.queue(key);
            each(slot, is_again);
        }
        // Within the lock: who ends the composition says so before it answers all slots, so a slot is either answered by
        // that, or here.
        let refusal = self.core.phase().refusal();
        let wakers = refusal.map(|refusal| keys.fail_queued(&refusal)).unwrap_or_default();
        let (more, is_queued) = (keys.count() - before, keys.queued() > 0);
        drop(keys);
        wakers.into_iter().for_each(Waker::wake);
        if more > 0 {
            self.core.count_keys(more);
        }
        if is_queued {
            self.core.signal(Signal::Queued);
        }
    }

    /// Listens to what was said of keys. Whatever is still open wakes the waker once it is not.
    pub(super) fn listen<'l>(&'l self, waker: &'l Waker) -> Ear<'l, S> {
        // Who waits with the body's own waker needs no other: the body is polled after each answer anyway.
        let waker = (!waker.will_wake(&self.body)).then_some(waker);
        Ear { keys: self.keys(), waker, source: self.source() }
    }

    /// Notes a part that is less than what was asked for.
    pub(super) fn report(&self, heard: &Heard<S::Value>) {
        if let Some(origin) = heard.report() {
            self.core.report((self.source(), origin));
        }
    }

    /// Somebody does not want to know any more.
    pub(super) fn leave(&self, slots: impl Iterator<Item = u32>) {
        if self.keys().leave(slots) {
            self.core.signal(Signal::Unwanted);
        }
    }

    fn settle(&self, (call, nth): (u32, usize), served: Served<S::Value>, took: Duration) {
        let Served { answers, earlier, attempts, bytes, about } = served;
        let (found, failed) = (answers.values(), answers.failures().count());
        let origin = about.as_ref().map_or(Origin::Live, |about| about.origin());
        let ended = Ended { answers, earlier, origin, took, attempts };
        let wakers = self.keys().end_call(call, ended);
        let mut books = self.core.books();
        let degraded = about.map(|about| {
            books.session.observe(about.seen);
            about.degraded
        });
        books.bytes += bytes;
        let bytes = books.bytes;
        if let Some(planned) = books.calls.get_mut(nth) {
            (planned.found, planned.failed, planned.attempts) = (found, failed, attempts);
            planned.took = Some(took);
            let round = planned.round;
            books.answered_round = books.answered_round.max(round);
        }
        drop(books);
        self.core.check_bytes(bytes);
        if let Some(degraded) = degraded {
            self.core.report_all(degraded);
        }
        self.core.signal(Signal::Woken);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn keys(&self) -> MutexGuard<'_, Keys<S>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Source> AnyLoader for Loader<S> {
    fn queued_calls(&self) -> usize {
        self.keys().queued().div_ceil(self.keys_per_call_max())
    }

    fn begin_calls(self: Arc<Self>, round: Round, batches: &mut Vec<Batch>) {
        let mut keys = self.keys();
        while let Some((asked, call)) = keys.begin_call(self.keys_per_call_max()) {
            batches.push(Arc::clone(&self).begin_call(round, asked, call));
        }
    }

    fn is_wanted(&self, call: u32) -> bool {
        self.keys().is_wanted(call)
    }

    fn fail_all(&self, failure: &Failure) {
        let wakers = self.keys().fail_all(failure);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn asked(&self) -> Asked {
        let keys = self.keys();
        Asked { source: self.source(), keys: keys.count(), deduplicated: keys.deduplicated() }
    }
}

impl<S: Source> Loader<S> {
    fn begin_call(self: Arc<Self>, round: Round, keys: Vec<S::Key>, call: u32) -> Batch {
        let Round { nth: round, begun } = round;
        let source = self.source();
        let mut books = self.core.books();
        let nth = books.calls.len();
        books.calls.push(PlannedCall {
            source,
            round,
            keys: keys.len(),
            found: 0,
            failed: 0,
            attempts: 0,
            after: begun.saturating_duration_since(self.core.begun),
            took: None,
        });
        drop(books);
        let span = tracing::debug_span!("source_call", source, round, keys = keys.len());
        let loader: Arc<dyn AnyLoader> = Arc::clone(&self) as _;
        let future = async move {
            let served = serve(&self.standing, &self.core, &keys).await;
            self.settle((call, nth), served, begun.elapsed());
        };
        Batch { loader, call, future: future.instrument(span).boxed() }
    }
}
