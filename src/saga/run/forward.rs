//! Forward: each step when all that it needs has happened, until one is refused.

use super::{Cause, Command, Kind, Outcome, Record, Run, Way};
use crate::saga::json::Json;

impl Run {
    /// Calls what is ready.
    pub(super) fn call_forward(&mut self, commands: &mut Vec<Command>) {
        for step in 0..self.shape.steps.len() {
            if self.state.is_ready(&self.shape, step) && self.is_idle(step) {
                self.calls.insert(step, Way::Do);
                commands.push(Command::Call { step, way: Way::Do, effect: None });
            }
        }
    }

    /// A step has answered while the saga goes forward.
    pub(super) fn answered_forward(&mut self, step: usize, outcome: Outcome) -> Vec<Command> {
        match outcome {
            Outcome::Ok(out) => {
                self.results.extend(self.name(step).map(|step| Record::Done { step, out }));
                Vec::new()
            }
            Outcome::RejectedInPart(why) => {
                self.taint(step);
                self.give_up_for(step, why);
                Vec::new()
            }
            Outcome::Rejected(why) => {
                self.refused_forward(step, why);
                Vec::new()
            }
            Outcome::Transient | Outcome::Unknown => self.unanswered(step),
            Outcome::Broken(why) => {
                self.taint(step);
                self.suspend(step, &why);
                Vec::new()
            }
        }
    }

    fn refused_forward(&mut self, step: usize, why: Json) {
        if self.is_definitive(step) {
            self.refused.insert(step);
        }
        self.give_up_for(step, why);
    }

    fn give_up_for(&mut self, step: usize, why: Json) {
        if let Some(step) = self.name(step) {
            self.giving_up.get_or_insert(Cause::Refused { step, why });
        }
    }

    /// Whether a refusal says that no call of the step has had an effect.
    pub(super) fn is_definitive(&self, step: usize) -> bool {
        let dedupes = self.step(step).is_some_and(|step| step.dedupes || step.is_local);
        let is_tainted = self.rules.taints && self.tainted.contains(&step);
        // A pivot is one that a participant dedupes, or is local.
        dedupes || !is_tainted || self.kind(step) == Kind::Pivot
    }

    /// From now on a refusal of the step proves nothing.
    pub(super) fn taint(&mut self, step: usize) {
        if !self.is_local(step) {
            self.tainted.insert(step);
        }
    }

    /// A call has ended without an answer.
    fn unanswered(&mut self, step: usize) -> Vec<Command> {
        self.taint(step);
        let retries_max = self.step(step).map_or(0, |step| step.retries_max);
        if let Some(rest) = self.rest(step, Way::Do, retries_max) {
            return vec![rest];
        }
        let holds_on = match self.kind(step) {
            Kind::Compensable | Kind::ReadOnly => false,
            // One that is local has happened when that is written down, and not before.
            Kind::Pivot => self.rules.holds_on_to_the_pivot && !self.is_local(step),
            Kind::Retriable => true,
        };
        if holds_on {
            self.suspend(step, "it was tried as often as it may be");
        } else if let Some(name) = self.name(step) {
            self.giving_up.get_or_insert(Cause::Exhausted { step: name });
        }
        Vec::new()
    }
}
