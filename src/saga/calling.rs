//! What a saga waits for: its calls, and what it looks for in the store.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, CatchUnwind};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::Instrument;
use tracing::instrument::Instrumented;

use super::act::Said;
use super::drive::Ending;
use super::run::Way;
use crate::ports::telemetry;

/// What ends in an [`Ending`].
pub(super) enum UnderWay {
    Call(Calling),
    Other(BoxFuture<'static, Ending>),
}

/// A call. It has so much time, and a panic is one way to end it.
pub(super) struct Calling {
    call: Instrumented<CatchUnwind<AssertUnwindSafe<BoxFuture<'static, Said>>>>,
    saga: &'static str,
    name: Arc<str>,
    step: usize,
    way: Way,
    begun: Instant,
    time_max: Duration,
    /// Most calls that are quick need no timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Calling {
    pub(super) fn begin(
        call: BoxFuture<'static, Said>,
        (saga, name): (&'static str, Arc<str>),
        (step, way): (usize, Way),
        time_max: Duration,
    ) -> Self {
        let span = tracing::debug_span!("saga_call", step = &*name, ?way);
        let call = AssertUnwindSafe(call).catch_unwind().instrument(span);
        Self { call, saga, name, step, way, begun: Instant::now(), time_max, timer: None }
    }

    /// What it has said, or that it has said nothing in time.
    fn poll_said(&mut self, cx: &mut Context<'_>) -> Poll<Said> {
        if let Poll::Ready(said) = self.call.poll_unpin(cx) {
            return Poll::Ready(said.unwrap_or_else(|_| Said::unknown("it panicked")));
        }
        let Some(until) = self.begun.checked_add(self.time_max) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        timer.poll_unpin(cx).map(|()| Said::unknown("it took too long"))
    }
}

impl Future for Calling {
    type Output = Ending;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let this = self.get_mut();
        this.poll_said(cx).map(|said| {
            let (outcome, took) = (said.outcome.as_str(), this.begun.elapsed());
            telemetry::saga_call(this.saga, &this.name, this.way.as_str(), outcome, took);
            Ending::Call(this.step, this.way, said)
        })
    }
}

impl Future for UnderWay {
    type Output = Ending;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        match self.get_mut() {
            Self::Call(call) => call.poll_unpin(cx),
            Self::Other(other) => other.poll_unpin(cx),
        }
    }
}
