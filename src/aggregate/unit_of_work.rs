//! Decisions over several aggregates, committed together.

use std::sync::Arc;
use std::task::Poll;

use futures::future::try_join_all;
use tracing::Instrument;
use uuid::Uuid;

use super::desk::Desk;
use super::touched::Touched;
use super::turns::{Entrance, Turns};
use super::work::Streams;
use super::{Options, Work, WorkError};
use crate::ports::{CommitError, EventStore, telemetry};
use crate::types::{
    Commit, Committed, Conflict, DedupKey, EventId, ExpectedVersion, Metadata, StreamId, Token,
};

/// Several aggregates loaded, decided and committed together, and run again as one when somebody else was
/// faster.
///
/// What the body saw was true, all of it at one moment: every stream it read is guarded by the commit, and a
/// refusal, or a unit that writes nothing, is proved by a commit of guards alone. Units of one process take
/// turns on contested streams, in one order, with each other and with the commands of the same
/// repositories: none waits for ever, and none starves. Inside the body, use the [`Work`] and not the
/// repositories' own `execute`.
///
/// ```
/// # use freehold::{Aggregate, Event, Repository, UnitOfWork, backend::memory::MemoryStore};
/// # use freehold::aggregate::WorkError;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # enum Entry { Paid { cents: i64 } }
/// # impl Event for Entry { const CATEGORY: &'static str = "account"; }
/// # #[derive(Clone, Default)]
/// # struct Account(i64);
/// # impl Aggregate for Account {
/// #     type Event = Entry;
/// #     fn apply(&mut self, Entry::Paid { cents }: &Entry) { self.0 += cents; }
/// # }
/// # impl Account {
/// #     fn pay(&self, cents: i64) -> Result<Vec<Entry>, String> {
/// #         if self.0 + cents < 0 { Err("overdrawn".into()) } else { Ok(vec![Entry::Paid { cents }]) }
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), WorkError<String>> {
/// # let store = MemoryStore::new();
/// # let accounts = Repository::<Account>::new(store.clone());
/// # accounts.execute("alice", |a| a.pay(100)).await.unwrap();
/// let transfer = UnitOfWork::new(store)
///     .run(async |work| {
///         work.execute(&accounts, "alice", |alice| alice.pay(-30)).await?;
///         work.execute(&accounts, "bob", |bob| bob.pay(30)).await
///     })
///     .await?;
/// assert_eq!(transfer.value().map(|bob| bob.0), Some(30));
/// # Ok(())
/// # }
/// ```
///
/// Clones are cheap. Units that are clones of one queue up for contested streams together, which is faster
/// than one by one: keep one, and clone it for each run.
#[derive(Clone, Debug)]
#[must_use = "a unit of work does nothing until it is run"]
pub struct UnitOfWork {
    desk: Arc<Desk>,
    entrance: Entrance,
    command: Option<Uuid>,
    metadata: Metadata,
    rest: Commit,
}

/// What a unit of work did.
#[derive(Clone, Debug)]
pub struct Finished<T> {
    value: Option<T>,
    token: Option<Token>,
}

impl<T> Finished<T> {
    /// What the body returned; `None` if an earlier run with this command id had done the work.
    #[must_use]
    pub const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// What the body returned; `None` if an earlier run with this command id had done the work.
    #[must_use]
    pub fn into_value(self) -> Option<T> {
        self.value
    }

    /// Proof of the write, for readers to wait for; `None` if nothing was written. That of a repetition may
    /// lie beyond the first time's.
    #[must_use]
    pub const fn token(&self) -> Option<Token> {
        self.token
    }

    /// Whether an earlier run with this command id had done the work.
    #[must_use]
    pub const fn is_duplicate(&self) -> bool {
        self.value.is_none()
    }
}

/// How one run ended, if not for good.
enum Again {
    /// This process knew better: run again at once, with the turns at hand.
    Outdated,
    /// Another process was faster.
    Conflict(Conflict),
}

impl UnitOfWork {
    /// A unit of work on a store: a backend's handle, or an `Arc<dyn EventStore>`. The repositories used in
    /// it must be on the same store.
    pub fn new(store: impl EventStore) -> Self {
        Self::with_options(store, &Options::default())
    }

    /// A unit of work that differs from the usual one, in retries, seed and metadata.
    pub fn with_options(store: impl EventStore, options: &Options) -> Self {
        Self {
            desk: Arc::new(Desk::new(Arc::new(store), options)),
            entrance: Entrance::default(),
            command: None,
            metadata: options.metadata.clone(),
            rest: Commit::new(),
        }
    }

    /// Gives the unit an identity: however often it is repeated with this id, it happens once. The id of its
    /// first event derives from it.
    ///
    /// A unit that recorded no event leaves no trace, and is run anew when repeated.
    pub fn command_id(mut self, command: Uuid) -> Self {
        self.command = Some(command);
        self
    }

    /// Sets what travels with the events.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata.or(&self.metadata);
        self
    }

    /// Adds what must become durable with the events, an inbox key for example.
    pub fn with(mut self, rest: Commit) -> Self {
        self.rest = self.rest.and(rest);
        self
    }

    /// Runs `body`, and commits what it decided. It may be run several times, and the last run counts: it
    /// must do nothing but work with what it is given. Each run is of a clone: what the closure borrows
    /// needs nothing, what it moves in must be `Clone`.
    ///
    /// # Errors
    /// [`WorkError`]; a refusal is handed on only when the states it was made on have proved to be the
    /// newest.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the unit done or not done, never half.
    pub async fn run<T, R, F>(self, body: F) -> Result<Finished<T>, WorkError<R>>
    where
        F: AsyncFnOnce(&mut Work) -> Result<T, WorkError<R>> + Clone,
    {
        let span = tracing::debug_span!(
            "unit_of_work",
            command = self.command.map(tracing::field::display)
        );
        self.run_until_done(body).instrument(span).await
    }

    /// Runs `body` once, on the newest states, and commits nothing: the write as a value, to commit with others as one. Every
    /// stream that was read is guarded in it.
    ///
    /// A commit that then meets a conflict is for the caller to prepare again. One that was prepared before with the same
    /// command id, and is committed, is answered as a duplicate.
    ///
    /// # Errors
    /// [`WorkError`]; nothing proves that a refusal was made on the newest states.
    ///
    /// # Cancel safety
    /// Nothing is written; the future may be dropped.
    pub async fn prepare<T, R, F>(self, body: F) -> Result<(T, Commit), WorkError<R>>
    where
        F: AsyncFnOnce(&mut Work) -> Result<T, WorkError<R>>,
    {
        let mut work = Work::prepared(self.command, self.metadata);
        let value = body(&mut work).await?;
        let touched = work.streams.values();
        Ok((value, touched.fold(self.rest, |commit, touched| touched.write(commit))))
    }

    async fn run_until_done<T, R, F>(self, body: F) -> Result<Finished<T>, WorkError<R>>
    where
        F: AsyncFnOnce(&mut Work) -> Result<T, WorkError<R>> + Clone,
    {
        let mut backoff = self.desk.backoff();
        let mut turns = Turns::default();
        // Only where the turns are given on before the commit is durable: else it would be a queue for all.
        let entrance = self.desk.store.is_ordered().then_some(&self.entrance);
        // The turns are those of lanes that live as long as somebody is in them: the last run's places are
        // given up only when the next run has its own.
        let mut places = Streams::new();
        loop {
            let mut work = Work::new(turns, self.command, self.metadata.clone());
            let result = body.clone()(&mut work).await;
            let Work { streams, turns: held, .. } = work;
            drop(places);
            turns = held.take(&streams, entrance).await;
            let again = match result {
                _ if streams.values().any(|touched| touched.is_outdated()) => Again::Outdated,
                Ok(value) => match self.commit(&streams, &mut turns).await? {
                    Ok(done) => return self.finish(value, done, &streams, turns).await,
                    Err(conflict) => Again::Conflict(conflict),
                },
                Err(WorkError::Rejected(refusal)) => {
                    match self.prove(&streams, &mut turns).await? {
                        None => return self.refuse(refusal).await,
                        Some(conflict) => Again::Conflict(conflict),
                    }
                }
                Err(error) => return Err(error),
            };
            if let Again::Conflict(conflict) = again {
                telemetry::retry("conflict");
                tracing::debug!(%conflict, "running again");
                // Nobody of this process waits while this one sleeps.
                turns.release();
                // What it was built on has come to nothing: the fault of another, who waits for it.
                let innocent = matches!(conflict.expected(), ExpectedVersion::After(_));
                if !innocent && !backoff.wait().await {
                    return Err(CommitError::from(conflict).into());
                }
                turns = turns.take(&streams, entrance).await;
                try_join_all(streams.values().map(|touched| touched.refresh())).await?;
            }
            places = streams;
        }
    }

    /// Commits all that was decided, with guards on all that was only read. `Err` inside is a conflict.
    async fn commit<R>(
        &self,
        streams: &Streams,
        turns: &mut Turns,
    ) -> Result<Result<Option<Committed>, Conflict>, WorkError<R>> {
        if self.rest.is_empty() && written(streams).next().is_none() {
            return Ok(self.prove(streams, turns).await?.map_or(Ok(None), Err));
        }
        let commit =
            streams.values().fold(self.rest.clone(), |commit, touched| touched.write(commit));
        if self.desk.store.is_ordered() {
            self.open_to_others(streams).for_each(|(_, touched)| touched.publish());
        }
        let error = match self.submit(commit, streams, turns).await {
            Ok(done) => return Ok(Ok(Some(done))),
            Err(error) => error,
        };
        written(streams).for_each(|(_, touched)| touched.forget());
        match error {
            CommitError::Conflict(conflict) if streams.contains_key(conflict.stream()) => {
                Ok(Err(conflict))
            }
            // What was read was not the newest: on that, there may be nothing left to do.
            CommitError::Closed(closed) => {
                let touched = streams.get(closed.stream());
                let conflict = touched.and_then(|touched| closed.outdates(touched.expected()));
                conflict.map_or_else(|| Err(CommitError::from(closed).into()), |why| Ok(Err(why)))
            }
            CommitError::IdReused(_) => match self.repeated().await? {
                Some(first) => Ok(Ok(Some(first))),
                None => Err(error.into()),
            },
            error => Err(error.into()),
        }
    }

    /// Proves that all that was read was the newest at one moment, by a commit of guards alone.
    async fn prove<R>(
        &self,
        streams: &Streams,
        turns: &mut Turns,
    ) -> Result<Option<Conflict>, WorkError<R>> {
        if streams.is_empty() {
            return Ok(None);
        }
        let guards = streams.values().fold(Commit::new(), |commit, touched| touched.guard(commit));
        match self.submit(guards, streams, turns).await {
            Ok(_) => Ok(None),
            Err(CommitError::Conflict(conflict)) => Ok(Some(conflict)),
            Err(error) => Err(error.into()),
        }
    }

    /// The written streams on which others may build before they are durable.
    fn open_to_others<'s>(
        &self,
        streams: &'s Streams,
    ) -> impl Iterator<Item = (&'s StreamId, &'s dyn Touched)> {
        let derived = self.derived_id();
        written(streams).filter(move |(_, touched)| touched.can_be_built_on(derived))
    }

    /// The id of the first event, if it derives from a command id.
    fn derived_id(&self) -> Option<EventId> {
        self.command.map(|command| EventId::of_command(command, 0))
    }

    /// Commits. In a store that keeps the order of commits, this one has its place in it after the first
    /// poll: the turns are given on, and those who decide next build on what is not durable yet. If it
    /// comes to nothing, their commits meet a conflict.
    async fn submit(
        &self,
        commit: Commit,
        streams: &Streams,
        turns: &mut Turns,
    ) -> Result<Committed, CommitError> {
        let mut committing = std::pin::pin!(self.desk.commit(|| commit.clone()));
        if self.desk.store.is_ordered() {
            if let Poll::Ready(answer) = futures::poll!(committing.as_mut()) {
                return answer;
            }
            let derived = self.derived_id();
            turns.release_all_but(|stream| {
                streams.get(stream).is_some_and(|touched| !touched.can_be_built_on(derived))
            });
        }
        committing.await
    }

    async fn finish<T, R>(
        &self,
        value: T,
        done: Option<Committed>,
        streams: &Streams,
        turns: Turns,
    ) -> Result<Finished<T>, WorkError<R>> {
        let Some(done) = done else { return Ok(Finished { value: Some(value), token: None }) };
        // A duplicate just where this commit belongs is our own, after a lost reply.
        let ours = !done.is_duplicate()
            || (written(streams).next().is_some()
                && written(streams)
                    .all(|(stream, touched)| done.version_of(stream) == Some(touched.version())));
        if ours {
            for (stream, touched) in written(streams) {
                if turns.hold(stream) {
                    touched.publish();
                }
                touched.remember();
            }
            return Ok(Finished { value: Some(value), token: Some(done.token()) });
        }
        written(streams).for_each(|(_, touched)| touched.forget());
        let first = self.repeated().await?.unwrap_or(done);
        Ok(Finished { value: None, token: Some(first.token()) })
    }

    async fn refuse<T, R>(&self, refusal: R) -> Result<Finished<T>, WorkError<R>> {
        match self.repeated().await? {
            Some(first) => Ok(Finished { value: None, token: Some(first.token()) }),
            None => Err(WorkError::Rejected(refusal)),
        }
    }

    /// Where an earlier run with this command id, or for this message, landed.
    async fn repeated<R>(&self) -> Result<Option<Committed>, WorkError<R>> {
        if let Some(id) = self.derived_id()
            && let Some(first) = self.desk.store.outcome(&DedupKey::Event(id)).await?
        {
            // The unit's other events came with this one; the head covers them all.
            let head = Token::new(first.token().log(), self.desk.store.head().await?);
            return Ok(Some(Committed::new(Vec::new(), None, head).as_duplicate()));
        }
        for key in self.rest.dedup_keys() {
            if let Some(first) = self.desk.store.outcome(&key).await? {
                return Ok(Some(first.as_duplicate()));
            }
        }
        Ok(None)
    }
}

/// The streams in which something was decided.
fn written(streams: &Streams) -> impl Iterator<Item = (&StreamId, &dyn Touched)> {
    let touched = streams.iter().map(|(stream, touched)| (stream, &**touched));
    touched.filter(|(_, touched)| touched.has_events())
}
