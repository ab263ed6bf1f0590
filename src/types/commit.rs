//! The write as a value.

#[cfg(feature = "personal")]
use bytes::Bytes;

use super::{
    Advance, Append, Check, DedupKey, Envelope, ExpectedVersion, InboxKey, InvalidCommit, Limits,
    NewEvent, Outgoing, PartKind, Parts, RowWrite, StreamId,
};

/// Everything that becomes durable together, or not at all.
///
/// A debit and its credit, in two streams, are one commit:
///
/// ```
/// use freehold::{Commit, ExpectedVersion, EventId, EventName, NewEvent, StreamId, StreamVersion};
/// # use uuid::Uuid;
/// # let event = |name| NewEvent::new(EventId::new(Uuid::now_v7()), EventName::from_static(name).unwrap(), "{}");
///
/// let [alice, bob] = [StreamId::new("account", "alice")?, StreamId::new("account", "bob")?];
/// let rates = StreamId::new("rates", "eur")?;
/// let transfer = Commit::new()
///     .append(&alice, StreamVersion::new(3), [event("Withdrawn")])
///     .append(&bob, ExpectedVersion::Any, [event("Deposited")])
///     .check(&rates, StreamVersion::new(17));
/// # assert_eq!(transfer.dedup_keys().count(), 2);
/// # Ok::<(), freehold::InvalidStreamId>(())
/// ```
///
/// A stream may occur once, over appends and checks. What is wrong with a commit is said when it is
/// committed: [`InvalidCommit`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a commit does nothing until a store commits it"]
pub struct Commit {
    parts: Parts,
    /// What is wrong with it in a way that its parts do not show.
    flaw: Option<InvalidCommit>,
}

impl Commit {
    /// An empty commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends events to a stream that is as expected: at a version, or as [`ExpectedVersion`] says.
    pub fn append(
        mut self,
        stream: &StreamId,
        expected: impl Into<ExpectedVersion>,
        events: impl IntoIterator<Item = NewEvent>,
    ) -> Self {
        let events = events.into_iter().collect();
        // Most commits have one append: they need no room for more.
        if self.parts.appends.is_empty() {
            self.parts.appends.reserve_exact(1);
        }
        self.parts.appends.push(Append {
            stream: stream.clone(),
            expected: expected.into(),
            events,
        });
        self
    }

    /// Guards a stream that was read but is not written.
    pub fn check(mut self, stream: &StreamId, expected: impl Into<ExpectedVersion>) -> Self {
        self.parts.checks.push(Check { stream: stream.clone(), expected: expected.into() });
        self
    }

    /// Marks an incoming message as handled. A later commit with the same key changes nothing and is
    /// answered as this one was.
    pub fn inbox(self, key: InboxKey) -> Self {
        self.and(Self { parts: Parts { inbox: Some(key), ..Parts::default() }, flaw: None })
    }

    /// Puts a message into the outbox: it is published if and only if the commit happens.
    pub fn send(mut self, message: &Envelope) -> Self {
        match Outgoing::of(message) {
            Ok(outgoing) => self.parts.messages.push(outgoing),
            Err(_) => self.flaw = Some(InvalidCommit::Unwritable(message.id())),
        }
        self
    }

    /// Puts or deletes rows. What was there before is not looked at: rows that depend on what was read are guarded by
    /// the [advance](Commit::advance) of the lease under which they were read.
    pub fn rows(mut self, rows: impl IntoIterator<Item = RowWrite>) -> Self {
        self.parts.rows.extend(rows);
        self
    }

    /// Moves a checkpoint on, if the lease is still held; else nothing of the commit happens.
    pub fn advance(self, advance: Advance) -> Self {
        self.and(Self { parts: Parts { advance: Some(advance), ..Parts::default() }, flaw: None })
    }

    /// Adds what another commit holds: two writes become one.
    pub fn and(mut self, other: Self) -> Self {
        let Parts { appends, checks, inbox, messages, rows, advance } = other.parts;
        if self.parts.inbox.is_some() && inbox.is_some() {
            self.flaw = Some(InvalidCommit::Merged(PartKind::Inbox));
        }
        if self.parts.advance.is_some() && advance.is_some() {
            self.flaw = Some(InvalidCommit::Merged(PartKind::Advance));
        }
        self.flaw = self.flaw.or(other.flaw);
        self.parts.appends.extend(appends);
        self.parts.checks.extend(checks);
        self.parts.inbox = self.parts.inbox.or(inbox);
        self.parts.messages.extend(messages);
        self.parts.rows.extend(rows);
        self.parts.advance = self.parts.advance.or(advance);
        self
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.flaw.is_none()
    }

    /// What a repetition of this commit would be recognised by.
    pub fn dedup_keys(&self) -> impl Iterator<Item = DedupKey> {
        let inbox = self.parts.inbox.iter().cloned().map(DedupKey::Inbox);
        inbox.chain(self.parts.events().map(|(_, event)| DedupKey::Event(event.id())))
    }

    /// All payloads in it, to be changed, each with what it is of.
    #[cfg(feature = "personal")]
    pub(crate) fn payloads_mut(&mut self) -> impl Iterator<Item = (PartKind, &mut Bytes)> {
        let Parts { appends, messages, rows, .. } = &mut self.parts;
        let events = appends.iter_mut().flat_map(|append| &mut append.events);
        let events = events.map(|event| (PartKind::Appends, event.data_mut()));
        let messages = messages.iter_mut().map(|one| (PartKind::Messages, one.event.data_mut()));
        let values = rows.iter_mut().filter_map(|row| row.value.as_mut());
        events.chain(messages).chain(values.map(|value| (PartKind::Rows, value.json_mut())))
    }

    /// The events in it, to be changed.
    #[cfg(feature = "personal")]
    pub(crate) fn events_mut(&mut self) -> impl Iterator<Item = &mut NewEvent> {
        self.parts.appends.iter_mut().flat_map(|append| &mut append.events)
    }

    /// For backends: hands out the content, well formed, within `limits`, and of the kinds in `kept`.
    /// There is no other way to the content, so a part that a backend does not know is never lost in
    /// silence.
    ///
    /// # Errors
    /// [`InvalidCommit`] says what is wrong with it.
    pub fn into_parts(self, kept: &[PartKind], limits: &Limits) -> Result<Parts, InvalidCommit> {
        if let Some(flaw) = self.flaw {
            return Err(flaw);
        }
        self.parts.check_kept(kept)?;
        self.parts.check_form()?;
        self.parts.check_size(limits)?;
        Ok(self.parts)
    }
}
