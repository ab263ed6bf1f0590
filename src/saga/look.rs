//! Looks at one saga, or at one event of its log, and waits for what becomes of it.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::contract::Saga;
use super::desk::{Desk, Wake};
use super::error::OperateError;
use super::id::{CATEGORY, SagaId};
use super::instance::{Instance, Opened, end, records};
use super::outcome::told;
use super::record::Record;
use super::sagas::Sagas;
use super::show::{Ended, GivenUp, Listed, Row, Standing};
use crate::event;
use crate::ports::{EventStore, EventStoreExt};
use crate::types::{ReadFrom, RecordedEvent, StreamVersion};

/// How often somebody who waits for an end looks into the log, if nobody tells.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same while it is here: more and more seldom.
const LOOK_EVERY_MAX: Duration = Duration::from_mins(1);

/// Where a saga is, or how it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// It is not over.
    Open(Listed),
    /// It is over.
    Over(Ended),
}

/// What an event in the log of a saga says to others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News<I> {
    /// It was started, with this.
    Started(I),
    /// It is under way, and something has happened.
    GoesOn,
    /// It is over.
    Ended(Ended),
}

/// Of which saga an event says what, if it is of one.
type Told<I> = Option<(SagaId, News<I>)>;

impl Sagas {
    /// Where a saga is, as its own log says: to the moment, where the [list](Sagas::list) may be behind.
    ///
    /// # Errors
    /// [`OperateError::Missing`] if it was never started; [`OperateError::Read`] if its log cannot be read.
    pub async fn find(&self, id: &SagaId) -> Result<Found, OperateError> {
        let missing = || OperateError::Missing(id.clone());
        let events = self.0.store.read_tail(id.stream(), StreamVersion::NONE).await?;
        let first = events.first().ok_or_else(missing)?;
        if let Some(ended) = end(&events) {
            return Ok(Found::Over(ended));
        }
        let mut row = Row::started(None, first.recorded_at());
        for event in events.iter().filter(|event| !event.closes()) {
            match event::decode::<Record>(event) {
                Ok(record) => drop(row.apply(&record, event.recorded_at())),
                // It is stuck, as is found out below.
                Err(_) => row.since = event.recorded_at(),
            }
        }
        if let Opened::Stuck(why) = Instance::of(&self.0.book, id, &events) {
            row.standing = Standing::Stuck;
            row.why = Some(why);
        }
        Ok(Found::Open(row.listed(id.clone())))
    }

    /// Waits for the end of a saga, whoever runs it. A saga that waits for an operator is not over.
    ///
    /// # Errors
    /// [`OperateError::Missing`] if it was never started; [`OperateError::Read`] if its log cannot be read.
    ///
    /// # Cancel safety
    /// Waiting changes nothing; the future may be dropped.
    pub async fn ended(&self, id: &SagaId) -> Result<Ended, OperateError> {
        let mut listening = Listening::new(&self.0.desk, id);
        loop {
            if listening.begins_with_a_look()
                && let Some(ended) = self.has_ended(id).await?
            {
                self.0.desk.wake_if_held(id);
                return Ok(ended);
            }
            if let Some(ended) = listening.end().await {
                return Ok(ended);
            }
        }
    }

    /// How a saga has ended, if it has.
    ///
    /// # Errors
    /// As [`Sagas::ended`].
    pub async fn has_ended(&self, id: &SagaId) -> Result<Option<Ended>, OperateError> {
        let mut page = self.0.store.read_stream(id.stream(), ReadFrom::End, 1).await?;
        if page.events.first().is_some_and(RecordedEvent::closes) {
            page = self.0.store.read_stream(id.stream(), ReadFrom::End, 2).await?;
        }
        let last = records(&page.events).map_err(OperateError::Unreadable)?;
        let (last, _) = last.first().ok_or_else(|| OperateError::Missing(id.clone()))?;
        Ok(Ended::of(last))
    }

    /// Waits until a saga is over, or waits for an operator: until nothing more comes of it by itself.
    ///
    /// # Errors
    /// As [`Sagas::find`].
    ///
    /// # Cancel safety
    /// Waiting changes nothing; the future may be dropped.
    pub async fn rested(&self, id: &SagaId) -> Result<Found, OperateError> {
        let mut listening = Listening::new(&self.0.desk, id);
        loop {
            if listening.begins_with_a_look() {
                let found = self.find(id).await?;
                let goes_on = |saga: &Listed| !saga.needs_somebody();
                if !matches!(&found, Found::Open(saga) if goes_on(saga)) {
                    return Ok(found);
                }
            }
            if let Some(ended) = listening.end().await {
                return Ok(Found::Over(ended));
            }
        }
    }

    /// Takes a saga over now, and does not wait until the lease of the process that ran it has expired: for who knows that
    /// this process is no more. If it is still there, the saga is taken from it, and is right all the same.
    pub fn take_over(&self, id: &SagaId) {
        self.0.desk.wake(id, Wake::ForGood);
    }

    /// What an event says of a saga of this definition, to whoever follows the log; nothing if it is of none.
    ///
    /// # Errors
    /// [`OperateError::Unreadable`] if what it says cannot be read.
    pub fn news<S: Saga>(event: &RecordedEvent) -> Result<Told<S::Input>, OperateError> {
        let unreadable =
            |error: &(dyn std::error::Error + 'static)| OperateError::Unreadable(told(error));
        if event.stream().category() != CATEGORY {
            return Ok(None);
        }
        let Some(id) = SagaId::of(event.stream()).filter(|id| id.name() == S::NAME) else {
            return Ok(None);
        };
        // What a step has given back is of no interest, and may be long.
        if event.closes() || matches!(event.name().as_str(), "Done" | "Settled") {
            return Ok(Some((id, News::GoesOn)));
        }
        let record = event::decode::<Record>(event).map_err(|error| unreadable(&error))?;
        let news = match (&record, Ended::of(&record)) {
            (_, Some(ended)) => News::Ended(ended),
            (Record::Started(started), None) => {
                News::Started(started.input.read().map_err(|error| unreadable(&error))?)
            }
            _ => News::GoesOn,
        };
        Ok(Some((id, news)))
    }
}

/// Listens for the end of a saga. Who has it here tells of it, or lets go of it; but while it is parked, another may take it
/// over unheard. So its log is looked at where nobody has it, and now and then where somebody has.
struct Listening<'s> {
    desk: &'s Desk,
    id: &'s SagaId,
    told: Option<oneshot::Receiver<Ended>>,
    is_here: bool,
    is_late: bool,
    patience: Duration,
}

impl<'s> Listening<'s> {
    const fn new(desk: &'s Desk, id: &'s SagaId) -> Self {
        Self { desk, id, told: None, is_here: false, is_late: false, patience: LOOK_EVERY }
    }

    /// Begins to listen; whether the log is to be looked at now. What happens from here on is heard.
    fn begins_with_a_look(&mut self) -> bool {
        let (told, is_here) = self.desk.wait_for(self.id);
        (self.told, self.is_here) = (Some(told), is_here);
        self.is_late || !self.is_here
    }

    /// The end, if it is told in time.
    async fn end(&mut self) -> Option<Ended> {
        match timeout(self.patience, self.told.as_mut()?).await {
            Ok(Ok(ended)) => {
                // Whoever tells strikes all off the list of those who wait.
                self.told = None;
                return Some(ended);
            }
            Ok(Err(_)) => {}
            Err(_) if self.is_here => {
                self.is_late = true;
                self.patience = LOOK_EVERY_MAX.min(2 * self.patience);
            }
            Err(_) => self.patience = LOOK_EVERY,
        }
        self.told = None;
        None
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        if self.told.take().is_some() {
            self.desk.waits_no_more(self.id);
        }
    }
}

impl GivenUp {
    /// Why a saga was given up, as its log says; nothing if it was not. A compensation that must know asks the store that
    /// holds the saga.
    ///
    /// # Errors
    /// [`OperateError::Read`] and [`OperateError::Unreadable`].
    pub async fn of(store: &dyn EventStore, id: &SagaId) -> Result<Option<Self>, OperateError> {
        let events = store.read_tail(id.stream(), StreamVersion::NONE).await?;
        let records = records(&events).map_err(OperateError::Unreadable)?;
        Ok(records.iter().find_map(|(record, _)| match record {
            Record::Unwind { cause, .. } => Some(Self::from(cause)),
            Record::Operator { actor, action, reason } if action.gives_up() => {
                Some(Self::ByHand { actor: actor.clone(), reason: reason.clone() })
            }
            _ => None,
        }))
    }
}
