//! Mutants of O1 to O9: what is sent, and what becomes of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use freehold::backend::memory::MemoryStore;
use freehold::testkit::conformance::OutboxHarness;
use freehold::testkit::{PausedClock, async_trait};
use freehold::{
    Commit, CommitError, Committed, Envelope, FeedPage, Limits, MessageId, NewEvent, Parts,
    Position, RecordedEvent, Token,
};
use tokio::sync::{Notify, watch};
use tokio::task::yield_now;

use super::flaw::{Answer, restated};
use super::outbox_flaw::{Due, Messages, OutboxFlaw, at, closed, opened, whole};
use super::row_flaw::Result;

/// O9: what was not flushed is gone.
#[derive(Default)]
pub(super) struct ForgetsMessagesOnReopen;

#[async_trait]
impl OutboxHarness for ForgetsMessagesOnReopen {
    async fn open(&self, _: &str) -> Messages {
        Arc::new(MemoryStore::builder().clock(PausedClock::new()).build())
    }
}

/// Commits with the messages changed.
async fn changed(
    store: &Messages,
    commit: Commit,
    change: impl FnOnce(Vec<Envelope>) -> Vec<Envelope>,
) -> Answer {
    let Ok((parts, messages)) = opened(&commit) else { return store.commit(commit).await };
    let commit = closed(parts, &change(messages));
    if commit.is_empty() {
        let token = Token::new(store.identity(), Position::START);
        return Ok(Committed::new(Vec::new(), None, token));
    }
    store.commit(commit).await
}

/// Sends the messages of a commit and nothing else.
async fn send_alone(store: &Messages, messages: &[Envelope]) -> Result<()> {
    if !messages.is_empty() {
        store.commit(closed(Parts::default(), messages)).await.unwrap();
    }
    Ok(())
}

/// O1: JSON is parsed and written anew.
#[derive(Debug, Default)]
pub(super) struct TidiesMessages;

#[async_trait]
impl OutboxFlaw for TidiesMessages {
    async fn page(&self, store: &Messages, after: Position, limit: usize) -> Result<FeedPage> {
        let mut page = store.outbox_page(after, limit).await?;
        for event in &mut page.events {
            let json: serde_json::Value = serde_json::from_slice(event.data()).unwrap();
            let tidy = NewEvent::new(event.id(), event.name().clone(), json.to_string());
            *event = restate_as(event, tidy);
        }
        Ok(page)
    }
}

fn restate_as(event: &RecordedEvent, new: NewEvent) -> RecordedEvent {
    new.recorded(freehold::Recording {
        stream: event.stream().clone(),
        version: event.version(),
        position: event.position(),
        recorded_at: event.recorded_at(),
    })
}

/// O1: whatever is sent goes to one key.
#[derive(Debug, Default)]
pub(super) struct ShowsNoKeys;

#[async_trait]
impl OutboxFlaw for ShowsNoKeys {
    async fn page(&self, store: &Messages, after: Position, limit: usize) -> Result<FeedPage> {
        let mut page = store.outbox_page(after, limit).await?;
        for event in &mut page.events {
            *event = restated(event, |at| at.stream = freehold::Outgoing::stream("all").unwrap());
        }
        Ok(page)
    }
}

/// O1: messages are sent before the commit is looked at.
#[derive(Debug, Default)]
pub(super) struct SendsWhatItRefused;

#[async_trait]
impl OutboxFlaw for SendsWhatItRefused {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        let answer = store.commit(commit.clone()).await;
        if let (Err(CommitError::Conflict(_)), Ok((_, messages))) = (&answer, opened(&commit)) {
            send_alone(store, &messages).await?;
        }
        answer
    }
}

/// O1: a repetition sends its messages again.
#[derive(Debug, Default)]
pub(super) struct SendsRepeatsAgain;

#[async_trait]
impl OutboxFlaw for SendsRepeatsAgain {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        let done = store.commit(commit.clone()).await?;
        if let (true, Ok((_, messages))) = (done.is_duplicate(), opened(&commit)) {
            send_alone(store, &messages).await?;
        }
        Ok(done)
    }
}

/// O1: a message with an id that is known is dropped.
#[derive(Debug, Default)]
pub(super) struct DropsKnownMessages(Mutex<HashSet<MessageId>>);

#[async_trait]
impl OutboxFlaw for DropsKnownMessages {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        let is_new = |message: &Envelope| self.0.lock().unwrap().insert(message.id());
        changed(store, commit, |mut messages| {
            messages.retain(is_new);
            messages
        })
        .await
    }
}

/// O2: the messages of a commit are written from the last to the first.
#[derive(Debug, Default)]
pub(super) struct SendsBackward;

#[async_trait]
impl OutboxFlaw for SendsBackward {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        changed(store, commit, |messages| messages.into_iter().rev().collect()).await
    }
}

/// O3: a reader at the end of the log is sent past a message that has yet to appear.
#[derive(Debug, Default)]
pub(super) struct SkipsMessagesUnderLoad;

#[async_trait]
impl OutboxFlaw for SkipsMessagesUnderLoad {
    async fn page(&self, store: &Messages, after: Position, limit: usize) -> Result<FeedPage> {
        let page = store.outbox_page(after, limit).await?;
        if page.has_more || page.events.is_empty() {
            return Ok(page);
        }
        Ok(FeedPage::new(page.events, Position::new(page.upto.get() + 1), false))
    }
}

/// O4: a page never says that more follows.
#[derive(Debug, Default)]
pub(super) struct NeverSaysMoreMessages;

#[async_trait]
impl OutboxFlaw for NeverSaysMoreMessages {
    async fn page(&self, store: &Messages, after: Position, limit: usize) -> Result<FeedPage> {
        let page = store.outbox_page(after, limit).await?;
        Ok(FeedPage::new(page.events, page.upto, false))
    }
}

/// O4: a page of nothing is asked for, and given.
#[derive(Debug, Default)]
pub(super) struct GivesNothingForZero;

#[async_trait]
impl OutboxFlaw for GivesNothingForZero {
    async fn page(&self, store: &Messages, after: Position, limit: usize) -> Result<FeedPage> {
        if limit == 0 {
            return Ok(FeedPage::new(Vec::new(), after, true));
        }
        store.outbox_page(after, limit).await
    }
}

/// O4: the limit of a page is told and not kept.
#[derive(Debug, Default)]
pub(super) struct KeepsNoLimitOnMessages;

static SHORT: Limits = Limits {
    streams_per_commit_max: 10_000,
    events_per_commit_max: 10_000,
    bytes_per_event_max: 1 << 20,
    messages_per_commit_max: 10_000,
    bytes_per_message_max: 1 << 20,
    bytes_per_commit_max: 16 << 20,
    events_per_page_max: 10,
    rows_per_commit_max: 10_000,
    bytes_per_row_max: 1 << 20,
    rows_per_page_max: 1_000,
};

impl OutboxFlaw for KeepsNoLimitOnMessages {
    fn limits<'a>(&'a self, _: &'a Messages) -> &'a Limits {
        &SHORT
    }
}

/// O5: the head counts commits.
#[derive(Debug, Default)]
pub(super) struct CountsCommitsOfMessages(AtomicU64);

#[async_trait]
impl OutboxFlaw for CountsCommitsOfMessages {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        let sends = opened(&commit).is_ok_and(|(_, messages)| !messages.is_empty());
        let done = store.commit(commit).await?;
        self.0.fetch_add(u64::from(sends), Ordering::SeqCst);
        Ok(done)
    }

    async fn head(&self, _: &Messages) -> Result<Position> {
        Ok(Position::new(self.0.load(Ordering::SeqCst)))
    }
}

/// O5: `SELECT max(position)`, of what is there.
#[derive(Debug, Default)]
pub(super) struct LooksForTheHeadInTheLog;

#[async_trait]
impl OutboxFlaw for LooksForTheHeadInTheLog {
    async fn head(&self, store: &Messages) -> Result<Position> {
        let log = whole(store).await?;
        Ok(log.last().map_or(Position::START, RecordedEvent::position))
    }
}

/// O5: the same of the end.
#[derive(Debug, Default)]
pub(super) struct LooksForTheEndInTheLog;

#[async_trait]
impl OutboxFlaw for LooksForTheEndInTheLog {
    async fn end(&self, store: &Messages) -> Result<Position> {
        LooksForTheHeadInTheLog.head(store).await
    }
}

/// O6: always waits for one more message.
#[derive(Debug, Default)]
pub(super) struct WaitsForTheNextMessage;

#[async_trait]
impl OutboxFlaw for WaitsForTheNextMessage {
    async fn changed(&self, store: &Messages, _: Position) -> Result<()> {
        store.outbox_changed(store.outbox_head().await?).await
    }
}

/// O6: never waits.
#[derive(Debug, Default)]
pub(super) struct WakesAtOnceForMessages;

#[async_trait]
impl OutboxFlaw for WakesAtOnceForMessages {
    async fn changed(&self, _: &Messages, _: Position) -> Result<()> {
        Ok(())
    }
}

/// O6: looks, and then begins to listen: a message in between is not heard.
#[derive(Debug, Default)]
pub(super) struct LosesWakeUpsOfMessages;

#[async_trait]
impl OutboxFlaw for LosesWakeUpsOfMessages {
    async fn changed(&self, store: &Messages, after: Position) -> Result<()> {
        if store.outbox_head().await? > after {
            return Ok(());
        }
        yield_now().await;
        store.outbox_changed(store.outbox_head().await?).await
    }
}

/// O6: a handle hears of its own commits only, and not of what comes due.
#[derive(Debug, Default)]
pub(super) struct HearsOnlyItsOwnMessages(watch::Sender<Position>);

#[async_trait]
impl OutboxFlaw for HearsOnlyItsOwnMessages {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        self.0.send_replace(store.outbox_head().await?);
        Ok(done)
    }

    async fn changed(&self, store: &Messages, after: Position) -> Result<()> {
        let mut heard = self.0.subscribe();
        if store.outbox_head().await? <= after {
            heard.wait_for(|head| *head > after).await.unwrap();
        }
        Ok(())
    }
}

/// O6: a message wakes one of those who wait, and that one may be gone.
#[derive(Debug, Default)]
pub(super) struct WakesOneOfManyForMessages(Notify);

#[async_trait]
impl OutboxFlaw for WakesOneOfManyForMessages {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        self.0.notify_one();
        Ok(done)
    }

    async fn changed(&self, store: &Messages, after: Position) -> Result<()> {
        while store.outbox_head().await? <= after {
            self.0.notified().await;
        }
        Ok(())
    }
}

/// O7: `<` where it should be `<=`.
#[derive(Debug, Default)]
pub(super) struct KeepsTheLastThatIsTrimmed;

#[async_trait]
impl OutboxFlaw for KeepsTheLastThatIsTrimmed {
    async fn trim(&self, store: &Messages, upto: Position) -> Result<u64> {
        store.outbox_trim(Position::new(upto.get().saturating_sub(1))).await
    }
}

/// O7: the count is that of the positions, not of what was there.
#[derive(Debug, Default)]
pub(super) struct CountsWhatIsLongGone;

#[async_trait]
impl OutboxFlaw for CountsWhatIsLongGone {
    async fn trim(&self, store: &Messages, upto: Position) -> Result<u64> {
        store.outbox_trim(upto).await?;
        Ok(upto.min(store.outbox_head().await?).get())
    }
}

/// O7: positions are counted anew in what is there.
#[derive(Debug, Default)]
pub(super) struct NumbersWhatIsThere;

#[async_trait]
impl OutboxFlaw for NumbersWhatIsThere {
    async fn page(&self, store: &Messages, after: Position, _: usize) -> Result<FeedPage> {
        let mut log = whole(store).await?;
        for (n, event) in (1..).zip(&mut log) {
            *event = restated(event, |at| {
                at.position = Position::new(n);
                at.version = freehold::StreamVersion::new(n);
            });
        }
        log.retain(|event| event.position() > after);
        let upto = log.last().map_or(after, RecordedEvent::position);
        Ok(FeedPage::new(log, upto, false))
    }

    async fn trim(&self, store: &Messages, _: Position) -> Result<u64> {
        store.outbox_trim(store.outbox_head().await?).await
    }
}

/// O8: nothing waits for its time.
#[derive(Debug, Default)]
pub(super) struct DeliversAtOnce;

#[async_trait]
impl OutboxFlaw for DeliversAtOnce {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        let now = |messages: Vec<_>| messages.iter().map(|message| at(message, None)).collect();
        changed(store, commit, now).await
    }
}

/// O8: what is due comes without being asked for, so that it comes anywhere.
#[derive(Debug, Default)]
pub(super) struct AsksForItself;

#[async_trait]
impl OutboxFlaw for AsksForItself {
    async fn page(&self, store: &Messages, after: Position, limit: usize) -> Result<FeedPage> {
        store.outbox_due(usize::MAX).await?;
        store.outbox_page(after, limit).await
    }
}

/// O8: when the next one is due is not told.
#[derive(Debug, Default)]
pub(super) struct TellsNoNextTime;

#[async_trait]
impl OutboxFlaw for TellsNoNextTime {
    async fn due(&self, store: &Messages, limit: usize) -> Result<Due> {
        store.outbox_due(limit).await.map(|_| None)
    }
}

/// O8: a commit has one time for all its messages, the latest.
#[derive(Debug, Default)]
pub(super) struct KnowsOneTimeACommit;

#[async_trait]
impl OutboxFlaw for KnowsOneTimeACommit {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        changed(store, commit, |messages| {
            let latest = messages.iter().filter_map(Envelope::deliver_at).max();
            messages.iter().map(|message| at(message, latest)).collect()
        })
        .await
    }
}

/// O8: all that is due comes, however little was asked for.
#[derive(Debug, Default)]
pub(super) struct DeliversAllThatIsDue;

#[async_trait]
impl OutboxFlaw for DeliversAllThatIsDue {
    async fn due(&self, store: &Messages, _: usize) -> Result<Due> {
        store.outbox_due(usize::MAX).await
    }
}

/// O8: two that ask at once both find a message due.
#[derive(Debug, Default)]
pub(super) struct DeliversToEachThatAsks(AtomicUsize);

#[async_trait]
impl OutboxFlaw for DeliversToEachThatAsks {
    async fn due(&self, store: &Messages, limit: usize) -> Result<Due> {
        self.0.fetch_add(1, Ordering::SeqCst);
        yield_now().await;
        let before = store.outbox_head().await?;
        let next = store.outbox_due(limit).await?;
        let came = store.outbox_page(before, limit).await?;
        if self.0.fetch_sub(1, Ordering::SeqCst) > 1 {
            let read = |event: &RecordedEvent| Envelope::stored(event.data()).unwrap();
            let again: Vec<_> = came.events.iter().map(read).collect();
            send_alone(store, &again).await?;
        }
        Ok(next)
    }
}

/// O9: what is not due is kept in the handle.
#[derive(Debug, Default)]
pub(super) struct KeepsTheUndueToItself(Mutex<Due>);

#[async_trait]
impl OutboxFlaw for KeepsTheUndueToItself {
    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        changed(store, commit, |mut messages| {
            let times = messages.iter().filter_map(Envelope::deliver_at).min();
            *self.0.lock().unwrap() = times;
            messages.retain(|message| message.deliver_at().is_none());
            messages
        })
        .await
    }

    async fn due(&self, _: &Messages, _: usize) -> Result<Due> {
        Ok(*self.0.lock().unwrap())
    }
}
