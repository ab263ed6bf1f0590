//! What a saga's log says: a fold of its records, in which nothing can be out of place.

use std::sync::Arc;

use super::json::{Json, Out};
use super::record::{Action, Record, Verdict};
use super::shape::{Kind, Shape, StepShape};

/// Where a saga is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) is_suspended: bool,
    /// Whether somebody has asked for it to be given up.
    pub(crate) is_cancelled: bool,
    pub(crate) steps: Vec<StepState>,
}

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Forward,
    Backward,
    Completed,
    Compensated,
    Abandoned,
}

/// What is known of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StepState {
    /// Nothing is written down. It may have been called.
    Open,
    Done(Out),
    /// The saga was given up, and nobody knows whether it has happened.
    Uncertain,
    /// It has not happened, and will not.
    Nothing,
    Undone,
}

/// A record that cannot stand where it stands: the log is not of this saga, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of a saga is out of place: {0}")]
pub(crate) struct OutOfPlace(&'static str);

type Applied = Result<(), OutOfPlace>;

impl State {
    pub(crate) fn new(shape: &Shape) -> Self {
        let steps = shape.steps.iter().map(|_| StepState::Open).collect();
        Self { phase: Phase::Forward, is_suspended: false, is_cancelled: false, steps }
    }

    /// The state that a log leads to.
    pub(crate) fn fold<'r>(
        shape: &Shape,
        log: impl IntoIterator<Item = &'r Record>,
    ) -> Result<Self, OutOfPlace> {
        let mut state = Self::new(shape);
        for record in log {
            state.apply(shape, record)?;
        }
        Ok(state)
    }

    /// Whether nothing can follow.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Compensated | Phase::Abandoned)
    }

    /// Takes a record in.
    pub(crate) fn apply(&mut self, shape: &Shape, record: &Record) -> Applied {
        if self.is_over() {
            return Err(OutOfPlace("it is over"));
        }
        match record {
            // What these say is no part of the state.
            Record::Started(_) | Record::TakenOver { .. } => Ok(()),
            Record::Done { step, out } => self.done(shape, step, out.clone()),
            Record::CancelAsked { .. } if self.can_be_given_up(shape) => {
                self.is_cancelled = true;
                Ok(())
            }
            Record::CancelAsked { .. } => Err(OutOfPlace("it cannot be given up any more")),
            Record::Unwind { uncertain, .. } => self.unwind(shape, uncertain),
            Record::Settled { step, out } => self.settled(shape, step, out.clone()),
            Record::Undone { step } => self.undone(shape, step),
            Record::Suspended { step, .. } => {
                // Of two steps beside each other, both may have come to their end.
                at(shape, step)?;
                self.is_suspended = true;
                Ok(())
            }
            Record::Operator { action, .. } => self.operated(shape, action),
            Record::Completed if self.has_completed() => {
                self.phase = Phase::Completed;
                Ok(())
            }
            Record::Compensated if self.is_compensated(shape) => {
                self.phase = Phase::Compensated;
                Ok(())
            }
            Record::Completed | Record::Compensated => Err(OutOfPlace("it has not ended so")),
        }
    }

    /// What is written down when nothing is left to be done.
    pub(crate) fn end(&self, shape: &Shape) -> Option<Record> {
        if self.has_completed() {
            Some(Record::Completed)
        } else {
            self.is_compensated(shape).then_some(Record::Compensated)
        }
    }

    /// How many steps have not happened, as far as is known.
    pub(crate) fn open(&self) -> usize {
        self.steps.iter().filter(|step| **step == StepState::Open).count()
    }

    /// Whether every step has happened.
    pub(crate) fn has_completed(&self) -> bool {
        let is_done = |step: &StepState| matches!(step, StepState::Done(_));
        self.phase == Phase::Forward && self.steps.iter().all(is_done)
    }

    /// Whether nothing is left to be compensated.
    pub(crate) fn is_compensated(&self, shape: &Shape) -> bool {
        let is_clean = |step: usize| !self.has_effect(shape, step);
        self.phase == Phase::Backward && (0..self.steps.len()).all(is_clean)
    }

    /// Whether a step may have left something that is to be compensated.
    pub(crate) fn has_effect(&self, shape: &Shape, step: usize) -> bool {
        let kind = shape.steps.get(step).map(|step| step.kind);
        let state = self.steps.get(step);
        kind == Some(Kind::Compensable)
            && matches!(state, Some(StepState::Done(_) | StepState::Uncertain))
    }

    /// Whether a step is open, and all that it needs has happened: it may have been called.
    pub(crate) fn is_ready(&self, shape: &Shape, step: usize) -> bool {
        let is_done = |step: &usize| matches!(self.steps.get(*step), Some(StepState::Done(_)));
        let is_open = matches!(self.steps.get(step), Some(StepState::Open));
        let needs = shape.steps.get(step).map(|step| step.after.as_slice()).unwrap_or_default();
        self.phase == Phase::Forward && is_open && needs.iter().all(is_done)
    }

    /// Whether the pivot has happened.
    pub(crate) fn is_past_pivot(&self, shape: &Shape) -> bool {
        let pivot = shape.pivot().and_then(|pivot| self.steps.get(pivot));
        matches!(pivot, Some(StepState::Done(_)))
    }

    fn set(&mut self, step: usize, to: StepState) {
        if let Some(state) = self.steps.get_mut(step) {
            *state = to;
        }
    }

    fn done(&mut self, shape: &Shape, name: &str, out: Out) -> Applied {
        let step = at(shape, name)?;
        if !self.is_ready(shape, step) {
            return Err(OutOfPlace("a step has happened that could not"));
        }
        self.set(step, StepState::Done(out));
        Ok(())
    }

    /// Whether it has not come to its pivot.
    pub(crate) fn can_be_given_up(&self, shape: &Shape) -> bool {
        self.phase == Phase::Forward && !self.is_past_pivot(shape)
    }

    fn unwind(&mut self, shape: &Shape, uncertain: &[Arc<str>]) -> Applied {
        if !self.can_be_given_up(shape) {
            return Err(OutOfPlace("it cannot be given up any more"));
        }
        let mut doubtful = Vec::with_capacity(uncertain.len());
        for name in uncertain {
            let step = at(shape, name)?;
            let is_compensable = shape
                .steps
                .get(step)
                .is_some_and(|step| step.kind == Kind::Compensable && !step.is_local);
            if !self.is_ready(shape, step) || !is_compensable {
                return Err(OutOfPlace("a step is uncertain that cannot be"));
            }
            doubtful.push(step);
        }
        for (place, step) in self.steps.iter_mut().enumerate() {
            if *step == StepState::Open {
                let is_doubtful = doubtful.contains(&place);
                *step = if is_doubtful { StepState::Uncertain } else { StepState::Nothing };
            }
        }
        self.is_suspended = false;
        self.phase = Phase::Backward;
        Ok(())
    }

    fn settled(&mut self, shape: &Shape, name: &str, out: Option<Out>) -> Applied {
        let step = at(shape, name)?;
        if self.steps.get(step) != Some(&StepState::Uncertain) {
            return Err(OutOfPlace("a step is settled that was not uncertain"));
        }
        self.set(step, out.map_or(StepState::Nothing, StepState::Done));
        Ok(())
    }

    fn undone(&mut self, shape: &Shape, name: &str) -> Applied {
        let step = at(shape, name)?;
        let is_held_up = shape.behind(step).any(|behind| self.has_effect(shape, behind));
        if self.phase != Phase::Backward || !self.has_effect(shape, step) || is_held_up {
            return Err(OutOfPlace("a step is compensated that is not in turn"));
        }
        self.set(step, StepState::Undone);
        Ok(())
    }

    fn operated(&mut self, shape: &Shape, action: &Action) -> Applied {
        if !self.is_suspended {
            return Err(OutOfPlace("it waits for no operator"));
        }
        match action {
            Action::Abandon => self.phase = Phase::Abandoned,
            Action::Retry => {}
            Action::Compensate => {
                let uncertain = self.in_doubt(shape, None)?;
                self.unwind(shape, &uncertain)?;
            }
            Action::Resolve { step, verdict } => self.resolved(shape, step, verdict)?,
        }
        self.is_suspended = false;
        Ok(())
    }

    /// The steps that an operator gives up with, and of which nobody knows whether they have happened: whatever was ready may
    /// have been called, but for one that is known not to have happened.
    fn in_doubt(&self, shape: &Shape, known: Option<usize>) -> Result<Vec<Arc<str>>, OutOfPlace> {
        let may_be_called = |(at, step): &(usize, &StepShape)| {
            self.is_ready(shape, *at) && !step.is_local && Some(*at) != known
        };
        let called = shape.steps.iter().enumerate().filter(may_be_called).map(|(_, step)| step);
        if called.clone().any(|step| step.kind == Kind::Pivot) {
            return Err(OutOfPlace("its pivot may have happened"));
        }
        let compensable = called.filter(|step| step.kind == Kind::Compensable);
        Ok(compensable.map(|step| Arc::clone(&step.name)).collect())
    }

    fn resolved(&mut self, shape: &Shape, name: &str, verdict: &Verdict) -> Applied {
        match (self.phase, verdict) {
            (Phase::Forward, Verdict::Happened(out)) => self.done(shape, name, said(out)),
            // Then the saga cannot complete, and is given up.
            (Phase::Forward, Verdict::DidNot) => {
                let step = at(shape, name)?;
                if !self.is_ready(shape, step) {
                    return Err(OutOfPlace("a step has not happened that could not"));
                }
                let uncertain = self.in_doubt(shape, Some(step))?;
                self.unwind(shape, &uncertain)
            }
            (Phase::Backward, Verdict::Happened(out)) => self.settled(shape, name, Some(said(out))),
            (Phase::Backward, Verdict::DidNot) => self.settled(shape, name, None),
            (Phase::Backward, Verdict::Undone) => self.undone(shape, name),
            _ => Err(OutOfPlace("an operator says what cannot be")),
        }
    }
}

/// What an operator says is of whatever the step is given.
fn said(out: &Json) -> Out {
    Out { of: 0, json: out.clone() }
}

fn at(shape: &Shape, name: &str) -> Result<usize, OutOfPlace> {
    shape.place(name).ok_or(OutOfPlace("a step that the definition has not"))
}
