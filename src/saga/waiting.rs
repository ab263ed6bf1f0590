//! Steps that wait: for a time, or for a signal.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::act::Said;
use super::calling::UnderWay;
use super::drive::{Drive, Ending};
use super::handle::Value;
use super::instance::later;
use super::json::{Json, Out};
use super::node::Work;
use super::outcome::Effect;
use super::run::{Outcome, Way};
use super::shape::Resolve;
use crate::ports::BackendError;

/// What a step waits for.
pub(super) enum Pending {
    /// Until then.
    Delay { until: Instant },
    /// A signal, until then at most. Signals that could not be read are looked for again.
    Signal { until: Option<Instant>, again: Option<Instant>, is_late: bool },
    /// Until nothing can be under way any more that was called before; then it is called.
    Horizon { until: Instant, way: Way, effect: Option<Effect<Out>> },
}

impl Pending {
    pub(super) const fn until(&self) -> Option<Instant> {
        match self {
            Self::Delay { until } | Self::Horizon { until, .. } => Some(*until),
            // Whoever looks again does so soon.
            Self::Signal { again: Some(again), .. } => Some(*again),
            Self::Signal { until, .. } => *until,
        }
    }
}

/// When signals are looked for again that could not be read.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// A signal that has come, or not yet.
pub(super) type Signalled = Option<Json>;

impl Drive {
    /// A step's turn has come that does nothing but wait.
    pub(super) fn begin_to_wait(&mut self, step: usize, work: &Work) {
        let since = self.hand.saga.ready_at(step);
        let until = |time: Duration| self.shared.instant(later(since, time));
        let pending = match work {
            Work::Call(_) => return,
            Work::Delay(time) if time.is_zero() => {
                let ending = Ending::Call(step, Way::Do, passed());
                return self.calls.push(UnderWay::Other(std::future::ready(ending).boxed()));
            }
            Work::Delay(time) => Pending::Delay { until: until(*time) },
            Work::Signal { within, .. } => {
                Pending::Signal { until: within.map(until), again: None, is_late: false }
            }
        };
        let is_signal = matches!(pending, Pending::Signal { .. });
        self.pending.insert(step, pending);
        if is_signal {
            self.ask_for_signal(step, false);
        }
    }

    /// Looks again for all signals that are waited for.
    pub(super) fn listen(&mut self) {
        let is_signal = |pending: &Pending| matches!(pending, Pending::Signal { .. });
        let waiting = self.pending.iter().filter(|(_, pending)| is_signal(pending));
        let steps: Vec<usize> = waiting.map(|(step, _)| *step).collect();
        for step in steps {
            self.ask_for_signal(step, false);
        }
    }

    /// Looks for a signal; if it is the last time, and there is none, the saga is given up.
    fn ask_for_signal(&mut self, step: usize, is_last: bool) {
        let Some(node) = self.hand.saga.node(step) else { return };
        let (shared, id, name) = (
            Arc::clone(&self.shared),
            self.hand.saga.id.clone(),
            self.hand.saga.first_name(&node.name),
        );
        let ask = async move { Ending::Signal(step, is_last, shared.signal_for(&id, &name).await) };
        self.calls.push(UnderWay::Other(ask.boxed()));
    }

    /// What came of looking for a signal.
    pub(super) fn signalled(
        &mut self,
        step: usize,
        is_last: bool,
        found: Result<Signalled, BackendError>,
    ) {
        let Some(Pending::Signal { again, .. }) = self.pending.get_mut(&step) else { return };
        let json = match found {
            Ok(Some(json)) => json,
            Ok(None) if is_last => {
                self.pending.remove(&step);
                let said = Json::of(&"no signal has come in time").map(Said::rejected);
                let said = said.unwrap_or_else(|error| Said::broken(error.to_string()));
                return self.said(step, Way::Do, said);
            }
            Ok(None) => return,
            Err(error) => {
                // That says nothing of the signal.
                tracing::warn!(saga = %self.hand.saga.id, %error, "signals cannot be read");
                *again = Some(Instant::now() + READ_AGAIN);
                return;
            }
        };
        self.pending.remove(&step);
        let Some(node) = self.hand.saga.node(step) else { return };
        let said = came(&node.work, json);
        self.said(step, Way::Do, said);
    }

    /// Ends the waits whose time has come.
    pub(super) fn waited(&mut self, now: Instant) {
        let is_due = |pending: &Pending| pending.until().is_some_and(|until| until <= now);
        let due = self.pending.iter().filter(|(_, pending)| is_due(pending));
        let due: Vec<usize> = due.map(|(step, _)| *step).collect();
        for step in due {
            match self.pending.remove(&step) {
                Some(Pending::Signal { until, is_late, .. }) => {
                    // What has come in time was perhaps not seen yet.
                    let is_late = is_late || until.is_some_and(|until| until <= now);
                    let until = until.filter(|_| !is_late);
                    self.pending.insert(step, Pending::Signal { until, again: None, is_late });
                    self.ask_for_signal(step, is_late);
                }
                Some(Pending::Delay { .. }) => {
                    self.said(step, Way::Do, passed());
                }
                Some(Pending::Horizon { way, effect, .. }) => self.call(step, way, effect),
                None => {}
            }
        }
    }

    /// Until when a compensation that can only look up what has happened has to wait.
    pub(super) fn too_early(
        &self,
        way: Way,
        resolve: Resolve,
        effect: Option<&Effect<Out>>,
    ) -> Option<Instant> {
        let (Way::Undo, Some(Effect::Unknown), Resolve::QueryAfter(horizon)) =
            (way, effect, resolve)
        else {
            return None;
        };
        let until = self.shared.instant(self.hand.saga.horizon(horizon));
        (until > Instant::now()).then_some(until)
    }
}

/// The time has passed for which a step has waited.
pub(super) fn passed() -> Said {
    happened(Json::of(&()), Arc::new(()))
}

/// What a step has waited for has come.
pub(super) fn came(work: &Work, json: Json) -> Said {
    match work.decode(&json) {
        Ok(value) => happened(Ok(json), value),
        Err(error) => Said::broken(format!("the signal cannot be read: {error}")),
    }
}

/// A step that only waits has nothing to be given.
fn happened(json: Result<Json, serde_json::Error>, value: Arc<Value>) -> Said {
    match json {
        Ok(json) => Said {
            outcome: Outcome::Ok(Out { of: 0, json }),
            commit: None,
            out: Some(value),
            of: None,
            error: None,
        },
        Err(error) => Said::broken(error.to_string()),
    }
}
