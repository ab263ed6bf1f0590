//! What a message leads to: entries for the record, and messages to send. Pure, but for the clock that is read before.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::ProcessOptions;
use super::contract::ProcessManager;
use super::entry::{Entry, Heard, Kept, Sent, Set};
use super::instance::{Instance, Stage};
use super::reaction::Reaction;
use super::route::Route;
use super::wire::{self, Says};
use crate::types::{Envelope, EventId, Message, MessageId, Metadata, OrderingKey};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How much of an error is kept.
const ERROR_CHARS_MAX: usize = 2_000;

/// What follows from a message, or from an operator's order.
pub(super) struct Decision<'d, P: ProcessManager> {
    process: &'d P,
    options: &'d ProcessOptions,
    /// The instance, as it is after the entries.
    pub(super) instance: Instance<P>,
    id: &'d str,
    now: DateTime<Utc>,
    /// What the ids of the entries are made of. It is fresh: who decides on the same message at the same time meets a conflict,
    /// and then the message is known.
    base: Uuid,
    pub(super) entries: Vec<(EventId, Entry)>,
    pub(super) envelopes: Vec<Envelope>,
}

/// More messages wait than may.
#[derive(Debug, thiserror::Error)]
#[error("{0} messages wait for the instance, and no more may")]
struct TooMany(usize);

impl<'d, P: ProcessManager> Decision<'d, P> {
    /// Nothing, so far.
    pub(super) fn new(
        process: &'d P,
        options: &'d ProcessOptions,
        instance: Instance<P>,
        id: &'d str,
        now: DateTime<Utc>,
        base: Uuid,
    ) -> Self {
        let (entries, envelopes) = (Vec::new(), Vec::new());
        Self { process, options, instance, id, now, base, entries, envelopes }
    }

    /// A message has come.
    ///
    /// # Errors
    /// The message cannot be kept.
    pub(super) fn comes(
        &mut self,
        message: &Message,
        says: Says<P::Event>,
    ) -> Result<(), BoxError> {
        let envelope = &message.envelope;
        if self.instance.stage == Stage::Complete || self.instance.known.contains(&envelope.id()) {
            return Ok(());
        }
        if let Says::HasBegun { .. } = says {
            let is_late =
                self.instance.stage == Stage::Expected && !self.instance.waiting.is_empty();
            return if is_late { self.write(Entry::Overdue) } else { Ok(()) };
        }
        if self.instance.parked.is_some() {
            return self.wait(Kept::new(&message.source, envelope)?);
        }
        let kept = Kept::new(&message.source, envelope)?;
        self.take(kept, envelope, says)?;
        self.go_on()
    }

    /// The message that could not be heard is heard again, and then those that wait.
    pub(super) fn retry(&mut self) -> Result<(), BoxError> {
        if let Some((parked, _)) = self.instance.parked.take() {
            self.take_kept(parked)?;
        }
        self.go_on()
    }

    /// The message that could not be heard is given up, and those that wait are heard.
    pub(super) fn discard(&mut self, by: String, reason: String) -> Result<(), BoxError> {
        if self.instance.parked.is_some() {
            self.write(Entry::Dropped { by, reason })?;
        }
        self.go_on()
    }

    /// The instance is ended.
    pub(super) fn end(&mut self, by: String, reason: String) -> Result<(), BoxError> {
        if self.instance.stage == Stage::Complete {
            Ok(())
        } else {
            self.write(Entry::Ended { by, reason })
        }
    }

    /// Those that wait are heard, as long as nothing keeps them waiting.
    fn go_on(&mut self) -> Result<(), BoxError> {
        if self.instance.stage != Stage::Begun {
            return Ok(());
        }
        let mut waiting: VecDeque<Kept> = self.instance.waiting.clone();
        while self.instance.stage == Stage::Begun && self.instance.parked.is_none() {
            let Some(kept) = waiting.pop_front() else { break };
            self.take_kept(kept)?;
        }
        Ok(())
    }

    fn take_kept(&mut self, kept: Kept) -> Result<(), BoxError> {
        let envelope = kept.envelope()?;
        let written = self.entries.len();
        match wire::read(self.process, &envelope) {
            Ok(says) => self.take(kept, &envelope, says)?,
            Err(why) => self.park(kept, &why)?,
        }
        if self.entries.len() == written {
            self.write(Entry::Passed { message: envelope.id() })?;
        }
        Ok(())
    }

    /// A message whose turn it is.
    fn take(
        &mut self,
        kept: Kept,
        envelope: &Envelope,
        says: Says<P::Event>,
    ) -> Result<(), BoxError> {
        let has_begun = self.instance.stage == Stage::Begun;
        let (event, completes) = match says {
            Says::Nothing | Says::HasBegun { .. } => return Ok(()),
            Says::Timer { name, event, .. } => {
                // One that was cancelled, or set anew.
                if self.instance.timers.get(&name) != Some(&envelope.id()) {
                    return Ok(());
                }
                (event, false)
            }
            Says::Message { event, route } => match route {
                Route::Ignore => return Ok(()),
                Route::StartOnce(_) if has_begun => return self.park(kept, &BegunTwice),
                Route::Continue(_) | Route::Stop(_) if !has_begun => return Ok(()),
                Route::ContinueOrWait(_) if !has_begun => return self.wait(kept),
                Route::Stop(_) => (event, true),
                Route::Start(_)
                | Route::StartOnce(_)
                | Route::Continue(_)
                | Route::ContinueOrWait(_) => (event, false),
            },
        };
        let reacted =
            catch_unwind(AssertUnwindSafe(|| self.process.react(&self.instance.state, &event)));
        match reacted.unwrap_or_else(|_| Err(Panicked.into())) {
            Err(why) => self.park(kept, &*why),
            Ok(Reaction { flaw: Some(why), .. }) => self.park(kept, &why),
            Ok(reaction) => self.hear(kept, envelope, reaction, completes),
        }
    }

    fn hear(
        &mut self,
        kept: Kept,
        cause: &Envelope,
        reaction: Reaction<P::Event>,
        completes: bool,
    ) -> Result<(), BoxError> {
        let identity = self.identity(cause, &kept)?;
        let mut index = 0..;
        let mut id = || MessageId::of_event(identity, index.next().unwrap_or(u64::MAX));
        let metadata = Metadata::answering(cause);
        let own = OrderingKey::new(self.id)?;
        let mut heard = Heard {
            message: kept,
            sent: Vec::new(),
            timers: Vec::new(),
            cancelled: reaction.cancels,
            completes: completes || reaction.is_complete,
        };
        for send in reaction.sends {
            let (id, key) = (id(), send.key.unwrap_or_else(|| own.clone()));
            heard.sent.push(Sent { id, kind: send.kind.to_string() });
            let envelope = Envelope::new(id, send.kind, key, send.data);
            self.envelopes.push(envelope.with_metadata(metadata.clone()));
        }
        for timer in reaction.timers {
            let (id, at) = (id(), self.later(timer.after));
            heard.timers.push(Set { event: timer.event.to_string(), id, at });
            let (kind, data) = wire::timer(P::NAME, self.id, Some((&timer.event, &timer.data)))?;
            let envelope = Envelope::new(id, kind, own.clone(), data).with_delivery_at(at);
            self.envelopes.push(envelope.with_metadata(metadata.clone()));
        }
        self.write(Entry::Heard(heard))
    }

    fn wait(&mut self, kept: Kept) -> Result<(), BoxError> {
        if self.instance.waiting.len() >= self.options.waiting_messages_max {
            return Err(TooMany(self.instance.waiting.len()).into());
        }
        let is_early = self.instance.stage == Stage::Expected && self.instance.parked.is_none();
        if is_early && self.instance.waiting.is_empty() {
            let id = MessageId::of_event(self.identity(&kept.envelope()?, &kept)?, u64::MAX);
            let at = self.later(self.options.early_wait);
            let (kind, data) = wire::timer(P::NAME, self.id, None)?;
            let envelope = Envelope::new(id, kind, OrderingKey::new(self.id)?, data);
            self.envelopes.push(envelope.with_delivery_at(at));
        }
        self.write(Entry::Waits(kept))
    }

    fn park(
        &mut self,
        message: Kept,
        why: &(dyn std::error::Error + 'static),
    ) -> Result<(), BoxError> {
        let mut text = why.to_string();
        let mut source = why.source();
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        let why = text.chars().take(ERROR_CHARS_MAX).collect();
        self.write(Entry::Parked { message, why })
    }

    fn write(&mut self, entry: Entry) -> Result<(), BoxError> {
        let id = self.next_id();
        self.instance.apply(self.process, &entry)?;
        self.entries.push((id, entry));
        Ok(())
    }

    fn next_id(&self) -> EventId {
        EventId::of_command(self.base, self.entries.len() as u64)
    }

    /// What the ids of the messages are made of that a message leads to: the same whenever it is heard.
    fn identity(&self, cause: &Envelope, kept: &Kept) -> Result<EventId, BoxError> {
        let name = format!("freehold process {}/{} {}", P::NAME, self.id, kept.source()?);
        Ok(EventId::new(Uuid::new_v5(&cause.id().as_uuid(), name.as_bytes())))
    }

    fn later(&self, after: std::time::Duration) -> DateTime<Utc> {
        let after = TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX);
        self.now.checked_add_signed(after).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// A message that begins an instance has come for one that has begun.
#[derive(Debug, thiserror::Error)]
#[error("the instance has begun before")]
struct BegunTwice;

/// The process panicked.
#[derive(Debug, thiserror::Error)]
#[error("the process panicked")]
struct Panicked;
