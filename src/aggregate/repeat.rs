//! Answering a repeated command as the first was answered.

use futures::future::BoxFuture;
use uuid::Uuid;

use super::repository::LoadError;
use super::{Aggregate, Done, Execute, ExecuteError};
use crate::ports::CommitError;
use crate::types::{
    Committed, DedupKey, EventId, ReadFrom, RecordedEvent, StreamId, StreamVersion, Token,
};

impl<A: Aggregate, D: Sync> Execute<'_, A, D> {
    /// The answer that this command, or the message it handles, was given before. Asked only when something
    /// looks odd: it costs nothing where nothing is repeated. Not even room, which is why it is boxed.
    pub(super) fn repeated<'a, R: Send + 'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<Done<A>>, ExecuteError<R>>> {
        Box::pin(self.look_for_answer(stream))
    }

    async fn look_for_answer<R>(
        &self,
        stream: &StreamId,
    ) -> Result<Option<Done<A>>, ExecuteError<R>> {
        let store = &self.repository.shared().desk.store;
        if let Some(command) = self.command {
            let first = EventId::of_command(command, 0);
            if let Some(at) = store.outcome(&DedupKey::Event(first)).await? {
                // The same id on another stream is another command.
                let begin = at.version_of(stream).ok_or(CommitError::IdReused(first))?;
                return Ok(Some(self.answer_of_command(stream, command, begin).await?));
            }
        }
        for key in self.rest.dedup_keys() {
            if let Some(first) = store.outcome(&key).await? {
                return Ok(Some(self.answer_of_commit(stream, &first).await?));
            }
        }
        Ok(None)
    }

    /// A command's events stand one after another in its stream, from `begin` on.
    async fn answer_of_command(
        &self,
        stream: &StreamId,
        command: Uuid,
        begin: StreamVersion,
    ) -> Result<Done<A>, LoadError> {
        let store = &self.repository.shared().desk.store;
        let before = StreamVersion::new(begin.get().saturating_sub(1));
        let is_ours = |event: &RecordedEvent| {
            let index = event.version().get().checked_sub(begin.get());
            index.is_some_and(|index| event.id() == EventId::of_command(command, index))
        };
        let (mut last, mut position) = (before, None);
        loop {
            let page = store.read_stream(stream, ReadFrom::After(last), usize::MAX).await?;
            let ours = page.events.iter().take_while(|event| is_ours(event));
            let (count, newest) = ours.fold((0, None), |(n, _), event| (n + 1, Some(event)));
            if let Some(newest) = newest {
                (last, position) = (newest.version(), Some(newest.position()));
            }
            if count < page.events.len() || !page.has_more {
                break;
            }
        }
        let (loaded, events) = self.repository.replay(stream, is_ours, last).await?;
        let token = position.map(|position| Token::new(store.identity(), position));
        Ok(Done::new(loaded, events, token).into_duplicate())
    }

    async fn answer_of_commit(
        &self,
        stream: &StreamId,
        first: &Committed,
    ) -> Result<Done<A>, LoadError> {
        let token = Some(first.token());
        let Some(version) = first.version_of(stream) else {
            let loaded = self.repository.load_stream(stream).await?;
            return Ok(Done::new(loaded, Vec::new(), token).into_duplicate());
        };
        let is_ours = |event: &RecordedEvent| {
            first.positions().is_some_and(|positions| positions.contains(&event.position()))
        };
        let (loaded, events) = self.repository.replay(stream, is_ours, version).await?;
        Ok(Done::new(loaded, events, token).into_duplicate())
    }
}
