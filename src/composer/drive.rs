//! The driver of a composition: it polls the body until that can go no further, asks for what is queued, and polls the calls.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::future::poll_fn;
use tokio::task::{coop, yield_now};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::Instrument;

use super::core::{Core, Phase, Signal, TooMuch};
use super::loader::{Batch, Round};
use super::plan::Plan;
use super::scope::Scope;
use super::terms::Terms;
use super::{ComposeError, Limit};
use crate::consistency::Session;
use crate::source::PartReport;

/// A body that wakes itself so often in a row is given back to its executor first.
const SPINS_MAX: usize = 64;
/// After so many turns of the executor a body that always would go on is not waited for any more.
const TURNS_MAX: usize = 1_024;

/// An answer, and how it came about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Composed<T> {
    /// What the body made of the parts.
    pub value: T,
    /// What was asked for it.
    pub plan: Plan,
    /// The parts that are less than what was asked for, one report for each source and reason.
    pub degraded: Vec<PartReport>,
    /// What the user has seen and done by now: what the [terms](Terms::session) said, and how far the read models were whose
    /// parts are in the answer. Who hands it on never reads anything older.
    pub session: Session,
}

/// Composes an answer of what several services know.
///
/// The body asks for keys and awaits the parts. What it asks for is queued; once it can go no further, all that is queued
/// for one source becomes one call. Nothing is spawned: the calls run in the caller's task, and end when the composition
/// ends. The future is `Send` if the body is; it takes about as long as the longest chain of calls that wait for each other.
///
/// A body that awaits anything else than its parts splits rounds: what it asks for after that goes out on its own.
///
/// # Errors
/// [`ComposeError`]: what the body returns, that the time is over, or that a limit was passed.
///
/// # Cancel safety
/// Dropping the future drops the calls that are out. What their services make of that is theirs to say.
pub async fn compose<T>(
    terms: Terms,
    body: impl AsyncFnOnce(&Scope) -> Result<T, ComposeError>,
) -> Result<Composed<T>, ComposeError> {
    let span = tracing::debug_span!("compose", within = ?terms.time);
    let ending = Ending(Scope::new(Arc::new(Core::new(terms))));
    let scope = &ending.0;
    let value = async {
        let mut body = pin!(body(scope));
        let (mut driver, mut timer) = (Driver::new(scope), pin!(None));
        poll_fn(|cx| driver.poll(body.as_mut(), timer.as_mut(), cx)).await
    };
    let value = value.instrument(span).await?;
    Ok(ending.composed(value))
}

/// The end of a composition, however it comes: who still waits is told.
struct Ending(Scope);

impl Ending {
    fn composed<T>(&self, value: T) -> Composed<T> {
        let core = self.0.core();
        let asked = self.0.loaders().iter().map(|(_, loader)| loader.asked()).collect();
        let mut books = core.books();
        let plan =
            Plan { calls: std::mem::take(&mut books.calls), asked, took: core.begun.elapsed() };
        let (mut degraded, session) = (std::mem::take(&mut books.degraded), books.session.clone());
        // Which part was awaited first is of no interest, and often chance.
        degraded.sort_by_key(|report| report.source);
        Composed { value, plan, degraded, session }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Mostly everybody has left, and there is nobody to be told.
        if self.0.is_shared() {
            self.0.refuse(Phase::Ended);
        }
    }
}

struct Driver<'s> {
    scope: &'s Scope,
    core: &'s Core,
    body_waker: Waker,
    batches: Vec<Batch>,
    /// How often the body was given another turn before anything was asked.
    turns: usize,
}

/// Rings when the time is over. It is made when there is something to wait for.
type Timer<'t> = Pin<&'t mut Option<Sleep>>;

/// How a body was left.
enum Left<T> {
    Done(T),
    /// It waits for parts.
    Quiet,
    /// It would go on if it was polled again.
    Restless,
}

impl<'s> Driver<'s> {
    fn new(scope: &'s Scope) -> Self {
        let body_waker = Waker::from(Arc::clone(scope.core()));
        Self { scope, core: scope.core(), body_waker, batches: Vec::new(), turns: 0 }
    }

    fn poll<T, F: Future<Output = Result<T, ComposeError>>>(
        &mut self,
        mut body: Pin<&mut F>,
        mut timer: Timer<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, ComposeError>> {
        self.core.begin_work(cx.waker());
        loop {
            let left = self.run(body.as_mut());
            if let Some(fate) = self.fate() {
                return Poll::Ready(Err(fate));
            }
            match left {
                Left::Done(value) => return Poll::Ready(value),
                Left::Restless if self.turns < TURNS_MAX => {
                    self.turns += 1;
                    self.core.end_turn();
                    // As what it waits for does it, so that this task's turn comes after the wake-ups of all of that.
                    let _ = pin!(yield_now()).poll(cx);
                    return Poll::Pending;
                }
                Left::Restless | Left::Quiet => self.turns = 0,
            }
            if self.core.phase() != Phase::Open {
                return Poll::Ready(Err(ComposeError::Deadline));
            }
            if self.core.take(Signal::Unwanted) {
                self.batches.retain(Batch::is_wanted);
            }
            if self.core.take(Signal::Queued)
                && let Err(too_much) = self.dispatch()
            {
                return Poll::Ready(Err(too_much.into()));
            }
            self.batches.retain_mut(|batch| !batch.poll(cx));
            // Who has more to do has nothing to wait for yet.
            if !self.core.has_signals() && self.is_late(timer.as_mut(), cx) {
                self.end_time(cx);
            }
            if self.core.end_work() {
                return Poll::Pending;
            }
        }
    }

    /// Polls the body for as long as it wakes itself.
    fn run<T, F: Future<Output = T>>(&self, mut body: Pin<&mut F>) -> Left<T> {
        let mut spins = 0;
        while self.core.take(Signal::Woken) {
            if let Poll::Ready(value) =
                body.as_mut().poll(&mut Context::from_waker(&self.body_waker))
            {
                return Left::Done(value);
            }
            spins += 1;
            if spins == SPINS_MAX {
                self.core.signal(Signal::Woken);
                return Left::Restless;
            }
        }
        // Tokio may have held the body up to let others run, and what yields is woken only after its task has returned. Then
        // the body has not asked yet for all it will ask for. Whoever else waits with its waker has a clone of it.
        let is_held_up = !coop::has_budget_remaining() || self.scope.is_waited_with_by_others();
        if spins > 0 && is_held_up { Left::Restless } else { Left::Quiet }
    }

    fn fate(&self) -> Option<ComposeError> {
        if !self.core.take(Signal::Fated) {
            return None;
        }
        self.core.books().fate.take()
    }

    /// Makes calls of all that is queued.
    fn dispatch(&mut self) -> Result<(), TooMuch> {
        // Within the lock: to begin a call is not to make it yet.
        let loaders = self.scope.loaders();
        let more: usize = loaders.iter().map(|(_, loader)| loader.queued_calls()).sum();
        if more == 0 {
            return Ok(());
        }
        let books = self.core.books();
        let (calls, round) = (books.calls.len() + more, books.answered_round + 1);
        drop(books);
        let limits = self.core.limits;
        if calls > limits.calls_max {
            return Err(TooMuch { limit: Limit::Calls, asked: calls, max: limits.calls_max });
        }
        if round > limits.rounds_max {
            return Err(TooMuch { limit: Limit::Rounds, asked: round, max: limits.rounds_max });
        }
        let round = Round { nth: round, begun: Instant::now() };
        for (_, loader) in loaders.iter() {
            Arc::clone(loader).begin_calls(round, &mut self.batches);
        }
        Ok(())
    }

    /// Whether the time is over.
    fn is_late(&self, mut timer: Timer<'_>, cx: &mut Context<'_>) -> bool {
        if timer.is_none() {
            timer.set(Some(sleep_until(self.core.deadline.instant())));
        }
        timer.as_pin_mut().is_some_and(|timer| timer.poll(cx).is_ready())
    }

    /// Ends all calls. What is remembered of their keys may still be recalled, if that takes no time.
    fn end_time(&mut self, cx: &mut Context<'_>) {
        self.core.enter(Phase::Late);
        self.batches.retain_mut(|batch| !batch.poll(cx));
        self.batches.clear();
        self.scope.refuse(Phase::Late);
        self.core.signal(Signal::Woken);
    }
}
