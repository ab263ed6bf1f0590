//! What all who work at one composition share: its terms, its books, and who is to be woken.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use tokio::time::Instant;

use super::plan::PlannedCall;
use super::{ComposeError, ComposeLimits, Limit, Terms};
use crate::consistency::Session;
use crate::source::{Call, Deadline, Failure, Origin, PartReport};

/// What all who work at one composition share.
pub(super) struct Core {
    pub(super) begun: Instant,
    pub(super) deadline: Deadline,
    pub(super) limits: ComposeLimits,
    pub(super) principal: Option<Arc<str>>,
    keys: AtomicUsize,
    phase: AtomicU8,
    books: Mutex<Books>,
    /// What the driver is to look after; see [`Signal`].
    signals: AtomicU8,
    /// Whether the driver is at work, and looks at the signals before it sleeps.
    is_at_work: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

/// What the driver is to look after.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Signal {
    /// The body has to be polled again.
    Woken = 1,
    /// Keys are queued.
    Queued = 2,
    /// Nobody waits any more for a call that is out.
    Unwanted = 4,
    /// There is a reason to end without an answer.
    Fated = 8,
}

/// What is written down in the course of a composition.
#[derive(Default)]
pub(super) struct Books {
    /// Why the composition must end without an answer.
    pub(super) fate: Option<ComposeError>,
    pub(super) calls: Vec<PlannedCall>,
    /// The latest round of which an answer has come.
    pub(super) answered_round: usize,
    pub(super) bytes: usize,
    pub(super) session: Session,
    pub(super) degraded: Vec<PartReport>,
}

/// How far a composition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    Open = 0,
    /// Its time is over: the body may say what it has.
    Late = 1,
    Ended = 2,
}

impl Phase {
    /// Why nothing is asked any more.
    pub(super) const fn refusal(self) -> Option<Failure> {
        match self {
            Self::Open => None,
            Self::Late => Some(Failure::Late),
            Self::Ended => Some(Failure::Ended),
        }
    }
}

impl Core {
    pub(super) fn new(terms: Terms) -> Self {
        let Terms { time, limits, session, principal } = terms;
        let begun = Instant::now();
        Self {
            begun,
            deadline: Deadline::after(begun, time),
            limits,
            principal,
            keys: AtomicUsize::new(0),
            phase: AtomicU8::new(Phase::Open as u8),
            books: Mutex::new(Books { session, ..Books::default() }),
            signals: AtomicU8::new(Signal::Woken as u8),
            is_at_work: AtomicBool::new(false),
            outer: Mutex::new(None),
        }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Open,
            1 => Phase::Late,
            _ => Phase::Ended,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// A call as it is told to a source.
    pub(super) fn call(&self, deadline: Deadline, attempt: u32) -> Call {
        let session = self.books().session.clone();
        let call = Call::new(deadline).with_attempt(attempt);
        call.with_session(session).with_principal(self.principal.clone())
    }

    /// Counts so many more keys. Beyond the limit the composition ends, before anything more is asked.
    pub(super) fn count_keys(&self, more: usize) {
        let asked = self.keys.fetch_add(more, Ordering::Relaxed) + more;
        if asked > self.limits.keys_max {
            self.end_with(TooMuch { limit: Limit::Keys, asked, max: self.limits.keys_max });
        }
    }

    /// Ends the composition if all answers so far are longer than the limit.
    pub(super) fn check_bytes(&self, asked: usize) {
        let max = self.limits.answer_bytes_max;
        if asked > max {
            self.end_with(TooMuch { limit: Limit::Bytes, asked, max });
        }
    }

    fn end_with(&self, too_much: TooMuch) {
        self.books().fate.get_or_insert(too_much.into());
        self.signal(Signal::Fated);
    }

    /// Notes a part that is less than what was asked for.
    pub(super) fn report(&self, (source, origin): (&'static str, Origin)) {
        self.report_all([PartReport::new(source, origin)]);
    }

    pub(super) fn report_all(&self, reports: impl IntoIterator<Item = PartReport>) {
        let mut books = self.books();
        for report in reports {
            let is_same = |known: &&mut PartReport| {
                known.source == report.source && known.origin.is_like(&report.origin)
            };
            match books.degraded.iter_mut().find(is_same) {
                Some(known) => known.parts += report.parts,
                None => books.degraded.push(report),
            }
        }
    }

    /// Tells the driver what to look after, from wherever.
    pub(super) fn signal(&self, signal: Signal) {
        // The driver says that it leaves before it looks for signals, and this gives its signal before it looks whether the
        // driver has left. So one of the two sees the other, and no signal is lost.
        let before = self.signals.fetch_or(signal as u8, Ordering::SeqCst);
        if before & signal as u8 == 0
            && !self.is_at_work.load(Ordering::SeqCst)
            && let Some(outer) = &*self.outer()
        {
            outer.wake_by_ref();
        }
    }

    /// Whether there was this signal since it was asked for last.
    pub(super) fn take(&self, signal: Signal) -> bool {
        self.signals.fetch_and(!(signal as u8), Ordering::SeqCst) & signal as u8 != 0
    }

    /// Whether there is something to look after.
    pub(super) fn has_signals(&self) -> bool {
        self.signals.load(Ordering::SeqCst) != 0
    }

    /// The driver is polled, by a task with this waker.
    pub(super) fn begin_work(&self, waker: &Waker) {
        let mut outer = self.outer();
        if !outer.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *outer = Some(waker.clone());
        }
        drop(outer);
        self.is_at_work.store(true, Ordering::SeqCst);
    }

    /// The driver leaves; `false` if there is more to do.
    pub(super) fn end_work(&self) -> bool {
        self.is_at_work.store(false, Ordering::SeqCst);
        let may_leave = !self.has_signals();
        if !may_leave {
            self.is_at_work.store(true, Ordering::SeqCst);
        }
        may_leave
    }

    /// The driver leaves, to be polled again soon.
    pub(super) fn end_turn(&self) {
        self.is_at_work.store(false, Ordering::SeqCst);
    }

    fn outer(&self) -> MutexGuard<'_, Option<Waker>> {
        self.outer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Core {
    fn wake(self: Arc<Self>) {
        self.signal(Signal::Woken);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.signal(Signal::Woken);
    }
}

/// More than a limit admits.
pub(super) struct TooMuch {
    pub(super) limit: Limit,
    pub(super) asked: usize,
    pub(super) max: usize,
}

impl From<TooMuch> for ComposeError {
    fn from(TooMuch { limit, asked, max }: TooMuch) -> Self {
        Self::TooMuch { limit, asked, max }
    }
}
