//! A saga that is driven by hand, one event at a time: by a test, which decides what happens next. It needs no runtime, and
//! no clock.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::act::{Call, Said};
use super::append::{Appended, commit_of, refused};
use super::book::{Book, Registered};
use super::hand::{Follows, Hand, Seen};
use super::id::SagaId;
use super::instance::{Instance, Opened, later, metadata, records};
use super::json::{Json, Out};
use super::node::{Fault, Node, Work};
use super::outcome::{Effect, told};
use super::record::{Action, Cause, Record, Started};
use super::run::{Command, Outcome, Way};
use super::shared::SagaStore;
use super::waiting::{came, passed};
use crate::event;
use crate::ports::{EventStoreExt, Ids};
use crate::types::{Commit, EventId, StreamVersion};

/// One saga, its definition and its log.
pub(crate) struct Stage {
    store: Arc<dyn SagaStore>,
    book: Book,
    ids: Box<dyn Ids>,
    pub(crate) id: SagaId,
    pub(crate) definition: Arc<Registered>,
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
        let (mut book, name) = (Book::default(), definition.name);
        book.add(definition).map_err(|fault: Fault| fault.to_string())?;
        let definition = Arc::clone(book.get(name).ok_or("its definition is not there")?);
        Ok(Self { store, book, ids, id, definition })
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
        let (id, metadata) = (self.id.clone(), metadata(&self.id));
        let mut saga = Instance::begun(id, metadata, definition, &started, value, now);
        saga.version = StreamVersion::NONE;
        match self.write(&saga, &[Record::Started(started)], None, 1).await? {
            Appended::Done => {
                saga.version = saga.version.plus(1);
                Ok(Hand::new(Box::new(saga)))
            }
            _ => Err("the saga cannot be started: its log is not empty".to_owned()),
        }
    }

    /// The saga as its log has it; `None` if it is over.
    pub(crate) async fn open(&self) -> Result<Option<Hand>, String> {
        let opened = Instance::open(&*self.store, &self.book, &self.id).await;
        match opened.map_err(|error| told(&error))? {
            Opened::Instance(saga) => Ok(Some(Hand::new(saga))),
            Opened::Over { .. } => Ok(None),
            Opened::Nothing => Err("the saga was never started".to_owned()),
            Opened::Stuck(why) => Err(format!("the saga cannot be opened: {why}")),
        }
    }

    /// Takes the saga over from whoever runs it; `None` if it is over.
    pub(crate) async fn take_over(&self, by: Uuid) -> Result<Option<Hand>, String> {
        let Some(mut hand) = self.open().await? else { return Ok(None) };
        let record = Record::TakenOver { by };
        match self.write(&hand.saga, std::slice::from_ref(&record), None, 1).await? {
            Appended::Done => {
                hand.saga.version = hand.saga.version.plus(1);
                hand.saga.note(&record, DateTime::<Utc>::UNIX_EPOCH);
            }
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
        let Some(hand) = self.open().await? else { return Ok(()) };
        match self.write(&hand.saga, &[record], None, 1).await? {
            Appended::Done => Ok(()),
            _ => Err("nothing can be written into the log of the saga".to_owned()),
        }
    }

    /// What is written down behind the first `known` records.
    pub(crate) async fn log(&self, known: u64) -> Result<Vec<Record>, String> {
        let events = self.store.read_tail(self.id.stream(), StreamVersion::new(known)).await;
        let records = records(&events.map_err(|error| told(&error))?)?;
        Ok(records.into_iter().map(|(record, _)| record).collect())
    }

    /// Commits `times` times, as one does who hears nothing of the first time.
    async fn write(
        &self,
        saga: &Instance,
        records: &[Record],
        beside: Option<Commit>,
        times: usize,
    ) -> Result<Appended, String> {
        let has_beside = beside.is_some();
        let ids = records.iter().map(|_| EventId::new(self.ids.draw()));
        let commit = commit_of(&saga.log(), ids.zip(records), beside)?;
        let mut appended = Appended::Done;
        for _ in 0..times {
            appended = match self.store.commit(commit.clone()).await {
                Ok(_) => Appended::Done,
                Err(error) => refused(&error, self.id.stream(), has_beside)
                    .ok_or_else(|| format!("the store fails: {}", told(&error)))?,
            };
        }
        Ok(appended)
    }
}

impl Hand {
    pub(crate) fn node(&self, step: usize) -> Option<&Node> {
        self.saga.node(step)
    }

    pub(crate) const fn has_deadline(&self) -> bool {
        self.saga.deadline.is_some()
    }

    /// What is to be done now.
    pub(crate) fn poll(&mut self) -> Vec<Command> {
        self.next(|| DateTime::<Utc>::UNIX_EPOCH)
    }

    /// What is to be written down, if something is.
    pub(crate) fn appending(&self) -> Option<&[Record]> {
        self.appending.as_ref().map(|appending| &*appending.records)
    }

    /// Writes down what is to be, `times` times.
    pub(crate) async fn append(&mut self, stage: &Stage, times: usize) -> Result<Written, String> {
        let Some(records) = self.appending() else {
            return Err("there is nothing to write down".to_owned());
        };
        let appended = stage.write(&self.saga, records, self.beside(), times).await?;
        let is_invalid = match &appended {
            Appended::Invalid(why) => Some(why.clone()),
            _ => None,
        };
        let follows = self.written(appended);
        // Whoever tests is told, where an operator would be asked.
        if let Some(why) = is_invalid {
            return Ok(Written::Invalid(why));
        }
        Ok(match follows {
            Follows::Nothing => Written::Done,
            Follows::Look if self.look(stage).await? => Written::Asked,
            Follows::Again { step, .. } => Written::Misfit { step },
            Follows::Look | Follows::Stopped | Follows::Never(_) => Written::Lost,
        })
    }

    /// Reads what others have written. `false` if the saga is theirs.
    pub(crate) async fn look(&mut self, stage: &Stage) -> Result<bool, String> {
        let tail = stage.store.read_tail(self.saga.id.stream(), self.saga.version).await;
        let tail = tail.map_err(|error| told(&error))?;
        for event in tail.into_iter().filter(|event| !event.closes()) {
            let record = event::decode::<Record>(&event).map_err(|error| told(&error))?;
            if !matches!(self.see(&record), Seen::Asked) {
                return Ok(false);
            }
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
        match self.node(step) {
            Some(node) => came(&node.work, json),
            None => Said::broken("there is no such step".to_owned()),
        }
    }

    /// A call has ended; the steps that are to rest.
    pub(crate) fn answered(&mut self, step: usize, way: Way, said: Said) -> Vec<usize> {
        self.hear(step, way, said).into_iter().map(|(step, _)| step).collect()
    }

    /// A step has rested.
    pub(crate) fn rested(&mut self, step: usize) {
        self.saga.run.rested(step);
    }
}

impl Said {
    /// As if a compensation had happened.
    pub(crate) fn left_out() -> Self {
        Self { out: None, ..passed() }
    }

    /// As if nobody could be reached.
    pub(crate) fn failed() -> Self {
        let nothing = Self::unknown("it cannot be reached");
        Self { outcome: Outcome::Transient, ..nothing }
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
