//! One saga as its owner has it in memory: what its log says, and the values that its steps have given back.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::act::Call;
use super::append::Log;
use super::book::{Book, Registered, Renamed, renamed};
use super::handle::Value;
use super::id::SagaId;
use super::json::Out;
use super::node::Node;
use super::outcome::{Effect, told};
use super::record::{Action, Record, Started, Verdict};
use super::run::{Rules, Run, Way};
use super::shape::{Resolve, Shape};
use super::show::Ended;
use super::state::{Phase, State, StepState};
use crate::event;
use crate::ports::{BackendError, EventStore, EventStoreExt};
use crate::types::{Metadata, RecordedEvent, StreamVersion};

/// A saga that somebody runs.
pub(super) struct Instance {
    pub(super) id: SagaId,
    pub(super) version: StreamVersion,
    /// The names of steps that have changed since it was started, old and new: calls and signals go by the old ones.
    names: Renamed,
    /// What travels with its records.
    metadata: Metadata,
    pub(super) run: Run,
    pub(super) definition: Arc<Registered>,
    /// Who has written last that it is theirs.
    pub(super) owner: Option<Uuid>,
    pub(super) deadline: Option<DateTime<Utc>>,
    started_at: DateTime<Utc>,
    unwound_at: Option<DateTime<Utc>>,
    /// When each step has happened.
    done_at: Vec<Option<DateTime<Utc>>>,
    /// What each saga within the saga was given.
    inputs: Vec<Option<Arc<Value>>>,
    outs: Vec<Option<Arc<Value>>>,
    /// The digests of what steps were given, as far as they were called here.
    digests: BTreeMap<usize, u64>,
}

/// What became of opening a saga.
pub(super) enum Opened {
    /// It was never started.
    Nothing,
    Over {
        ended: Ended,
        /// What it was made of, and where it ended, if its definition is known here.
        drawn: Option<(Arc<Shape>, State)>,
    },
    /// It cannot be run here.
    Stuck(String),
    Instance(Box<Instance>),
}

impl Instance {
    /// A saga that was started just now.
    pub(super) fn begun(
        id: SagaId,
        metadata: Metadata,
        definition: Arc<Registered>,
        started: &Started,
        input: Arc<Value>,
        now: DateTime<Utc>,
    ) -> Self {
        let steps = definition.plan.nodes.len();
        let mut inputs = vec![None; definition.plan.scopes.len()];
        if let Some(first) = inputs.first_mut() {
            *first = Some(input);
        }
        Self {
            id,
            names: &[],
            metadata,
            version: StreamVersion::new(1),
            run: Run::begin(Arc::clone(&definition.shape), Rules::ALL),
            definition,
            owner: started.by,
            deadline: started.deadline.and_then(DateTime::from_timestamp_millis),
            started_at: now,
            unwound_at: None,
            done_at: vec![None; steps],
            inputs,
            outs: vec![None; steps],
            digests: BTreeMap::new(),
        }
    }

    /// Reads a saga's log.
    pub(super) async fn open(
        store: &dyn EventStore,
        book: &Book,
        id: &SagaId,
    ) -> Result<Opened, BackendError> {
        let events = store.read_tail(id.stream(), StreamVersion::NONE).await?;
        Ok(Self::of(book, id, &events))
    }

    pub(super) fn of(book: &Book, id: &SagaId, events: &[RecordedEvent]) -> Opened {
        if events.is_empty() {
            return Opened::Nothing;
        }
        let records = records(events);
        if let Some(ended) = end(events) {
            let drawn = records.ok().and_then(|records| drawn(book, id, &records));
            return Opened::Over { ended, drawn };
        }
        let records = match records {
            Ok(records) => records,
            Err(why) => return Opened::Stuck(why),
        };
        let Some((Record::Started(started), started_at)) = records.first() else {
            return Opened::Stuck("its log does not begin with its start".to_owned());
        };
        let Some(definition) = book.get(id.name()) else {
            return Opened::Stuck(format!("no definition is called `{}` here", id.name()));
        };
        let names = match definition.claims(started) {
            Ok(names) => names,
            Err(why) => return Opened::Stuck(why),
        };
        let input = match (definition.read_input)(&started.input) {
            Ok(input) => input,
            Err(error) => return Opened::Stuck(format!("its input cannot be read: {error}")),
        };
        let definition = Arc::clone(definition);
        let (id, metadata) = (id.clone(), metadata(id));
        let mut saga = Self::begun(id, metadata, definition, started, input, *started_at);
        saga.names = names;
        let mut log = Vec::with_capacity(records.len());
        for (record, at) in records {
            let record = renamed(record, names);
            saga.note(&record, at);
            log.push(record);
        }
        match Run::take_over(Arc::clone(&saga.definition.shape), Rules::ALL, &log) {
            Ok(run) => saga.run = run,
            Err(why) => return Opened::Stuck(why.to_string()),
        }
        saga.version = StreamVersion::new(events.len() as u64);
        match saga.recall() {
            Ok(()) => Opened::Instance(Box::new(saga)),
            Err(why) => Opened::Stuck(why),
        }
    }

    /// Where its next records are written.
    pub(super) const fn log(&self) -> Log<'_> {
        Log { stream: self.id.stream(), version: self.version, metadata: &self.metadata }
    }

    /// Remembers when something was written down, and by whom.
    pub(super) fn note(&mut self, record: &Record, at: DateTime<Utc>) {
        match record {
            Record::TakenOver { by } => self.owner = Some(*by),
            Record::Unwind { .. } => self.unwound_at = Some(at),
            Record::Operator { action, .. } if action.gives_up() => {
                self.unwound_at.get_or_insert(at);
            }
            Record::Done { step, .. }
            | Record::Operator {
                action: Action::Resolve { step, verdict: Verdict::Happened(_) },
                ..
            } => {
                let place = self.definition.shape.place(step);
                if let Some(done) = place.and_then(|place| self.done_at.get_mut(place)) {
                    *done = Some(at);
                }
            }
            _ => {}
        }
    }

    /// Reads what the steps have given back. A step of which not all items have happened has given nothing back to others.
    fn recall(&mut self) -> Result<(), String> {
        let state = self.run.state();
        let is_forward = state.phase == Phase::Forward;
        for (place, step) in state.steps.iter().enumerate() {
            let Some(node) = self.definition.plan.nodes.get(place) else { continue };
            let StepState::Done(out) = step else { continue };
            let value = match node.work.decode(&out.json) {
                Ok(value) => Some(value),
                Err(_) if !is_forward => None,
                Err(error) => {
                    return Err(format!("what `{}` gave back cannot be read: {error}", node.name));
                }
            };
            if let Some(out) = self.outs.get_mut(place) {
                *out = value;
            }
        }
        Ok(())
    }

    pub(super) fn node(&self, step: usize) -> Option<&Node> {
        self.definition.plan.nodes.get(step)
    }

    /// What a step was called when the saga was started.
    pub(super) fn first_name(&self, name: &Arc<str>) -> Arc<str> {
        match self.names.iter().find(|(_, new)| **new == **name) {
            Some((old, _)) => Arc::from(*old),
            None => Arc::clone(name),
        }
    }

    pub(super) fn place(&self, step: &str) -> Option<usize> {
        self.definition.shape.place(step)
    }

    /// What is called next for a step.
    pub(super) fn call(
        &mut self,
        step: usize,
        way: Way,
        effect: Option<Effect<Out>>,
    ) -> Result<Call, String> {
        let nodes = Arc::clone(&self.definition);
        let Some(node) = nodes.plan.nodes.get(step) else {
            return Err("there is no such step".to_owned());
        };
        let input = self.input(node.scope).ok_or("what it is part of has no input")?;
        let deps = self.values(&node.needs).ok_or("what it needs is not there any more")?;
        let known = match &effect {
            // What an operator has said is of whatever the step is given.
            Some(Effect::Happened(out)) => Some(out.of).filter(|of| *of != 0),
            _ => self.digests.get(&step).copied(),
        };
        let (saga, step) = (self.id.clone(), self.first_name(&node.name));
        Ok(Call { saga, step, way, input, deps, effect, known })
    }

    fn values(&self, places: &[usize]) -> Option<Vec<Arc<Value>>> {
        places.iter().map(|place| self.outs.get(*place)?.clone()).collect()
    }

    /// What a saga within the saga is given, made again if nobody has asked before.
    fn input(&mut self, scope: usize) -> Option<Arc<Value>> {
        if let Some(Some(input)) = self.inputs.get(scope) {
            return Some(Arc::clone(input));
        }
        let definition = Arc::clone(&self.definition);
        let of = definition.plan.scopes.get(scope)?;
        let around = self.input(of.around)?;
        let outs = self.values(&of.needs)?;
        let outs: Vec<&Value> = outs.iter().map(|out| &**out).collect();
        let input_of = of.make.as_ref()?;
        let made =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| input_of(&*around, &outs)));
        let made = made.ok()??;
        if let Some(input) = self.inputs.get_mut(scope) {
            *input = Some(Arc::clone(&made));
        }
        Some(made)
    }

    /// Remembers what a call has said.
    pub(super) fn heard(&mut self, step: usize, of: Option<u64>, out: Option<Arc<Value>>) {
        if let Some(of) = of {
            self.digests.insert(step, of);
        }
        if let Some((out, slot)) = out.zip(self.outs.get_mut(step)) {
            *slot = Some(out);
        }
    }

    /// Since when a step may be called: since all before it have happened.
    pub(super) fn ready_at(&self, step: usize) -> DateTime<Utc> {
        let after = self.node(step).map(|node| node.after.as_slice()).unwrap_or_default();
        let done = after.iter().filter_map(|place| *self.done_at.get(*place)?);
        done.max().unwrap_or(self.started_at)
    }

    /// How it is found out what became of a step, if that is not known yet.
    pub(super) fn settles(&self, step: &str) -> Option<Resolve> {
        let place = self.place(step)?;
        let is_uncertain = self.run.state().steps.get(place) == Some(&StepState::Uncertain);
        is_uncertain.then_some(self.node(place)?.resolve)
    }

    /// Until when it is too early to ask what became of a step, for one that can only be asked after so long.
    pub(super) fn horizon(&self, after: std::time::Duration) -> DateTime<Utc> {
        let since = self.unwound_at.unwrap_or(self.started_at);
        later(since, after)
    }
}

/// What travels with the records of a saga.
pub(super) fn metadata(id: &SagaId) -> Metadata {
    Metadata::new().with_correlation(id.flow())
}

/// How a log ends, if the saga is over: whatever else in it can be read.
pub(super) fn end(events: &[RecordedEvent]) -> Option<Ended> {
    let last = events.iter().rfind(|event| !event.closes())?;
    let last = event::decode::<Record>(last).ok()?;
    Ended::of(&last)
}

/// How a saga that is over has come to its end, if its definition is known here.
fn drawn(
    book: &Book,
    id: &SagaId,
    records: &[(Record, DateTime<Utc>)],
) -> Option<(Arc<Shape>, State)> {
    let (Record::Started(started), _) = records.first()? else { return None };
    let definition = book.get(id.name())?;
    let names = definition.claims(started).ok()?;
    let log: Vec<Record> = records.iter().map(|(r, _)| renamed(r.clone(), names)).collect();
    let state = State::fold(&definition.shape, &log).ok()?;
    Some((Arc::clone(&definition.shape), state))
}

/// A time after another; the end of all times if there is none.
pub(super) fn later(time: DateTime<Utc>, by: std::time::Duration) -> DateTime<Utc> {
    let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
    time.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// What a saga's log says, and when it was written.
pub(super) fn records(events: &[RecordedEvent]) -> Result<Vec<(Record, DateTime<Utc>)>, String> {
    let read = |event: &RecordedEvent| {
        let record = event::decode::<Record>(event).map_err(|error| told(&error))?;
        Ok((record, event.recorded_at()))
    };
    events.iter().filter(|event| !event.closes()).map(read).collect()
}
