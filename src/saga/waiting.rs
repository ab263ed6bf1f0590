//! Steps that wait: for a time, or for a signal.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::act::Said;
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
    /// A signal, until then at most.
    Signal { until: Option<Instant> },
    /// Until nothing can be under way any more that was called before; then it is called.
    Horizon { until: Instant, way: Way, effect: Option<Effect<Out>> },
}

impl Pending {
    pub(super) const fn until(&self) -> Option<Instant> {
        match self {
            Self::Delay { until } | Self::Horizon { until, .. } => Some(*until),
            Self::Signal { until } => *until,
        }
    }
}

/// A signal that has come, or not yet.
pub(super) type Signalled = Option<Json>;

impl Drive {
    /// A step's turn has come that does nothing but wait.
    pub(super) fn begin_to_wait(&mut self, step: usize, work: &Work) {
        let since = self.saga.ready_at(step);
        let until = |time: Duration| self.shared.instant(later(since, time));
        let pending = match work {
            Work::Call(_) => return,
            Work::Delay(time) if time.is_zero() => {
                let said = happened(Json::of(&()), Arc::new(()));
                let ending = Ending::Call(step, Way::Do, said);
                return self.calls.push(std::future::ready(ending).boxed());
            }
            Work::Delay(time) => Pending::Delay { until: until(*time) },
            Work::Signal { within, .. } => Pending::Signal { until: within.map(until) },
        };
        let is_signal = matches!(pending, Pending::Signal { .. });
        self.pending.insert(step, pending);
        if is_signal {
            self.ask_for_signal(step);
        }
    }

    /// Looks again for all signals that are waited for.
    pub(super) fn listen(&mut self) {
        let is_signal = |pending: &Pending| matches!(pending, Pending::Signal { .. });
        let waiting = self.pending.iter().filter(|(_, pending)| is_signal(pending));
        let steps: Vec<usize> = waiting.map(|(step, _)| *step).collect();
        for step in steps {
            self.ask_for_signal(step);
        }
    }

    fn ask_for_signal(&mut self, step: usize) {
        let Some(node) = self.saga.node(step) else { return };
        let (shared, id, name) =
            (Arc::clone(&self.shared), self.saga.id.clone(), Arc::clone(&node.name));
        let ask = async move { Ending::Signal(step, shared.signal_for(&id, &name).await) };
        self.calls.push(ask.boxed());
    }

    /// What came of looking for a signal.
    pub(super) fn signalled(&mut self, step: usize, found: Result<Signalled, BackendError>) {
        if !matches!(self.pending.get(&step), Some(Pending::Signal { .. })) {
            return;
        }
        let json = match found {
            Ok(Some(json)) => json,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(saga = %self.saga.id, %error, "signals cannot be read");
                self.pending.remove(&step);
                return self.said(step, Way::Do, Said::unknown("signals cannot be read"));
            }
        };
        self.pending.remove(&step);
        let decoded = self.saga.node(step).map(|node| node.work.decode(&json));
        let said = match decoded {
            Some(Ok(value)) => happened(Ok(json), value),
            Some(Err(error)) => Said::broken(format!("the signal cannot be read: {error}")),
            None => return,
        };
        self.said(step, Way::Do, said);
    }

    /// Ends the waits whose time has come.
    pub(super) fn waited(&mut self, now: Instant) {
        let is_due = |pending: &Pending| pending.until().is_some_and(|until| until <= now);
        let due = self.pending.iter().filter(|(_, pending)| is_due(pending));
        let due: Vec<usize> = due.map(|(step, _)| *step).collect();
        for step in due {
            match self.pending.remove(&step) {
                Some(Pending::Delay { .. }) => {
                    self.said(step, Way::Do, happened(Json::of(&()), Arc::new(())));
                }
                Some(Pending::Signal { .. }) => {
                    let said = Json::of(&"no signal has come in time").map(Said::rejected);
                    self.said(step, Way::Do, said.unwrap_or_else(|e| Said::broken(e.to_string())));
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
        let until = self.shared.instant(self.saga.horizon(horizon));
        (until > Instant::now()).then_some(until)
    }
}

/// A step that only waits has nothing to be given.
pub(super) fn happened(json: Result<Json, serde_json::Error>, value: Arc<Value>) -> Said {
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
