//! One instance: what its record says, and what a message does to it. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};

use super::contract::ProcessManager;
use super::entry::{Entry, Heard, Kept};
use super::wire::{self, Says};
use crate::types::{MessageId, StreamVersion};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How far an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing has begun it. Messages may wait for that.
    Expected,
    Begun,
    Complete,
}

/// One instance, folded from its record.
pub(super) struct Instance<P: ProcessManager> {
    pub(super) stage: Stage,
    pub(super) state: P::State,
    pub(super) version: StreamVersion,
    /// Messages that were taken, in whatever way.
    pub(super) known: BTreeSet<MessageId>,
    /// Those that wait, in the order in which they came.
    pub(super) waiting: VecDeque<Kept>,
    /// The message that could not be heard, and why.
    pub(super) parked: Option<(Kept, String)>,
    pub(super) is_overdue: bool,
    /// The timers that are set, by the names of their events.
    pub(super) timers: BTreeMap<String, MessageId>,
    pub(super) heard: u64,
    /// When something was last written down of it.
    pub(super) since: Option<DateTime<Utc>>,
}

impl<P: ProcessManager> Instance<P> {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Expected,
            state: P::State::default(),
            version: StreamVersion::NONE,
            known: BTreeSet::new(),
            waiting: VecDeque::new(),
            parked: None,
            is_overdue: false,
            timers: BTreeMap::new(),
            heard: 0,
            since: None,
        }
    }

    /// Takes in an entry of its record.
    ///
    /// # Errors
    /// The entry cannot be read, or the process has forgotten how to hear what it has heard.
    pub(super) fn apply(&mut self, process: &P, entry: &Entry) -> Result<(), BoxError> {
        self.version = self.version.plus(1);
        match entry {
            Entry::Heard(heard) => self.hear(process, heard)?,
            Entry::Waits(kept) => {
                self.known.insert(kept.envelope()?.id());
                self.waiting.push_back(kept.clone());
            }
            Entry::Overdue => self.is_overdue = true,
            Entry::Parked { message, why } => {
                self.leave_line(message.envelope()?.id())?;
                self.parked = Some((message.clone(), why.clone()));
            }
            Entry::Passed { message } => self.leave_line(*message)?,
            Entry::Dropped { .. } => self.parked = None,
            Entry::Ended { .. } => self.end(),
        }
        Ok(())
    }

    /// Whether there is anything of it, and it is not complete.
    pub(super) fn is_open(&self) -> bool {
        let is_expected = self.parked.is_some() || !self.waiting.is_empty();
        self.stage == Stage::Begun || (self.stage == Stage::Expected && is_expected)
    }

    fn hear(&mut self, process: &P, heard: &Heard) -> Result<(), BoxError> {
        let envelope = heard.message.envelope()?;
        self.leave_line(envelope.id())?;
        let event = match wire::read(process, &envelope)? {
            Says::Message { event, .. } => event,
            Says::Timer { name, event, .. } => {
                self.timers.remove(&name);
                event
            }
            Says::HasBegun { .. } | Says::Nothing => return Err(Forgotten.into()),
        };
        self.state = process.evolve(std::mem::take(&mut self.state), &event);
        self.stage = Stage::Begun;
        self.is_overdue = false;
        self.heard += 1;
        for name in &heard.cancelled {
            self.timers.remove(name);
        }
        for timer in &heard.timers {
            self.timers.insert(timer.event.clone(), timer.id);
        }
        if heard.completes {
            self.end();
        }
        Ok(())
    }

    /// A message that is taken waits no more, wherever it has waited.
    fn leave_line(&mut self, id: MessageId) -> Result<(), BoxError> {
        self.known.insert(id);
        if let Some((parked, _)) = &self.parked
            && parked.envelope()?.id() == id
        {
            self.parked = None;
        }
        // It is the first, but for what was dropped from between.
        for place in 0..self.waiting.len() {
            let Some(kept) = self.waiting.get(place) else { break };
            if kept.envelope()?.id() == id {
                self.waiting.remove(place);
                break;
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.stage = Stage::Complete;
        self.parked = None;
        self.waiting.clear();
        self.timers.clear();
        self.is_overdue = false;
    }
}

/// What was heard once is not heard by the program of today.
#[derive(Debug, thiserror::Error)]
#[error("the process does not hear any more what it has heard before")]
struct Forgotten;
