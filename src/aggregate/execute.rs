//! A command under way.

use std::fmt;

use futures::future::BoxFuture;
use tracing::Instrument;
use uuid::Uuid;

use super::batch::{Entry, Outcome};
use super::lane::{Ground, Place, Turn};
use super::{Aggregate, Done, ExecuteError, Loaded, Prepared, Repository};
use crate::event::{self, Event, EventError};
use crate::ports::{CommitError, telemetry};
use crate::types::{
    Closing, Commit, Conflict, EventId, ExpectedVersion, Metadata, NewEvent, StreamId,
};

/// A command under way: `.await` it, or say more first.
///
/// # Cancel safety
/// Dropping it leaves the command done or not done, never half. While others work on the same stream, a
/// dropped command can still be committed with theirs. Repeat it with the same
/// [command id](Execute::command_id) to know.
#[must_use = "a command does nothing until it is awaited"]
pub struct Execute<'a, A: Aggregate, D> {
    pub(super) repository: &'a Repository<A>,
    id: String,
    decide: D,
    pub(super) command: Option<Uuid>,
    metadata: Metadata,
    pub(super) rest: Commit,
    closing: Option<Closing>,
}

/// How one try ended.
enum Step<A: Aggregate> {
    Done(Done<A>),
    /// Decide again at once: somebody else has made progress.
    Again,
    /// Decide again, in a commit of one's own, to get a verdict of one's own.
    Alone,
    /// Decide again after a wait: another process was faster.
    Conflict(Conflict),
}

impl<'a, A: Aggregate, D> Execute<'a, A, D> {
    pub(super) fn new(repository: &'a Repository<A>, id: String, decide: D) -> Self {
        let metadata = Metadata::new();
        let (command, closing) = (None, None);
        Self { repository, id, decide, command, metadata, rest: Commit::new(), closing }
    }

    /// Gives the command an identity: however often it is repeated with this id, it happens once, and every
    /// repetition is answered as the first was. Its events' ids derive from it.
    ///
    /// A command that had nothing to record leaves no trace, and is decided anew when repeated.
    pub fn command_id(mut self, command: Uuid) -> Self {
        self.command = Some(command);
        self
    }

    /// Sets what travels with the events. Where it says nothing, the repository's own metadata counts, and
    /// the command id is the cause and, in want of another, the flow.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Adds what must become durable with the events: an inbox key, a check on another stream, another
    /// stream's events.
    pub fn with(mut self, rest: Commit) -> Self {
        self.rest = self.rest.and(rest);
        self
    }

    /// Closes the stream behind what is decided, in the same commit: it takes no more events. If nothing is decided, it is
    /// closed all the same; if the command is refused, it stays open.
    ///
    /// ```
    /// # use freehold::{Aggregate, CommitError, Event, Repository, backend::memory::MemoryStore};
    /// # use freehold::aggregate::ExecuteError;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # enum Entry { Shipped {}, Returned {} }
    /// # impl Event for Entry { const CATEGORY: &'static str = "order"; }
    /// # #[derive(Clone, Default)]
    /// # struct Order { is_shipped: bool }
    /// # impl Aggregate for Order {
    /// #     type Event = Entry;
    /// #     fn apply(&mut self, event: &Entry) { self.is_shipped = matches!(event, Entry::Shipped {}); }
    /// # }
    /// # impl Order {
    /// #     fn ship(&self) -> Result<Vec<Entry>, String> { Ok(vec![Entry::Shipped {}]) }
    /// #     fn take_back(&self) -> Result<Vec<Entry>, String> { Ok(vec![Entry::Returned {}]) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use freehold::Closing;
    ///
    /// let orders = Repository::<Order>::new(MemoryStore::new());
    /// orders.execute("17", |order| order.ship()).and_close(Closing::because("shipped and paid")).await?;
    ///
    /// assert!(orders.load("17").await?.is_shipped);
    /// assert_eq!(orders.closing("17").await?, Some(Closing::because("shipped and paid")));
    /// let late = orders.execute("17", |order| order.take_back()).await;
    /// assert!(matches!(late, Err(ExecuteError::Commit(CommitError::Closed(_)))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn and_close(mut self, closing: Closing) -> Self {
        self.closing = Some(closing);
        self
    }

    /// What is to be appended: the events, and what closes the stream behind them.
    fn encode(&self, events: &[A::Event]) -> Result<Vec<NewEvent>, EventError> {
        let metadata = stamp(&self.metadata, self.repository, &said_by(self.command));
        let mut new = Vec::with_capacity(events.len() + usize::from(self.closing.is_some()));
        let id = |index| match self.command {
            Some(command) => EventId::of_command(command, index),
            None => self.repository.fresh_id(),
        };
        for (index, event) in (0..).zip(events) {
            new.push(event::encode(event, id(index))?.with_metadata(metadata.clone()));
        }
        if let Some(closing) = &self.closing {
            new.push(closing.event(id(events.len() as u64)).with_metadata(metadata));
        }
        Ok(new)
    }
}

/// The metadata of a command's events.
pub(super) fn stamp<A: Aggregate>(
    metadata: &Metadata,
    repository: &Repository<A>,
    said_by_command: &Metadata,
) -> Metadata {
    metadata.clone().or(&repository.shared().options.metadata).or(said_by_command)
}

/// What a command id says where nobody has said more: it is the cause, and the flow.
pub(super) fn said_by(command: Option<Uuid>) -> Metadata {
    command.map_or_else(Metadata::new, |id| Metadata::new().with_causation(id).with_correlation(id))
}

impl<A, D, R> Execute<'_, A, D>
where
    A: Aggregate,
    D: Fn(&A) -> Result<Vec<A::Event>, R> + Send + Sync,
    R: Send,
{
    /// Decides on the newest state without committing: the write as a value, to commit with others as one.
    ///
    /// # Errors
    /// As the command itself, but for those of the commit.
    pub async fn prepare(self) -> Result<Prepared<A>, ExecuteError<R>> {
        let stream = Repository::<A>::stream(&self.id)?;
        let loaded = self.repository.load_stream(&stream).await?;
        let events = (self.decide)(&loaded).map_err(ExecuteError::Rejected)?;
        let new = self.encode(&events)?;
        let commit = if new.is_empty() {
            self.rest.check(&stream, loaded.version())
        } else {
            self.rest.append(&stream, loaded.version(), new)
        };
        Ok(Prepared::new(loaded, events, commit))
    }

    // The future of a command is as small as it can be, so that making and moving it is cheap: what seldom happens
    // is boxed when it does.
    async fn run(&self) -> Result<Done<A>, ExecuteError<R>> {
        let stream = Repository::<A>::stream(&self.id)?;
        let lane = self.repository.enter(&stream);
        let mut backoff = self.repository.shared().desk.backoff();
        // What a command brings along cannot be shared: it is the caller's own.
        let mut alone = self.has_more();
        loop {
            let step =
                if alone { Box::pin(self.alone(&lane)).await? } else { self.shared(&lane).await? };
            match step {
                Step::Done(done) => return Ok(done),
                Step::Again => {}
                Step::Alone => alone = true,
                Step::Conflict(conflict) => {
                    telemetry::retry("conflict");
                    tracing::debug!(%conflict, "deciding again");
                    if !backoff.wait().await {
                        return Err(CommitError::from(conflict).into());
                    }
                }
            }
        }
    }

    /// Decides in turn, and shares a commit with whoever decides on the same stream meanwhile.
    async fn shared(&self, lane: &Place<A>) -> Result<Step<A>, ExecuteError<R>> {
        let shared = self.repository.shared();
        let turn = lane.turn().await;
        let (ground, fresh) = self.repository.ground(lane).await?;
        if let (Some(command), Some(tail)) = (self.command, &ground.tail)
            && tail.holds(command)
        {
            drop(turn);
            tail.drive(lane, &shared.desk).await;
            return Ok(self.repeated(lane.stream()).await?.map_or(Step::Again, Step::Done));
        }
        let events = match (self.decide)(&ground.loaded) {
            Ok(events) if !events.is_empty() => events,
            undecided => {
                return Box::pin(self.without_events(lane, turn, ground, fresh, undecided)).await;
            }
        };
        let entry = Entry { command: self.command, events: self.encode(&events)? };
        let ids: Vec<EventId> = entry.events.iter().map(NewEvent::id).collect();
        let after = after(&ground.loaded, &events, &ids);
        let (commands_max, limits) =
            (shared.options.commands_per_commit_max, shared.desk.store.limits());
        let Some(batch) = lane.join(&ground, after.clone(), entry, commands_max, limits) else {
            return Ok(Step::Again);
        };
        drop(turn);
        match batch.drive(lane, &shared.desk).await {
            Outcome::Committed(token) => {
                shared.keep(lane.stream(), &after, None);
                Ok(Step::Done(Done::new(after, events, Some(token))))
            }
            Outcome::Stale(conflict) => Ok(conflict.map_or(Step::Again, Step::Conflict)),
            Outcome::Reused(id) if ids.contains(&id) => self.reused(lane, id).await,
            Outcome::Reused(_) => Ok(Step::Again),
            Outcome::Failed(CommitError::Invalid(_)) => Ok(Step::Alone),
            Outcome::Failed(error) => refused(error, lane.stream(), ground.expected),
        }
    }

    /// Decides in turn, and commits before anybody else may decide.
    async fn alone(&self, lane: &Place<A>) -> Result<Step<A>, ExecuteError<R>> {
        let shared = self.repository.shared();
        let turn = lane.turn().await;
        if let Some(tail) = lane.ground().and_then(|ground| ground.tail) {
            tail.drive(lane, &shared.desk).await;
        }
        let (ground, fresh) = self.repository.ground(lane).await?;
        let events = match (self.decide)(&ground.loaded) {
            Ok(events) if !events.is_empty() || self.has_more() => events,
            undecided => return self.without_events(lane, turn, ground, fresh, undecided).await,
        };
        let new = self.encode(&events)?;
        let ids: Vec<EventId> = new.iter().map(NewEvent::id).collect();
        let after = after(&ground.loaded, &events, &ids);
        let commit = if ids.is_empty() {
            self.rest.clone().check(lane.stream(), ground.expected)
        } else {
            self.rest.clone().append(lane.stream(), ground.expected, new)
        };
        match shared.desk.commit(|| commit.clone()).await {
            // A duplicate just where this commit belongs is our own, after a lost reply.
            Ok(done)
                if !done.is_duplicate()
                    || (!ids.is_empty()
                        && done.version_of(lane.stream()) == Some(after.version())) =>
            {
                lane.know(after.clone());
                shared.keep(lane.stream(), &after, None);
                Ok(Step::Done(Done::new(after, events, Some(done.token()))))
            }
            Ok(done) => {
                lane.forget();
                let first = self.repeated(lane.stream()).await?;
                Ok(Step::Done(first.unwrap_or_else(|| {
                    Done::new(ground.loaded, Vec::new(), Some(done.token())).into_duplicate()
                })))
            }
            Err(error) => {
                lane.forget();
                match error {
                    CommitError::IdReused(id) => self.reused(lane, id).await,
                    error => refused(error, lane.stream(), ground.expected),
                }
            }
        }
    }

    /// Whether there is something to commit beside what is decided.
    fn has_more(&self) -> bool {
        !self.rest.is_empty() || self.closing.is_some()
    }

    /// An id of this command is recorded already: it has happened, or the id is not its own.
    async fn reused(&self, lane: &Place<A>, id: EventId) -> Result<Step<A>, ExecuteError<R>> {
        match self.repeated(lane.stream()).await? {
            Some(done) => Ok(Step::Done(done)),
            None => Err(CommitError::IdReused(id).into()),
        }
    }

    /// There is nothing to write. That is believed only of the newest state, and only of a command that has
    /// not happened: no append will prove it.
    async fn without_events(
        &self,
        lane: &Place<A>,
        turn: Turn,
        ground: Ground<A>,
        fresh: bool,
        undecided: Result<Vec<A::Event>, R>,
    ) -> Result<Step<A>, ExecuteError<R>> {
        if let Some(tail) = &ground.tail {
            drop(turn);
            if !tail.drive(lane, &self.repository.shared().desk).await.is_committed() {
                return Ok(Step::Again);
            }
        } else if !fresh
            && let Some(newest) = self.repository.newer_than(lane.stream(), &ground.loaded).await?
        {
            lane.know(newest);
            return Ok(Step::Again);
        }
        if let Some(done) = self.repeated(lane.stream()).await? {
            return Ok(Step::Done(done));
        }
        match undecided {
            Ok(_) => Ok(Step::Done(Done::new(ground.loaded, Vec::new(), None))),
            Err(refusal) => Err(ExecuteError::Rejected(refusal)),
        }
    }
}

/// The state after what was decided, and after what closes the stream behind it.
fn after<A: Aggregate>(loaded: &Loaded<A>, events: &[A::Event], ids: &[EventId]) -> Loaded<A> {
    let mut after = loaded.clone();
    for (event, id) in events.iter().zip(ids) {
        after.apply(event, *id);
    }
    ids.get(events.len()..).unwrap_or_default().iter().for_each(|id| after.close(*id));
    after
}

/// What follows from a commit that was refused. Whoever has decided on a state that was not the newest decides again, also
/// where no decision fits any more, since the stream was closed: there may be nothing left to do.
fn refused<A: Aggregate, R>(
    error: CommitError,
    stream: &StreamId,
    expected: ExpectedVersion,
) -> Result<Step<A>, ExecuteError<R>> {
    match error {
        CommitError::Conflict(conflict) if conflict.stream() == stream => {
            Ok(Step::Conflict(conflict))
        }
        CommitError::Closed(closed) if closed.stream() == stream => closed
            .outdates(expected)
            .map(Step::Conflict)
            .ok_or_else(|| CommitError::from(closed).into()),
        error => Err(error.into()),
    }
}

impl<'a, A, D, R> IntoFuture for Execute<'a, A, D>
where
    A: Aggregate,
    D: Fn(&A) -> Result<Vec<A::Event>, R> + Send + Sync + 'a,
    R: Send + 'a,
{
    type Output = Result<Done<A>, ExecuteError<R>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let span = tracing::debug_span!(
            "execute",
            category = A::Event::CATEGORY,
            stream = %self.id,
            command = self.command.map(tracing::field::display)
        );
        // It owns the command and lends it: a future that takes its arguments by value holds them twice.
        Box::pin(async move { self.run().await }.instrument(span))
    }
}

impl<A: Aggregate, D> fmt::Debug for Execute<'_, A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute")
            .field("category", &A::Event::CATEGORY)
            .field("id", &self.id)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}
