//! A source, and how it is asked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::StaleCache;
use crate::retry::{Breaker, BreakerOptions, Purse, RetryBudget, RetryPolicy, Seeds};
use crate::source::{Deadline, Failure, Source};

/// How a source is asked, by all compositions together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct LookupOptions {
    /// The most keys in one call; 0 counts as 1. 100 by default.
    pub keys_per_call_max: usize,
    /// How long one attempt may take; the deadline of the composition may leave less. 1 s by default.
    pub attempt_time: Duration,
    /// The most attempts that run at once; 0 counts as 1. 64 by default.
    pub attempts_running_max: usize,
    /// The most attempts that wait until they may run. More fail at once with [`Failure::Full`]. 256 by default.
    pub attempts_waiting_max: usize,
    /// How often a failed call is tried again, and how long between; only for those keys that failed. Never by default.
    pub retry: RetryPolicy,
    /// How much all compositions together may try again.
    pub budget: RetryBudget,
    /// When the source is left alone for a while. `None` is never, the default.
    pub breaker: Option<BreakerOptions>,
}

impl Default for LookupOptions {
    fn default() -> Self {
        Self {
            keys_per_call_max: 100,
            attempt_time: Duration::from_secs(1),
            attempts_running_max: 64,
            attempts_waiting_max: 256,
            retry: RetryPolicy::NEVER,
            budget: RetryBudget::default(),
            breaker: None,
        }
    }
}

/// A source, and how it is asked: what compositions look keys up in. It is made once; its clones are the same look-up, with
/// the same bulkhead, budget and breaker.
///
/// ```
/// use std::time::Duration;
/// use freehold::composer::{Lookup, LookupOptions};
/// use freehold::retry::{BreakerOptions, RetryPolicy};
/// # use freehold::source::{self, Answers, Call};
/// # let products = source::from_fn("products", |codes: Vec<String>, _: Call| async move {
/// #     Ok(Answers::keyed(codes.into_iter().map(|code| (code, 0_u64))))
/// # });
///
/// let options = LookupOptions {
///     keys_per_call_max: 50,
///     attempt_time: Duration::from_millis(300),
///     retry: RetryPolicy { retries_max: 2, ..RetryPolicy::default() },
///     breaker: Some(BreakerOptions::default()),
///     ..LookupOptions::default()
/// };
/// let products = Lookup::builder(products).options(options).build();
/// ```
pub struct Lookup<S: Source>(Arc<Standing<S>>);

/// A source, and what all who ask it share.
pub(super) struct Standing<S: Source> {
    pub(super) source: S,
    pub(super) options: LookupOptions,
    pub(super) purse: Purse,
    pub(super) breaker: Option<Breaker>,
    pub(super) bulkhead: Bulkhead,
    pub(super) seeds: Seeds,
    pub(super) memory: Option<Memory<S>>,
}

/// What was said earlier, and whether it may be said to everybody.
pub(super) struct Memory<S: Source> {
    pub(super) cache: Arc<dyn StaleCache<S::Key, S::Value>>,
    pub(super) is_for_all: bool,
}

impl<S: Source> Lookup<S> {
    /// A source that is asked as [`LookupOptions`] says by default.
    pub fn new(source: S) -> Self {
        Self::builder(source).build()
    }

    /// A source, of which it is still to be said how it is asked.
    pub const fn builder(source: S) -> LookupBuilder<S> {
        LookupBuilder { source, options: None, seed: None, memory: None }
    }

    pub(super) const fn standing(&self) -> &Arc<Standing<S>> {
        &self.0
    }
}

impl<S: Source> Clone for Lookup<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Source> fmt::Debug for Lookup<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup")
            .field("source", &self.0.source.name())
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

/// Says how a source is asked; made by [`Lookup::builder`].
#[must_use = "a builder makes nothing until it is told to build"]
pub struct LookupBuilder<S: Source> {
    source: S,
    options: Option<LookupOptions>,
    seed: Option<u64>,
    memory: Option<Memory<S>>,
}

impl<S: Source> LookupBuilder<S> {
    /// Within these bounds.
    pub const fn options(mut self, options: LookupOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// With all chance decided by a seed: how long it is waited between attempts, and how long a breaker stays open.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What the source says is remembered, for each [principal](super::Terms::principal) apart. Nothing is remembered of
    /// what is asked for nobody in particular.
    pub fn remember(self, cache: impl StaleCache<S::Key, S::Value>) -> Self {
        Self { memory: Some(Memory { cache: Arc::new(cache), is_for_all: false }), ..self }
    }

    /// What the source says is remembered for everybody: right for a source that says the same to all, and for no other.
    pub fn remember_for_all(self, cache: impl StaleCache<S::Key, S::Value>) -> Self {
        Self { memory: Some(Memory { cache: Arc::new(cache), is_for_all: true }), ..self }
    }

    /// The look-up.
    pub fn build(self) -> Lookup<S> {
        let Self { source, options, seed, memory } = self;
        let options = options.unwrap_or_default();
        Lookup(Arc::new(Standing {
            source,
            options,
            purse: Purse::new(options.budget),
            breaker: options.breaker.map(|breaker| Breaker::new(breaker, seed)),
            bulkhead: Bulkhead::new(options.attempts_running_max, options.attempts_waiting_max),
            seeds: Seeds::new(seed),
            memory,
        }))
    }
}

impl<S: Source> fmt::Debug for LookupBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupBuilder").field("source", &self.source.name()).finish_non_exhaustive()
    }
}

impl<S: Source> Memory<S> {
    /// Whether what is said to one like this is remembered.
    pub(super) const fn knows(&self, principal: Option<&str>) -> bool {
        self.is_for_all || principal.is_some()
    }

    /// For whom it is remembered; `None` is for everybody.
    pub(super) fn owner<'p>(&self, principal: Option<&'p str>) -> Option<&'p str> {
        principal.filter(|_| !self.is_for_all)
    }
}

/// How many attempts run at once, and how many may wait until they do.
pub(super) struct Bulkhead {
    running: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Bulkhead {
    fn new(running_max: usize, waiting_max: usize) -> Self {
        let running = Semaphore::new(running_max.clamp(1, Semaphore::MAX_PERMITS));
        Self { running, waiting: AtomicUsize::new(0), waiting_max }
    }

    /// Waits until one more may run, which must be before the deadline.
    pub(super) async fn enter(&self, by: Deadline) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(permit) = self.running.try_acquire() {
            return Ok(permit);
        }
        let _waits = Waits::new(self)?;
        // A semaphore that nobody closes.
        let permit = self.running.acquire().await.map_err(|_| Failure::Full)?;
        // A place may become free because the time of all is over.
        if by.remaining().is_zero() { Err(Failure::Late) } else { Ok(permit) }
    }
}

/// One who waits, until it is dropped.
struct Waits<'b>(&'b AtomicUsize);

impl<'b> Waits<'b> {
    fn new(Bulkhead { waiting, waiting_max, .. }: &'b Bulkhead) -> Result<Self, Failure> {
        let more = |waiting: usize| (waiting < *waiting_max).then_some(waiting + 1);
        let entered = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.map(|_| Self(waiting)).map_err(|_| Failure::Full)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
