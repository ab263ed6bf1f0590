//! Policies on any future, without a composition, and without an allocation but for what a source that fails has said.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};

use super::policy::{Heard, Optional, OrValue, Policy, Required, Said};
use super::{ComposeError, Part};
use crate::retry::RetryPolicy;
use crate::source::{Call, Deadline, Failure, Origin};

/// A question to a source. Say how much the answer matters: [`required`](Self::required), [`optional`](Self::optional) or
/// [`or`](Self::or).
///
/// ```
/// use std::time::Duration;
/// use freehold::composer::{ComposeError, Last, ask, find};
/// use freehold::source::Deadline;
///
/// # async fn order(id: u64) -> Result<Option<(u64, u64)>, std::io::Error> { Ok(Some((id, 7))) }
/// # async fn user(id: u64) -> Result<Option<String>, std::io::Error> { Ok(Some(format!("user {id}"))) }
/// # async fn rates() -> Result<f64, std::io::Error> { Err(std::io::Error::other("down")) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ComposeError> {
/// static RATES: Last<f64> = Last::new();
///
/// let request = Deadline::within(Duration::from_millis(800));
/// let order = find("orders", order(1234)).by(request).required().await?;
/// // The user is required: without it, the rates are not waited for.
/// let (user, rate) = tokio::try_join!(
///     find("users", user(order.1)).by(request).required(),
///     async {
///         let rates = ask("rates", rates()).within(Duration::from_millis(100)).by(request);
///         Ok(rates.or_stale(Duration::from_mins(10), &RATES).optional().await)
///     },
/// )?;
/// assert_eq!((user.as_str(), rate.value), ("user 7", None));
/// # Ok(())
/// # }
/// ```
#[must_use = "say `.required()`, `.optional()` or `.or(value)`"]
pub struct Ask<'l, A: Answering> {
    source: &'static str,
    asked: A,
    within: Option<Duration>,
    by: Option<Deadline>,
    last: Option<Memory<'l, A::Value>>,
}

/// The last answer, how old it may be, and how it is copied.
struct Memory<'l, T> {
    last: &'l Last<T>,
    age_max: Duration,
    copy: fn(&T) -> T,
}

/// Asks a source with a future that has an answer or fails.
pub const fn ask<T, E, F>(source: &'static str, future: F) -> Ask<'static, Once<F>>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
    T: 'static,
{
    Ask { source, asked: Once(future), within: None, by: None, last: None }
}

/// Asks a source with a future that also may find that there is no such thing.
pub const fn find<T, E, F>(source: &'static str, future: F) -> Ask<'static, Search<F>>
where
    F: Future<Output = Result<Option<T>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
    T: 'static,
{
    Ask { source, asked: Search(future), within: None, by: None, last: None }
}

/// Asks a source with futures, one an attempt, until one of them has an answer. No attempt begins after the deadline; a
/// failure that is not [transient](Failure::is_transient) is the last.
///
/// Attempts wait as `retry` says, by chance that the seed decides.
pub const fn ask_again<T, E, F, M>(
    source: &'static str,
    retry: RetryPolicy,
    seed: u64,
    attempt: M,
) -> Ask<'static, Again<M>>
where
    M: FnMut(Call) -> F,
    F: Future<Output = Result<Option<T>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
    T: 'static,
{
    let asked = Again { attempt, retry, seed };
    Ask { source, asked, within: None, by: None, last: None }
}

impl<A: Answering> Ask<'_, A> {
    /// Gives up so long after it was said how much the answer matters.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Gives up at the deadline of the request.
    pub const fn by(mut self, deadline: Deadline) -> Self {
        self.by = Some(deadline);
        self
    }

    /// Takes the last answer if there is none now and that is not older.
    pub fn or_stale(self, age_max: Duration, last: &Last<A::Value>) -> Ask<'_, A>
    where
        A::Value: Clone,
    {
        let Self { source, asked, within, by, last: _ } = self;
        let last = Some(Memory { last, age_max, copy: A::Value::clone });
        Ask { source, asked, within, by, last }
    }

    /// Without it there is no answer at all.
    ///
    /// # Errors
    /// [`ComposeError::Missing`] if there is no such thing, [`ComposeError::Failed`] if the source did not answer.
    pub fn required(self) -> impl Future<Output = Result<Part<A::Value>, ComposeError>> {
        self.by_policy(Required)
    }

    /// Nice to have. It is no `Result`: there is nothing to `?`.
    pub fn optional(self) -> impl Future<Output = Part<Option<A::Value>>> {
        self.by_policy(Optional)
    }

    /// This instead, if need be.
    pub fn or(self, default: A::Value) -> impl Future<Output = Part<A::Value>> {
        self.by_policy(OrValue(default))
    }

    fn by_policy<P: Policy<A::Value>>(self, policy: P) -> impl Future<Output = P::One> {
        let Self { source, asked, within, by, last } = self;
        let begun = Instant::now();
        let own = within.map(|time| Deadline::after(begun, time));
        let by = match (own, by) {
            (Some(own), Some(by)) => Some(own.min(by)),
            (own, by) => own.or(by),
        };
        let (work, by) = (asked.begin(by), by.filter(|_| !A::KEEPS_TIME));
        Asking::<A, _, _> { source, begun, by, work, timer: None, last, policy: Some(policy) }
    }
}

pin_project! {
    /// A question that was asked. It is written by hand, since a block would move the work once more, and would make a timer
    /// also for work that is done at once.
    struct Asking<'l, A: Answering, W, P> {
        source: &'static str,
        begun: Instant,
        by: Option<Deadline>,
        #[pin]
        work: W,
        #[pin]
        timer: Option<Sleep>,
        last: Option<Memory<'l, A::Value>>,
        policy: Option<P>,
    }
}

impl<A, W, P> Future for Asking<'_, A, W, P>
where
    A: Answering,
    W: Future<Output = A::Said>,
    P: Policy<A::Value>,
{
    type Output = P::One;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<P::One> {
        let mut this = self.project();
        let (answer, attempts) = match this.work.poll(cx) {
            Poll::Ready(said) => A::read(said),
            Poll::Pending => {
                let Some(by) = *this.by else { return Poll::Pending };
                if this.timer.is_none() {
                    this.timer.set(Some(sleep_until(by.instant())));
                }
                let timer = this.timer.as_mut().as_pin_mut();
                match timer.map(|timer| timer.poll(cx)) {
                    Some(Poll::Ready(())) => (Err(Failure::Late), 1),
                    _ => return Poll::Pending,
                }
            }
        };
        // The policy is used once: after that there is nothing to come.
        let Some(policy) = this.policy.take() else { return Poll::Pending };
        let took = this.begun.elapsed();
        let consult = |memory: &Memory<'_, _>| memory.consult(&answer, *this.begun + took);
        let earlier = this.last.as_ref().and_then(consult);
        let (source, origin) = (*this.source, Origin::Live);
        let heard = match answer {
            Ok(Some(value)) => Heard::Found(Part { value, source, origin, took, attempts }),
            answer => Heard::Otherwise(Said { answer, origin, earlier, took, attempts }),
        };
        Poll::Ready(heard.settle(source, policy))
    }
}

impl<A: Answering> fmt::Debug for Ask<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, within, by, .. } = self;
        let mut ask = f.debug_struct("Ask");
        ask.field("source", source).field("within", within).field("by", by).finish_non_exhaustive()
    }
}

/// What can be asked.
#[allow(unnameable_types, reason = "that is what seals a trait")]
pub trait Answering {
    /// What is found.
    type Value: 'static;

    /// What the future says.
    #[doc(hidden)]
    type Said;

    /// Whether it ends by its deadline without being told.
    #[doc(hidden)]
    const KEEPS_TIME: bool = false;

    #[doc(hidden)]
    fn begin(self, by: Option<Deadline>) -> impl Future<Output = Self::Said>;

    /// The answer, and after how many attempts.
    #[doc(hidden)]
    fn read(said: Self::Said) -> (Result<Option<Self::Value>, Failure>, u32);
}

/// One attempt that has an answer or fails.
#[derive(Debug)]
pub struct Once<F>(F);

/// One attempt that may find that there is no such thing.
#[derive(Debug)]
pub struct Search<F>(F);

/// Attempts until there is an answer.
#[derive(Debug)]
pub struct Again<M> {
    attempt: M,
    retry: RetryPolicy,
    seed: u64,
}

impl<T: 'static, E, F> Answering for Once<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Value = T;
    type Said = Result<T, E>;

    fn begin(self, _: Option<Deadline>) -> impl Future<Output = Result<T, E>> {
        self.0
    }

    fn read(said: Result<T, E>) -> (Result<Option<T>, Failure>, u32) {
        (said.map(Some).map_err(Failure::failed), 1)
    }
}

impl<T: 'static, E, F> Answering for Search<F>
where
    F: Future<Output = Result<Option<T>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Value = T;
    type Said = Result<Option<T>, E>;

    fn begin(self, _: Option<Deadline>) -> impl Future<Output = Result<Option<T>, E>> {
        self.0
    }

    fn read(said: Result<Option<T>, E>) -> (Result<Option<T>, Failure>, u32) {
        (said.map_err(Failure::failed), 1)
    }
}

impl<T: 'static, E, F, M> Answering for Again<M>
where
    M: FnMut(Call) -> F,
    F: Future<Output = Result<Option<T>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Value = T;
    type Said = (Result<Option<T>, Failure>, u32);

    const KEEPS_TIME: bool = true;

    fn read(said: Self::Said) -> Self::Said {
        said
    }

    async fn begin(mut self, by: Option<Deadline>) -> (Result<Option<T>, Failure>, u32) {
        let by = by.unwrap_or_else(|| Deadline::within(Duration::MAX));
        let mut backoff = self.retry.begin(self.seed);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = (self.attempt)(Call::new(by).with_attempt(attempts));
            let answer = timeout_at(by.instant(), attempt).await;
            let failure = match answer.map(|answer| answer.map_err(Failure::failed)) {
                Ok(Ok(answer)) => return (Ok(answer), attempts),
                Ok(Err(failure)) => failure,
                Err(_) => return (Err(Failure::Late), attempts),
            };
            match backoff.next_delay().filter(|_| failure.is_transient()) {
                Some(delay) if delay < by.remaining() => sleep(delay).await,
                _ => return (Err(failure), attempts),
            }
        }
    }
}

/// The last answer of one question, for when there is none: see [`Ask::or_stale`].
///
/// It is one value for everybody: what only some may see does not belong into it.
#[derive(Debug)]
pub struct Last<T>(Mutex<Option<(T, Instant)>>);

impl<T> Last<T> {
    /// No answer yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Memory<'_, T> {
    /// Keeps an answer; finds one if there is none.
    fn consult(&self, answer: &Result<Option<T>, Failure>, now: Instant) -> Option<(T, Duration)> {
        let mut last = self.last.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(answer) = answer {
            *last = answer.as_ref().map(|value| ((self.copy)(value), now));
            return None;
        }
        let (value, since) = last.as_ref()?;
        let age = now.saturating_duration_since(*since);
        (age <= self.age_max).then(|| ((self.copy)(value), age))
    }
}

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self::new()
    }
}
