//! One run of a saga by one owner: a machine without clock, store or participants. It is told what has happened, and says
//! what to do.
//!
//! What it knows beside the log is worth nothing to others: which calls are under way, which steps may have been called by
//! somebody before, and how often something was tried. So a new owner begins with the log, and takes every step that may
//! have been called for one that was (`tainted`).

mod backward;
mod forward;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::json::{Json, Out};
use super::outcome::Effect;
use super::record::{Cause, Record};
use super::shape::{Kind, Shape, StepShape};
use super::state::{OutOfPlace, Phase, State};

/// A reason tells a person what to look for, and may quote whatever a participant has said.
const WHY_BYTES_MAX: usize = 4_096;

/// A saga, as its owner has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    shape: Arc<Shape>,
    rules: Rules,
    /// What is written down.
    state: State,
    /// Steps that may have been called without an answer: a refusal proves nothing any more.
    tainted: BTreeSet<usize>,
    /// Steps that were refused and had no effect.
    refused: BTreeSet<usize>,
    calls: BTreeMap<usize, Way>,
    tries: BTreeMap<(usize, Way), u32>,
    /// How often what a local step had decided did not fit any more.
    misfits: BTreeMap<usize, u32>,
    /// Steps that are tried again later.
    resting: BTreeSet<usize>,
    /// What is to be written down next.
    results: Vec<Record>,
    /// What is being written down.
    appending: Option<Arc<[Record]>>,
    /// Answers that came while the saga was being given up.
    held: Vec<(usize, Way, Outcome)>,
    giving_up: Option<Cause>,
}

/// Which way a step is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Forward.
    Do,
    /// The same again, to learn what came of it.
    Redrive,
    /// Backward.
    Undo,
}

/// How a call has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Ok(Out),
    /// It was refused, and has had no effect.
    Rejected(Json),
    /// It was refused, but part of it may have happened.
    RejectedInPart(Json),
    /// Nothing came of this call, and the next may do better.
    Transient,
    /// It may have happened.
    Unknown,
    /// Nobody but an operator can do anything about it; it may have happened.
    Broken(String),
}

impl Way {
    /// `do`, `redrive` or `undo`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Do => "do",
            Self::Redrive => "redrive",
            Self::Undo => "undo",
        }
    }
}

impl Outcome {
    /// What kind of end it is.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Ok(_) => "ok",
            Self::Rejected(_) | Self::RejectedInPart(_) => "rejected",
            Self::Transient => "transient",
            Self::Unknown => "unknown",
            Self::Broken(_) => "broken",
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    /// Write these down, all or none, as the next of this owner.
    Append(Arc<[Record]>),
    Call {
        step: usize,
        way: Way,
        /// What is known of what is to be undone.
        effect: Option<Effect<Out>>,
    },
    /// Say later that the step has rested, for the `tries`th time.
    Rest { step: usize, tries: u32 },
}

/// The rules of the protocol. Each has a counterexample; the explorer shows it when the rule is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "they are switched off one by one")]
pub(crate) struct Rules {
    /// After a call without an answer, a refusal proves nothing.
    pub(crate) taints: bool,
    /// A new owner takes what may have been called for called.
    pub(crate) taints_on_takeover: bool,
    /// Nothing is compensated before it is written down that the saga is given up.
    pub(crate) unwinds_first: bool,
    /// What may be redriven is settled before it is compensated.
    pub(crate) settles: bool,
    /// A step is compensated after all that needed it.
    pub(crate) keeps_order: bool,
    /// A pivot that may have been called is called until it answers.
    pub(crate) holds_on_to_the_pivot: bool,
}

impl Rules {
    pub(crate) const ALL: Self = Self {
        taints: true,
        taints_on_takeover: true,
        unwinds_first: true,
        settles: true,
        keeps_order: true,
        holds_on_to_the_pivot: true,
    };
}

impl Run {
    /// A saga that nobody has run before.
    pub(crate) fn begin(shape: Arc<Shape>, rules: Rules) -> Self {
        let state = State::new(&shape);
        Self {
            shape,
            rules,
            state,
            tainted: BTreeSet::new(),
            refused: BTreeSet::new(),
            calls: BTreeMap::new(),
            tries: BTreeMap::new(),
            misfits: BTreeMap::new(),
            resting: BTreeSet::new(),
            results: Vec::new(),
            appending: None,
            held: Vec::new(),
            giving_up: None,
        }
    }

    /// A saga that somebody else, or an earlier start, has run until here.
    pub(crate) fn take_over(
        shape: Arc<Shape>,
        rules: Rules,
        log: &[Record],
    ) -> Result<Self, OutOfPlace> {
        let mut run = Self::begin(shape, rules);
        run.state = State::fold(&run.shape, log)?;
        if rules.taints_on_takeover {
            let steps = 0..run.shape.steps.len();
            let may_be_called =
                |step: &usize| run.state.is_ready(&run.shape, *step) && !run.is_local(*step);
            let tainted: BTreeSet<_> = steps.filter(may_be_called).collect();
            run.tainted = tainted;
        }
        if run.state.is_cancelled {
            run.give_up(Cause::Cancelled);
        }
        Ok(run)
    }

    /// How often what was tried.
    pub(crate) fn tries(&self) -> Vec<((usize, Way), u32)> {
        self.tries.iter().map(|(of, tries)| (*of, *tries)).collect()
    }

    /// Goes on counting where an earlier run has stopped.
    pub(crate) fn remember(&mut self, tries: &[((usize, Way), u32)]) {
        self.tries.extend(tries.iter().copied());
    }

    /// Whether it has not been given up.
    pub(crate) fn is_forward(&self) -> bool {
        self.state.phase == Phase::Forward
    }

    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// What is to be done now. Each command is given once.
    pub(crate) fn poll(&mut self) -> Vec<Command> {
        if self.state.is_over() {
            return Vec::new();
        }
        let mut commands = Vec::new();
        self.append_what_is_due(&mut commands);
        if !self.state.is_suspended {
            match self.state.phase {
                Phase::Forward if self.giving_up.is_none() => self.call_forward(&mut commands),
                Phase::Backward => self.call_backward(&mut commands),
                _ => {}
            }
        }
        // A step of which nobody can find out what became of it has no call, but something to be written down.
        self.append_what_is_due(&mut commands);
        commands
    }

    fn append_what_is_due(&mut self, commands: &mut Vec<Command>) {
        if self.appending.is_some() {
            return;
        }
        let mut due = self.due();
        if due.is_empty() {
            return;
        }
        let records: Arc<[Record]> = due.drain(..).collect();
        // Its room is for the next results.
        self.results = due;
        commands.push(Command::Append(Arc::clone(&records)));
        if !self.rules.unwinds_first {
            self.write_down(&records);
        }
        self.appending = Some(records);
    }

    /// What it was told to append is durable.
    pub(crate) fn appended(&mut self) {
        let records = self.appending.take();
        if let Some(records) = records.filter(|_| self.rules.unwinds_first) {
            self.write_down(&records);
        }
        for (step, way, outcome) in std::mem::take(&mut self.held) {
            self.take_answer(step, way, outcome);
        }
    }

    /// What it was told to append was refused, since the commit of `step`, which is local, did not fit: it is called again.
    /// Without a step: since the log has grown meanwhile.
    pub(crate) fn not_appended(&mut self, step: Option<usize>) -> Option<Command> {
        let name = step.and_then(|step| self.name(step));
        let is_kept = |record: &Record| match record {
            Record::Done { step, .. } | Record::Undone { step } => Some(step) != name.as_ref(),
            // These follow from the others, and are made anew.
            Record::Unwind { .. } | Record::Completed | Record::Compensated => false,
            _ => true,
        };
        let mut results = self.being_written().to_vec();
        self.appending = None;
        results.retain(is_kept);
        results.append(&mut self.results);
        self.results = results;
        let held = std::mem::take(&mut self.held);
        for (step, way, outcome) in held {
            self.take_answer(step, way, outcome);
        }
        // Nothing is wrong with the step: this is none of the times that it may be tried.
        let step = step?;
        let tries = self.misfits.entry(step).or_default();
        *tries += 1;
        self.resting.insert(step);
        Some(Command::Rest { step, tries: *tries })
    }

    /// What was to be written down of a step can never be: it may have happened, and an operator must look. Without a step,
    /// it was why the saga is given up.
    pub(crate) fn unwritable(&mut self, step: Option<usize>, why: &str) {
        self.not_appended(step);
        if let Some(step) = step {
            self.resting.remove(&step);
            self.taint(step);
            self.suspend(step, &format!("what came of it cannot be written down: {why}"));
        } else if let Some(Cause::Refused { why: said, .. }) = &mut self.giving_up
            && let Ok(short) =
                Json::of(&format!("{} bytes that cannot be written down: {why}", said.text().len()))
        {
            *said = short;
        }
    }

    /// Of what is being written down, the step of which the most is.
    pub(crate) fn largest(&self) -> Option<usize> {
        let of = |record: &Record| match record {
            Record::Done { step, out } | Record::Settled { step, out: Some(out) } => {
                Some((out.json.text().len(), self.shape.place(step)?))
            }
            _ => None,
        };
        self.being_written().iter().filter_map(of).max().map(|(_, step)| step)
    }

    /// Somebody has written down that the saga is to be given up; `false` if it cannot be any more.
    pub(crate) fn cancelled(&mut self) -> bool {
        self.state.is_cancelled = true;
        self.give_up(Cause::Cancelled)
    }

    /// A step has rested.
    pub(crate) fn rested(&mut self, step: usize) {
        self.resting.remove(&step);
    }

    /// A step was to be called, and was not: it is to be called as soon as it can be.
    pub(crate) fn not_called(&mut self, step: usize) {
        self.calls.remove(&step);
    }

    /// A call has ended.
    pub(crate) fn answered(&mut self, step: usize, way: Way, outcome: Outcome) -> Vec<Command> {
        self.calls.remove(&step);
        let is_giving_up =
            self.being_written().iter().any(|record| matches!(record, Record::Unwind { .. }));
        if is_giving_up && self.state.phase == Phase::Forward {
            self.held.push((step, way, outcome));
            return Vec::new();
        }
        self.take_answer(step, way, outcome)
    }

    fn take_answer(&mut self, step: usize, way: Way, outcome: Outcome) -> Vec<Command> {
        match (self.state.phase, way) {
            (Phase::Forward, Way::Do) => self.answered_forward(step, outcome),
            (Phase::Backward, _) => self.answered_backward(step, way, outcome),
            // The saga has ended meanwhile.
            _ => Vec::new(),
        }
    }

    /// Somebody wants it given up; `false` if it is too late for that.
    pub(crate) fn give_up(&mut self, cause: Cause) -> bool {
        let is_asked = self.state.phase == Phase::Forward && !self.may_have_called_the_pivot();
        if is_asked {
            self.giving_up.get_or_insert(cause);
        }
        is_asked
    }

    fn may_have_called_the_pivot(&self) -> bool {
        let Some(pivot) = self.shape.pivot() else { return false };
        let is_called = self.calls.contains_key(&pivot)
            || self.tainted.contains(&pivot)
            || self.resting.contains(&pivot)
            || self.is_answered(pivot)
            || self.state.is_past_pivot(&self.shape);
        is_called && self.rules.holds_on_to_the_pivot
    }

    /// What can be written down now.
    fn due(&mut self) -> Vec<Record> {
        let mut records = std::mem::take(&mut self.results);
        // Most of the time there is nothing, and nothing to be found out.
        if records.is_empty() && self.giving_up.is_none() {
            return self.state.end(&self.shape).into_iter().collect();
        }
        if self.is_plain(&records) {
            if self.state.open() == records.len() {
                records.push(Record::Completed);
            }
            return records;
        }
        let mut then = self.state.clone();
        let applied = records.iter().try_for_each(|record| then.apply(&self.shape, record));
        debug_assert!(applied.is_ok(), "{applied:?}: {records:?}");
        if let Some(cause) = &self.giving_up
            && then.phase == Phase::Forward
        {
            let unwind = self.unwind(&then, cause.clone());
            let applied = then.apply(&self.shape, &unwind);
            debug_assert!(applied.is_ok(), "{applied:?}: {unwind:?}");
            records.push(unwind);
        }
        records.extend(then.end(&self.shape));
        records
    }

    /// Whether nothing but this is to be written down: that steps have happened, each of which could.
    fn is_plain(&self, records: &[Record]) -> bool {
        let has_happened = |record: &Record| match record {
            Record::Done { step, .. } => {
                let place = self.shape.place(step);
                place.is_some_and(|step| self.state.is_ready(&self.shape, step))
            }
            _ => false,
        };
        self.giving_up.is_none() && records.iter().all(has_happened)
    }

    /// What is being written down.
    fn being_written(&self) -> &[Record] {
        self.appending.as_deref().unwrap_or_default()
    }

    /// That the saga is given up, and what is not known of it.
    fn unwind(&self, state: &State, cause: Cause) -> Record {
        let is_uncertain = |step: &usize| {
            // What is local has happened when that is written down, and not before.
            if self.is_local(*step) {
                return false;
            }
            let is_open = state.is_ready(&self.shape, *step) && !self.refused.contains(step);
            let may_be_there = self.calls.contains_key(step) || self.tainted.contains(step);
            self.kind(*step) == Kind::Compensable && is_open && may_be_there
        };
        let steps = 0..self.shape.steps.len();
        let uncertain = steps.filter(is_uncertain).filter_map(|step| self.name(step)).collect();
        Record::Unwind { cause, uncertain }
    }

    fn write_down(&mut self, records: &[Record]) {
        for record in records {
            let applied = self.state.apply(&self.shape, record);
            debug_assert!(applied.is_ok(), "{applied:?}: {record:?}");
            if let Record::Unwind { .. } = record {
                self.resting.clear();
                self.tries.clear();
                self.giving_up = None;
            }
        }
    }

    /// Whether an answer of the step waits to be written down.
    fn is_answered(&self, step: usize) -> bool {
        let Some(of) = self.shape.steps.get(step) else { return false };
        self.results.iter().chain(self.being_written()).any(|record| match record {
            Record::Done { step, .. }
            | Record::Settled { step, .. }
            | Record::Undone { step }
            | Record::Suspended { step, .. } => **step == *of.name,
            _ => false,
        })
    }

    /// Tries a step again later, or says that it was tried as often as it may be.
    fn rest(&mut self, step: usize, way: Way, retries_max: u32) -> Option<Command> {
        let tries = self.tries.entry((step, way)).or_default();
        if *tries >= retries_max {
            return None;
        }
        *tries += 1;
        self.resting.insert(step);
        Some(Command::Rest { step, tries: *tries })
    }

    /// An operator must look.
    pub(crate) fn suspend(&mut self, step: usize, why: &str) {
        if let Some(step) = self.name(step) {
            self.results.push(Record::Suspended { step, why: short(why).to_owned() });
        }
    }

    /// Whether nothing is under way, to be waited for or to be written down, for a step.
    fn is_idle(&self, step: usize) -> bool {
        let is_busy = self.calls.contains_key(&step) || self.resting.contains(&step);
        !is_busy && !self.is_answered(step)
    }

    pub(super) fn is_local(&self, step: usize) -> bool {
        self.step(step).is_some_and(|step| step.is_local)
    }

    fn step(&self, step: usize) -> Option<&StepShape> {
        self.shape.steps.get(step)
    }

    fn kind(&self, step: usize) -> Kind {
        self.step(step).map_or(Kind::ReadOnly, |step| step.kind)
    }

    fn name(&self, step: usize) -> Option<Arc<str>> {
        self.step(step).map(|step| Arc::clone(&step.name))
    }
}

/// As much of a reason as is written down.
pub(super) fn short(why: &str) -> &str {
    let end = (0..=why.len().min(WHY_BYTES_MAX)).rev().find(|end| why.is_char_boundary(*end));
    why.get(..end.unwrap_or_default()).unwrap_or_default()
}
