//! Backward: what has happened, or may have, is compensated, the last first.

use super::{Command, Outcome, Record, Run, Way};
use crate::saga::outcome::Effect;
use crate::saga::shape::Resolve;
use crate::saga::state::StepState;

impl Run {
    /// Compensates what is in turn.
    pub(super) fn call_backward(&mut self, commands: &mut Vec<Command>) {
        for step in (0..self.shape.steps.len()).rev() {
            if !self.state.has_effect(&self.shape, step) {
                continue;
            }
            let is_alone = self.shape.undoes_in_parallel || !self.is_undoing();
            if self.is_in_turn(step) && is_alone && self.is_idle(step) {
                self.compensate(step, commands);
            }
            if !self.shape.undoes_in_parallel {
                // One at a time, and the last first.
                return;
            }
        }
    }

    fn is_undoing(&self) -> bool {
        self.calls.values().any(|way| *way != Way::Do)
    }

    /// Whether all that needed the step is compensated.
    fn is_in_turn(&self, step: usize) -> bool {
        let mut behind = self.shape.behind(step);
        !self.rules.keeps_order || behind.all(|behind| !self.state.has_effect(&self.shape, behind))
    }

    fn compensate(&mut self, step: usize, commands: &mut Vec<Command>) {
        let resolve = self.step(step).map_or(Resolve::Manual, |step| step.resolve);
        let (way, effect) = match (self.state.steps.get(step), resolve) {
            (Some(StepState::Done(out)), _) => (Way::Undo, Some(Effect::Happened(out.clone()))),
            (_, Resolve::Redrive) if self.rules.settles => (Way::Redrive, None),
            (_, Resolve::Manual) => {
                return self.suspend(step, "nobody knows whether it has happened");
            }
            _ => (Way::Undo, Some(Effect::Unknown)),
        };
        self.calls.insert(step, way);
        commands.push(Command::Call { step, way, effect });
    }

    /// A step has answered while the saga goes backward: one that was called before it was given up, or since.
    pub(super) fn answered_backward(
        &mut self,
        step: usize,
        way: Way,
        outcome: Outcome,
    ) -> Vec<Command> {
        let Some(name) = self.name(step) else { return Vec::new() };
        let is_uncertain = self.state.steps.get(step) == Some(&StepState::Uncertain);
        let record = match (way, outcome) {
            (Way::Undo, Outcome::Ok(_)) => Record::Undone { step: name },
            (Way::Do | Way::Redrive, Outcome::Ok(out)) if is_uncertain => {
                Record::Settled { step: name, out: Some(out) }
            }
            (Way::Do | Way::Redrive, Outcome::Rejected(_))
                if is_uncertain && self.is_definitive(step) =>
            {
                Record::Settled { step: name, out: None }
            }
            // Whatever else came of a call that was under way, the step is as uncertain as it was.
            (Way::Do, _) => {
                self.taint(step);
                return Vec::new();
            }
            (Way::Undo | Way::Redrive, Outcome::Broken(why)) => {
                self.suspend(step, &why);
                return Vec::new();
            }
            (Way::Undo | Way::Redrive, _) => {
                let retries_max = self.step(step).map_or(0, |step| step.undo_retries_max);
                let rest = self.rest(step, way, retries_max);
                if rest.is_none() {
                    self.suspend(step, "its compensation was tried as often as it may be");
                }
                return rest.into_iter().collect();
            }
        };
        self.results.push(record);
        Vec::new()
    }
}
