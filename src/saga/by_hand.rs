//! A saga that is driven by hand, one event at a time: by a test, which decides what happens next. It needs no runtime, and
//! no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::act::{Call, Said};
use super::append::{Appended, commit_of, refused};
use super::book::{Book, Registered};
use super::id::SagaId;
use super::instance::{Instance, Opened, later, records};
use super::json::{Json, Out};
use super::node::{Fault, Node, Work};
use super::outcome::{Effect, told};
use super::record::{Action, Cause, Record, Started};
use super::run::{Command, Outcome, Way};
use super::shared::SagaStore;
use super::state::State;
use super::waiting::happened;
use crate::event;
use crate::ports::{EventStoreExt, Ids};
use crate::types::{Commit, StreamId, StreamVersion};

/// One saga, its definition and its log.
pub(crate) struct Stage {
    store: Arc<dyn SagaStore>,
    book: Book,
    ids: Box<dyn Ids>,
    pub(crate) id: SagaId,
    stream: StreamId,
    pub(crate) definition: Arc<Registered>,
}

/// One who runs the saga, moved by hand.
pub(crate) struct Hand {
    saga: Instance,
    /// Commits of local steps that are not written yet.
    commits: BTreeMap<usize, Commit>,
    appending: Option<Appending>,
}

/// What is to be written down.
struct Appending {
    records: Vec<Record>,
    /// The steps whose commits are part of it.
    steps: Vec<usize>,
}

/// What came of writing.
#[derive(Debug)]
pub(crate) enum Written {
    Done,
    /// Somebody has asked for the saga to be given up, and this was heard now.
    Asked,
    /// What a local step has decided does not fit any more: it decides again when it has rested.
    Misfit {
        step: usize,
    },
    /// The saga is another's.
    Lost,
    /// It can never be written.
    Invalid(String),
}

impl Stage {
    pub(crate) fn new(
        store: Arc<dyn SagaStore>,
        ids: Box<dyn Ids>,
        definition: Registered,
        key: &str,
    ) -> Result<Self, String> {
        let id = SagaId::new(definition.name, key).map_err(|error| error.to_string())?;
        let stream = id.stream().map_err(|error| error.to_string())?;
        let (mut book, name) = (Book::default(), definition.name);
        book.add(definition).map_err(|fault: Fault| fault.to_string())?;
        let definition = Arc::clone(book.get(name).ok_or("its definition is not there")?);
        Ok(Self { store, book, ids, id, stream, definition })
    }

    /// Starts the saga.
    pub(crate) async fn start(&self, input: &Json, by: Uuid) -> Result<Hand, String> {
        let definition = Arc::clone(&self.definition);
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let deadline = definition.deadline.map(|time| later(now, time).timestamp_millis());
        let (version, fingerprint) = (definition.version, definition.fingerprint);
        let started =
            Started { version, fingerprint, input: input.clone(), by: Some(by), deadline };
        let value = (definition.read_input)(input).map_err(|error| told(&error))?;
        let (id, stream) = (self.id.clone(), self.stream.clone());
        let mut saga = Instance::begun(id, stream, definition, &started, value, now);
        saga.version = StreamVersion::NONE;
        let mut hand = Hand::new(saga);
        match self.write(&mut hand, &[Record::Started(started)], None, 1).await? {
            Appended::Done => Ok(hand),
            _ => Err("the saga cannot be started: its log is not empty".to_owned()),
        }
    }

    /// The saga as its log has it; `None` if it is over.
    pub(crate) async fn open(&self) -> Result<Option<Hand>, String> {
        let opened = Instance::open(&*self.store, &self.book, &self.id).await;
        match opened.map_err(|error| told(&error))? {
            Opened::Instance(saga) => Ok(Some(Hand::new(*saga))),
            Opened::Over { .. } => Ok(None),
            Opened::Nothing => Err("the saga was never started".to_owned()),
            Opened::Stuck(why) => Err(format!("the saga cannot be opened: {why}")),
        }
    }

    /// Takes the saga over from whoever runs it; `None` if it is over.
    pub(crate) async fn take_over(&self, by: Uuid) -> Result<Option<Hand>, String> {
        let Some(mut hand) = self.open().await? else { return Ok(None) };
        let record = Record::TakenOver { by };
        match self.write(&mut hand, std::slice::from_ref(&record), None, 1).await? {
            Appended::Done => hand.saga.note(&record, DateTime::<Utc>::UNIX_EPOCH),
            _ => return Err("the saga cannot be taken over".to_owned()),
        }
        Ok(Some(hand))
    }

    /// Somebody asks for the saga to be given up.
    pub(crate) async fn ask_to_cancel(&self) -> Result<(), String> {
        let (actor, reason) = ("a test".to_owned(), "cancelled".to_owned());
        self.say(Record::CancelAsked { actor, reason }).await
    }

    /// An operator has a saga that waits try again.
    pub(crate) async fn retry(&self) -> Result<(), String> {
        let (actor, reason) = ("a test".to_owned(), "try again".to_owned());
        self.say(Record::Operator { actor, action: Action::Retry, reason }).await
    }

    async fn say(&self, record: Record) -> Result<(), String> {
        let Some(mut hand) = self.open().await? else { return Ok(()) };
        match self.write(&mut hand, &[record], None, 1).await? {
            Appended::Done => Ok(()),
            _ => Err("nothing can be written into the log of the saga".to_owned()),
        }
    }

    /// What is written down behind the first `known` records.
    pub(crate) async fn log(&self, known: u64) -> Result<Vec<Record>, String> {
        let events = self.store.read_tail(&self.stream, StreamVersion::new(known)).await;
        let records = records(&events.map_err(|error| told(&error))?)?;
        Ok(records.into_iter().map(|(record, _)| record).collect())
    }

    /// Commits `times` times, as one does who hears nothing of the first time.
    async fn write(
        &self,
        hand: &mut Hand,
        records: &[Record],
        beside: Option<Commit>,
        times: usize,
    ) -> Result<Appended, String> {
        let has_beside = beside.is_some();
        let commit = commit_of(&*self.ids, &hand.saga, records, beside)?;
        let mut appended = Appended::Done;
        for _ in 0..times {
            appended = match self.store.commit(commit.clone()).await {
                Ok(_) => Appended::Done,
                Err(error) => refused(&error, &self.stream, has_beside)
                    .ok_or_else(|| format!("the store fails: {}", told(&error)))?,
            };
        }
        if matches!(appended, Appended::Done) {
            hand.saga.version = hand.saga.version.plus(records.len() as u64);
        }
        Ok(appended)
    }
}

impl Hand {
    const fn new(saga: Instance) -> Self {
        Self { saga, commits: BTreeMap::new(), appending: None }
    }

    pub(crate) const fn state(&self) -> &State {
        self.saga.run.state()
    }

    pub(crate) fn node(&self, step: usize) -> Option<&Node> {
        self.saga.node(step)
    }

    pub(crate) const fn has_deadline(&self) -> bool {
        self.saga.deadline.is_some()
    }

    /// What is to be written down, if something is.
    pub(crate) fn appending(&self) -> Option<&[Record]> {
        self.appending.as_ref().map(|appending| appending.records.as_slice())
    }

    /// What is to be done now. What is to be written down is kept until it [is](Self::append).
    pub(crate) fn poll(&mut self) -> Vec<Command> {
        let commands = self.saga.run.poll();
        for command in &commands {
            if let Command::Append(records) = command {
                let steps = records.iter().filter_map(|record| self.local_of(record)).collect();
                self.appending = Some(Appending { records: records.clone(), steps });
            }
        }
        commands
    }

    /// The local step of which a record says that it has happened, or is taken back.
    fn local_of(&self, record: &Record) -> Option<usize> {
        let (Record::Done { step, .. } | Record::Undone { step }) = record else { return None };
        let place = self.saga.place(step)?;
        self.commits.contains_key(&place).then_some(place)
    }

    /// Writes down what is to be, `times` times.
    pub(crate) async fn append(&mut self, stage: &Stage, times: usize) -> Result<Written, String> {
        let Some(Appending { records, steps }) = self.appending.take() else {
            return Err("there is nothing to write down".to_owned());
        };
        let commits = steps.iter().filter_map(|step| self.commits.get(step).cloned());
        let beside = commits.reduce(Commit::and);
        for record in &records {
            self.saga.note(record, DateTime::<Utc>::UNIX_EPOCH);
        }
        match stage.write(self, &records, beside, times).await? {
            Appended::Done => {
                for step in &steps {
                    self.commits.remove(step);
                }
                self.saga.run.appended();
                Ok(Written::Done)
            }
            Appended::Grown => {
                self.saga.run.not_appended(None);
                Ok(if self.look(stage).await? { Written::Asked } else { Written::Lost })
            }
            Appended::Misfit => {
                let Some(step) = steps.last().copied() else { return Ok(Written::Lost) };
                self.commits.remove(&step);
                self.saga.run.not_appended(Some(step));
                Ok(Written::Misfit { step })
            }
            Appended::Invalid(why) => Ok(Written::Invalid(why)),
            Appended::Stopped => Ok(Written::Lost),
        }
    }

    /// Reads what others have written. `false` if the saga is theirs.
    pub(crate) async fn look(&mut self, stage: &Stage) -> Result<bool, String> {
        let tail = stage.store.read_tail(&self.saga.stream, self.saga.version).await;
        for event in tail.map_err(|error| told(&error))? {
            let record = event::decode::<Record>(&event).map_err(|error| told(&error))?;
            self.saga.version = self.saga.version.plus(1);
            if !matches!(record, Record::CancelAsked { .. }) {
                return Ok(false);
            }
            self.saga.run.cancelled();
        }
        Ok(true)
    }

    /// The deadline has passed.
    pub(crate) fn pass_deadline(&mut self) {
        self.saga.deadline = None;
        self.saga.run.give_up(Cause::Deadline);
    }

    pub(crate) fn call(
        &mut self,
        step: usize,
        way: Way,
        effect: Option<Effect<Out>>,
    ) -> Result<Call, String> {
        self.saga.call(step, way, effect)
    }

    /// A step that waits has got what it waits for.
    pub(crate) fn waited(&self, step: usize, json: Json) -> Said {
        match self.node(step).map(|node| node.work.decode(&json)) {
            Some(Ok(value)) => happened(Ok(json), value),
            Some(Err(error)) => Said::broken(format!("the signal cannot be read: {error}")),
            None => Said::broken("there is no such step".to_owned()),
        }
    }

    /// A call has ended; the steps that are to rest.
    pub(crate) fn answered(&mut self, step: usize, way: Way, said: Said) -> Vec<usize> {
        self.saga.heard(step, said.of, said.out);
        match said.commit {
            Some(commit) => drop(self.commits.insert(step, *commit)),
            None => drop(self.commits.remove(&step)),
        }
        let rests = self.saga.run.answered(step, way, said.outcome).into_iter();
        let rests = rests.filter_map(|command| match command {
            Command::Rest { step, .. } => Some(step),
            _ => None,
        });
        rests.collect()
    }

    /// A step has rested.
    pub(crate) fn rested(&mut self, step: usize) {
        self.saga.run.rested(step);
    }
}

impl Said {
    /// As if a compensation had happened.
    pub(crate) fn left_out() -> Self {
        happened(Json::of(&()), Arc::new(())).without_value()
    }

    /// As if nobody could be reached.
    pub(crate) fn failed() -> Self {
        let nothing = Self::unknown("it cannot be reached");
        Self { outcome: Outcome::Transient, ..nothing }
    }

    fn without_value(self) -> Self {
        Self { out: None, ..self }
    }
}

impl Registered {
    /// Makes its steps give up after fewer tries.
    pub(crate) fn hurry(&mut self, retries_max: u32) {
        for step in &mut Arc::make_mut(&mut self.shape).steps {
            step.retries_max = step.retries_max.min(retries_max);
        }
    }
}

impl Node {
    /// Whether it calls anybody: a step that only waits does not.
    pub(crate) const fn is_called(&self) -> bool {
        matches!(self.work, Work::Call(_))
    }
}
