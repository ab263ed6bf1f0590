//! Handles of keys that are asked for.

use std::fmt;
use std::iter::once;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::loader::Loader;
use super::policy::{Optional, OrValue, Policy, Required};
use crate::source::{PartReport, Source};

/// A key that is asked for: it was queued when [`Scope::get`](super::Scope::get) was called, and is waited for when this is
/// awaited. By default there is no answer at all without it.
///
/// Dropping it takes the key back, as far as nobody else asks for it.
#[must_use = "the key is queued already, and nobody waits for it"]
pub struct Get<S: Source, P = Required> {
    ticket: Tickets<S, [(u32, bool); 1]>,
    policy: Option<P>,
    age_max: Option<Duration>,
}

/// Keys that are asked for; otherwise as [`Get`]. The parts come in the order of the keys.
#[must_use = "the keys are queued already, and nobody waits for them"]
pub struct All<S: Source, P = Required> {
    tickets: Tickets<S, Vec<(u32, bool)>>,
    policy: Option<P>,
    age_max: Option<Duration>,
}

/// An interest in slots: where each is, and whether somebody else asked for it before.
struct Tickets<S: Source, T: AsRef<[(u32, bool)]>> {
    loader: Arc<Loader<S>>,
    slots: T,
    /// How many of them are settled.
    settled: usize,
}

impl<S: Source, T: AsRef<[(u32, bool)]>> Tickets<S, T> {
    fn open(&self) -> impl Iterator<Item = (u32, bool)> {
        self.slots.as_ref().iter().skip(self.settled).copied()
    }
}

impl<S: Source, T: AsRef<[(u32, bool)]>> Drop for Tickets<S, T> {
    fn drop(&mut self) {
        if self.settled < self.slots.as_ref().len() {
            self.loader.leave(self.open().map(|(slot, _)| slot));
        }
    }
}

impl<S: Source> Get<S> {
    pub(super) fn new(loader: Arc<Loader<S>>, key: S::Key) -> Self {
        let mut slots = [(0, false)];
        loader.queue(once(key), |slot, is_again| slots = [(slot, is_again)]);
        let ticket = Tickets { loader, slots, settled: 0 };
        Self { ticket, policy: Some(Required), age_max: None }
    }

    /// Takes what the source said earlier, if it does not answer now and that is not older: see
    /// [`LookupBuilder::remember`](super::LookupBuilder::remember).
    pub const fn or_stale(mut self, age_max: Duration) -> Self {
        self.age_max = Some(age_max);
        self
    }

    /// Nice to have. What it becomes is no `Result`: there is nothing to `?`.
    pub fn optional(self) -> Get<S, Optional> {
        self.with(Optional)
    }

    /// This instead, if need be.
    pub fn or(self, value: S::Value) -> Get<S, OrValue<S::Value>> {
        self.with(OrValue(value))
    }

    fn with<P>(self, policy: P) -> Get<S, P> {
        Get { ticket: self.ticket, policy: Some(policy), age_max: self.age_max }
    }
}

impl<S: Source> All<S> {
    pub(super) fn new(loader: Arc<Loader<S>>, keys: impl Iterator<Item = S::Key>) -> Self {
        let mut slots = Vec::with_capacity(keys.size_hint().0);
        loader.queue(keys, |slot, is_again| slots.push((slot, is_again)));
        let tickets = Tickets { loader, slots, settled: 0 };
        Self { tickets, policy: Some(Required), age_max: None }
    }

    /// As [`Get::or_stale`], key by key.
    pub const fn or_stale(mut self, age_max: Duration) -> Self {
        self.age_max = Some(age_max);
        self
    }

    /// As [`Get::optional`], key by key.
    pub fn optional(self) -> All<S, Optional> {
        self.with(Optional)
    }

    /// As [`Get::or`], key by key.
    pub fn or(self, value: S::Value) -> All<S, OrValue<S::Value>> {
        self.with(OrValue(value))
    }

    fn with<P>(self, policy: P) -> All<S, P> {
        All { tickets: self.tickets, policy: Some(policy), age_max: self.age_max }
    }
}

// Nothing in a handle points to itself.
impl<S: Source, P> Unpin for Get<S, P> {}
impl<S: Source, P> Unpin for All<S, P> {}

impl<S: Source, P: Policy<S::Value>> Future for Get<S, P> {
    type Output = P::One;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<P::One> {
        let Self { ticket, policy, age_max } = &mut *self;
        let [slot] = ticket.slots;
        let Some(heard) = ticket.loader.listen(cx.waker()).hear(slot, *age_max) else {
            return Poll::Pending;
        };
        // The policy is used once: after that there is nothing to come.
        let Some(policy) = policy.take() else { return Poll::Pending };
        ticket.settled = 1;
        ticket.loader.report(&heard);
        Poll::Ready(heard.settle(ticket.loader.source(), policy))
    }
}

impl<S: Source, P: Policy<S::Value>> Future for All<S, P> {
    type Output = P::All;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<P::All> {
        let Self { tickets, policy, age_max } = &mut *self;
        let Tickets { loader, slots, settled } = tickets;
        let mut ear = loader.listen(cx.waker());
        let (mut in_order, mut decision) = (*settled, None);
        if ear.is_over() {
            in_order = slots.len();
        }
        for (nth, (slot, is_again)) in slots.iter().copied().enumerate().skip(in_order) {
            match ear.is_there(slot, *age_max) {
                // Of what comes later than something that is still open only a decision counts.
                Some(false) if P::DECIDES => {
                    decision = Some((slot, is_again));
                    break;
                }
                Some(_) if nth == in_order => in_order += 1,
                Some(_) | None => {}
            }
        }
        if decision.is_none() {
            *settled = in_order;
        }
        let is_whole = decision.is_some() || in_order == slots.len();
        let Some(policy) = policy.take_if(|_| is_whole) else { return Poll::Pending };
        let (source, one, mut reports) = (loader.source(), policy.again(), Vec::new());
        let heard = slots.iter().take(in_order).copied().chain(decision);
        let parts = heard.filter_map(|slot| ear.hear(slot, *age_max)).map(|heard| {
            reports.extend(heard.report().map(|origin| PartReport::new(source, origin)));
            heard.settle(source, one.again())
        });
        let parts = policy.all(slots.len(), parts);
        drop(ear);
        if !reports.is_empty() {
            loader.core.report_all(reports);
        }
        Poll::Ready(parts)
    }
}

impl<S: Source, P> fmt::Debug for Get<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("source", &self.ticket.loader.source()).finish_non_exhaustive()
    }
}

impl<S: Source, P> fmt::Debug for All<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("All")
            .field("source", &self.tickets.loader.source())
            .field("keys", &self.tickets.slots.len())
            .finish_non_exhaustive()
    }
}
