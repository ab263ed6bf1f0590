//! States and what commands did to them.

use std::ops::Deref;
use std::sync::Arc;

use super::Aggregate;
use crate::event::{self, Decoded, EventError};
use crate::types::{Commit, EventId, RecordedEvent, StreamVersion, Token};

/// A state, and the version of the stream it was folded from. It derefs to the state.
#[derive(Debug)]
pub struct Loaded<A> {
    state: Arc<A>,
    version: StreamVersion,
    /// The event that made the state. Two states can have one version, if one of them never became durable.
    newest: Option<EventId>,
    /// Of the store, when the events began to be read.
    forgettings: u64,
}

impl<A> Loaded<A> {
    /// The state; the default one if the stream has no events.
    #[must_use]
    pub fn state(&self) -> &A {
        &self.state
    }

    /// The version of the stream it was folded from.
    #[must_use]
    pub const fn version(&self) -> StreamVersion {
        self.version
    }

    /// The state as a value.
    #[must_use]
    pub fn into_state(self) -> A
    where
        A: Clone,
    {
        Arc::unwrap_or_clone(self.state)
    }

    /// A state that was stored, and the event that made it.
    pub(super) fn restored(state: A, version: StreamVersion, newest: EventId) -> Self {
        Self { state: Arc::new(state), version, newest: Some(newest), forgettings: 0 }
    }

    /// The same, read when the store had forgotten somebody so often.
    pub(super) fn read_at(mut self, forgettings: u64) -> Self {
        self.forgettings = forgettings;
        self
    }

    /// How often the store had forgotten somebody when the events began to be read: if it is more often now, the state may hold what is to
    /// be told no more.
    pub(super) const fn forgettings(&self) -> u64 {
        self.forgettings
    }

    /// Whether the other one is to be kept in its place.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        (self.forgettings, self.version) < (other.forgettings, other.version)
    }

    /// The event that made the state.
    pub(super) const fn newest(&self) -> Option<EventId> {
        self.newest
    }
}

impl<A: Aggregate> Loaded<A> {
    pub(super) fn nothing() -> Self {
        Self { state: Arc::default(), version: StreamVersion::NONE, newest: None, forgettings: 0 }
    }

    /// The state after one more record, and what the record is today. It counts once, whatever became of it.
    pub(super) fn fold(&mut self, record: &RecordedEvent) -> Result<Decoded<A::Event>, EventError> {
        let events = event::decode_all::<A::Event>(record)?;
        if !events.as_slice().is_empty() {
            let state = Arc::make_mut(&mut self.state);
            events.as_slice().iter().for_each(|event| state.apply(event));
        }
        self.version = self.version.plus(1);
        self.newest = Some(record.id());
        Ok(events)
    }

    /// The state after one more event that was decided.
    pub(super) fn apply(&mut self, event: &A::Event, id: EventId) {
        Arc::make_mut(&mut self.state).apply(event);
        self.version = self.version.plus(1);
        self.newest = Some(id);
    }
}

impl<A> Loaded<A> {
    /// The same state, behind the event that closes its stream.
    pub(super) fn close(&mut self, id: EventId) {
        self.version = self.version.plus(1);
        self.newest = Some(id);
    }
}

impl<A> Clone for Loaded<A> {
    fn clone(&self) -> Self {
        let state = Arc::clone(&self.state);
        Self { state, version: self.version, newest: self.newest, forgettings: self.forgettings }
    }
}

impl<A> Deref for Loaded<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

/// What a command did. It derefs to the state after it.
#[derive(Debug)]
pub struct Done<A: Aggregate> {
    loaded: Loaded<A>,
    events: Vec<A::Event>,
    token: Option<Token>,
    duplicate: bool,
}

impl<A: Aggregate> Done<A> {
    pub(super) const fn new(
        loaded: Loaded<A>,
        events: Vec<A::Event>,
        token: Option<Token>,
    ) -> Self {
        Self { loaded, events, token, duplicate: false }
    }

    pub(super) const fn into_duplicate(mut self) -> Self {
        self.duplicate = true;
        self
    }

    /// The state just after the command.
    #[must_use]
    pub fn state(&self) -> &A {
        self.loaded.state()
    }

    /// The version of the stream just after the command.
    #[must_use]
    pub const fn version(&self) -> StreamVersion {
        self.loaded.version()
    }

    /// The events it recorded; none if there was nothing to do.
    #[must_use]
    pub fn events(&self) -> &[A::Event] {
        &self.events
    }

    /// Proof of the write, for readers to wait for; `None` if nothing was written.
    #[must_use]
    pub const fn token(&self) -> Option<Token> {
        self.token
    }

    /// Whether the command had happened before, so that this is the answer it was given then.
    #[must_use]
    pub const fn is_duplicate(&self) -> bool {
        self.duplicate
    }

    /// The state as a value.
    #[must_use]
    pub fn into_state(self) -> A {
        self.loaded.into_state()
    }
}

impl<A: Aggregate> Deref for Done<A> {
    type Target = A;

    fn deref(&self) -> &A {
        self.loaded.state()
    }
}

/// A decision that is not committed: the write as a value, to commit with others as one.
#[derive(Debug)]
#[must_use = "a prepared decision does nothing until its commit is committed"]
pub struct Prepared<A: Aggregate> {
    loaded: Loaded<A>,
    events: Vec<A::Event>,
    commit: Commit,
}

impl<A: Aggregate> Prepared<A> {
    pub(super) const fn new(loaded: Loaded<A>, events: Vec<A::Event>, commit: Commit) -> Self {
        Self { loaded, events, commit }
    }

    /// The state that the decision was made on.
    #[must_use]
    pub const fn before(&self) -> &Loaded<A> {
        &self.loaded
    }

    /// The events that were decided.
    #[must_use]
    pub fn events(&self) -> &[A::Event] {
        &self.events
    }

    /// The write. It expects the stream at the version the decision was made on.
    pub const fn commit(&self) -> &Commit {
        &self.commit
    }

    /// The write, as a value.
    pub fn into_commit(self) -> Commit {
        self.commit
    }
}
