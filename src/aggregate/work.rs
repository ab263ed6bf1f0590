//! What the body of a unit of work works with.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

use super::execute::{said_by, stamp};
use super::touched::{Touch, Touched};
use super::turns::Turns;
use super::{Aggregate, Loaded, Repository, WorkError};
use crate::event;
use crate::types::{Closing, EventId, Metadata, StreamId};

/// The streams of a unit of work.
pub(super) type Streams = BTreeMap<StreamId, Box<dyn Touched>>;

/// What the body of a [unit of work](crate::UnitOfWork) reads and decides with. All it touches is committed
/// together, and every state it saw is guarded.
pub struct Work {
    pub(super) streams: Streams,
    pub(super) turns: Turns,
    /// Whether every state is read from the store: nobody runs the unit again.
    is_prepared: bool,
    /// The id of the first event, if it is not a fresh one.
    first: Option<EventId>,
    metadata: Metadata,
    said_by_command: Metadata,
    events: usize,
}

impl Work {
    pub(super) fn new(turns: Turns, command: Option<Uuid>, metadata: Metadata) -> Self {
        Self {
            streams: Streams::new(),
            turns,
            is_prepared: false,
            first: command.map(|command| EventId::of_command(command, 0)),
            metadata,
            said_by_command: said_by(command),
            events: 0,
        }
    }

    /// That of a unit which commits nothing itself.
    pub(super) fn prepared(command: Option<Uuid>, metadata: Metadata) -> Self {
        Self { is_prepared: true, ..Self::new(Turns::default(), command, metadata) }
    }

    /// The state of `id`, with what this unit has decided so far. The commit guards it: if it changes
    /// meanwhile, the unit is run again.
    ///
    /// # Errors
    /// [`WorkError`], but no refusal.
    pub async fn load<A: Aggregate, R>(
        &mut self,
        repository: &Repository<A>,
        id: impl AsRef<str>,
    ) -> Result<Loaded<A>, WorkError<R>> {
        Ok(self.touch(repository, id.as_ref()).await?.loaded.clone())
    }

    /// Decides on the state of `id`, with what this unit has decided so far, and returns the state after
    /// it. Nothing is written before the unit ends.
    ///
    /// # Errors
    /// [`WorkError::Rejected`] if `decide` refuses; hand it on with `?` to end the unit.
    pub async fn execute<A: Aggregate, R>(
        &mut self,
        repository: &Repository<A>,
        id: impl AsRef<str>,
        decide: impl FnOnce(&A) -> Result<Vec<A::Event>, R>,
    ) -> Result<Loaded<A>, WorkError<R>> {
        let metadata = stamp(&self.metadata, repository, &self.said_by_command);
        let mut derived = self.first.filter(|_| self.events == 0);
        let touch = self.touch(repository, id.as_ref()).await?;
        let events = decide(&touch.loaded).map_err(WorkError::Rejected)?;
        let mut new = Vec::with_capacity(events.len());
        for event in &events {
            // One derived id tells a repetition. All others are of this run alone, so that a decision that was
            // built on it cannot be mistaken for one on another run.
            let id = derived.take().unwrap_or_else(|| repository.fresh_id());
            new.push(event::encode(event, id)?.with_metadata(metadata.clone()));
        }
        touch.decide(&events, new);
        let after = touch.loaded.clone();
        self.events += events.len();
        Ok(after)
    }

    /// Closes the stream of `id` behind what this unit has decided on it: it takes no more events. Nothing is written before
    /// the unit ends, and what it decides on the stream later makes its commit
    /// [invalid](crate::InvalidCommit::BehindClosing).
    ///
    /// # Errors
    /// [`WorkError`], but no refusal.
    pub async fn close<A: Aggregate, R>(
        &mut self,
        repository: &Repository<A>,
        id: impl AsRef<str>,
        closing: &Closing,
    ) -> Result<(), WorkError<R>> {
        let metadata = stamp(&self.metadata, repository, &self.said_by_command);
        let derived = self.first.filter(|_| self.events == 0);
        let event = closing.event(derived.unwrap_or_else(|| repository.fresh_id()));
        self.touch(repository, id.as_ref()).await?.close(event.with_metadata(metadata));
        self.events += 1;
        Ok(())
    }

    async fn touch<A: Aggregate, R>(
        &mut self,
        repository: &Repository<A>,
        id: &str,
    ) -> Result<&mut Touch<A>, WorkError<R>> {
        let stream = Repository::<A>::stream(id)?;
        if !self.streams.contains_key(&stream) {
            let touch = if self.is_prepared {
                Touch::newest(repository, &stream).await?
            } else {
                Touch::new(repository, &stream, self.turns.hold(&stream)).await?
            };
            self.streams.insert(stream.clone(), Box::new(touch));
        }
        let touched: Option<&mut dyn Any> = match self.streams.get_mut(&stream) {
            Some(touched) => Some(&mut **touched),
            None => None,
        };
        touched.and_then(|any| any.downcast_mut()).ok_or(WorkError::TwoTypes(stream))
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("streams", &self.streams.keys())
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
